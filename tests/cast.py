"""The people and benches of the tests.

olga operates bench 7, dev develops, vera only views, ada administers. otto is from elsewhere: the program of another
station, which must get nothing of bench 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from portal.database import Db
from portal.models import Procedure, Station, User
from portal.services import passwords
from portal.services.actors import SYSTEM, Actor, Role
from portal.services.api_keys import create_station_key, create_user_key
from portal.services.procedures import create_procedure
from portal.services.run_input import RunIn
from portal.services.stations import create_station
from portal.services.users import actor_of

PASSWORD = "correct horse battery"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Cast:
    """Who acts, and on what."""

    ada: Actor
    dev: Actor
    vera: Actor
    olga: Actor
    otto: Actor
    bench: Actor
    station: Station
    other_station: Station
    procedure: Procedure
    other_procedure: Procedure


def gather(db: Db) -> Cast:
    """All of them, in an empty portal: bench 7 may run the first procedure, otto's bench the other one."""
    procedure = create_procedure(db, SYSTEM, "PCBA functional test", "pcba_functional")
    other = create_procedure(db, SYSTEM, "Final inspection")
    station = create_station(db, SYSTEM, "Bench 7", [procedure.id])
    elsewhere = create_station(db, SYSTEM, "Otto's bench", [other.id])
    return Cast(
        ada=person(db, "ada", Role.ADMIN),
        dev=person(db, "dev", Role.DEVELOPER),
        vera=person(db, "vera", Role.VIEWER),
        olga=person(db, "olga", Role.OPERATOR),
        otto=Actor("station", elsewhere.id, elsewhere.name),
        bench=Actor("station", station.id, station.name),
        station=station,
        other_station=elsewhere,
        procedure=procedure,
        other_procedure=other,
    )


def person(db: Db, name: str, role: Role) -> Actor:
    """Somebody with that role. Hashing is slow on purpose, so all share one password and its hash."""
    email = f"{name}@example.com"
    user = User(
        email=email, email_key=email, name=name.title(), role=role.value, password_hash=_hash(), created_at=NOON
    )
    with db.write():
        db.session.add(user)
    return actor_of(user)


def keys(db: Db, cast: Cast) -> dict[str, str]:
    """An API key for each, by name."""
    people = {"ada": cast.ada, "dev": cast.dev, "vera": cast.vera, "olga": cast.olga}
    users = {name: db.session.get_one(User, actor.id) for name, actor in people.items()}
    made = {name: create_user_key(db, SYSTEM, user) for name, user in users.items()}
    return made | {
        "bench": create_station_key(db, SYSTEM, cast.station.id),
        "otto": create_station_key(db, SYSTEM, cast.other_station.id),
    }


def record(cast: Cast, **changes: Any) -> dict[str, Any]:
    """The body of a run that bench 7 uploads."""
    return {
        "procedure_id": cast.procedure.id,
        "serial_number": "SN-0001",
        "part_number": "PCBA-100",
        "outcome": "PASS",
        "started_at": NOON.isoformat(),
        "ended_at": (NOON + timedelta(seconds=12.5)).isoformat(),
    } | changes


def run_in(cast: Cast, **changes: Any) -> RunIn:
    """The same, as the service takes it."""
    return RunIn.model_validate(record(cast, **changes))


@cache
def _hash() -> str:
    return passwords.store(PASSWORD)
