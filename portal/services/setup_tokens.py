"""Setup tokens: one machine becomes the installation of a station, once, within an hour.

Source: contract/station-agent.md §1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, select, update

from portal.announcements import LinkRevoked, StationChanged, StationEnrolled
from portal.errors import BadRequest
from portal.models import Installation, SetupToken, Station, User
from portal.models.base import new_id
from portal.services import audit, names, secrets
from portal.services.actors import Actor, Permission, require
from portal.services.api_keys import insert_key
from portal.services.installations import end_installation, find_installation, take_turn
from portal.services.station_lookup import find_station, get_station
from portal.services.upsert import changed

if TYPE_CHECKING:
    from portal.database import Db

LENGTH = 64
NEXT_STEP = "Create a new one on the station's page."


@dataclass(frozen=True)
class IssuedToken:
    """A new token. It is shown now, and never again."""

    token: str
    expires_at: datetime


@dataclass(frozen=True)
class MachineFacts:
    """What a machine says of itself when it enrols."""

    hostname: str
    os: str
    platform: str
    program_version: str
    mac_address: str | None = None
    address: str | None = None


@dataclass(frozen=True)
class Enrolment:
    """What the machine gets. ``replaced_installations``: how many earlier ones have just been revoked."""

    api_key: str
    station: Station
    installation_id: str
    replaced_installations: int


def issue_setup_token(db: Db, actor: Actor, station_id: str, now: datetime | None = None) -> IssuedToken:
    """Make a token for the station; older unused ones of it stop working. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.EDIT)
    now = now or datetime.now(UTC)
    issued = IssuedToken(secrets.new_token(LENGTH), now + timedelta(seconds=db.settings.setup_token_lifetime_s))
    with db.write():
        station = get_station(db, actor, station_id)
        db.session.execute(
            update(SetupToken).where(SetupToken.station_id == station.id, _is_open()).values(withdrawn_at=now)
        )
        db.session.add(
            SetupToken(
                station_id=station.id,
                token_hash=secrets.digest(issued.token),
                created_at=now,
                created_by_user_id=actor.user_id,
                expires_at=issued.expires_at,
            )
        )
        audit.record(db, actor, "station:token_issued", station)
    return issued


def redeem_setup_token(db: Db, token: str, facts: MachineFacts, now: datetime | None = None) -> Enrolment:
    """Exchange a token for a key. The machine that was enrolled before is replaced: its key stops working.

    Raises `BadRequest` with one sentence that says why the token does not work, and what to do.
    """
    now = now or datetime.now(UTC)
    token_hash = secrets.digest(token.strip())
    with db.write():
        issued_for = db.session.scalar(select(SetupToken.station_id).where(SetupToken.token_hash == token_hash))
        take_turn(db, issued_for or "none")  # first of all: who removes the station takes its tokens after it as well
        # One conditional update: of two machines that redeem the same token at once, one gets it.
        used = update(SetupToken).where(SetupToken.token_hash == token_hash, _is_open(), SetupToken.expires_at > now)
        if not changed(db.session.execute(used.values(used_at=now))):
            raise BadRequest(_why_refused(db, token_hash), "token")
        issued = select(SetupToken.station_id, User.name, User.email).outerjoin(
            User, User.id == SetupToken.created_by_user_id
        )
        station_id, *maker = db.session.execute(issued.where(SetupToken.token_hash == token_hash)).one()
        station = find_station(db, station_id)
        if station is None:
            raise BadRequest(f"The station of this setup token no longer exists. {NEXT_STEP}", "token")
        earlier = find_installation(db, station.id)
        if earlier is not None:
            why = _replaced_by(names.cut(facts.hostname, 100) or "unknown", next(filter(None, maker), None))
            key_ids = end_installation(db, earlier, why, now)
            db.announce(LinkRevoked(station.id, f"it was {why}", key_ids, is_replaced=True))
        machine = _insert_installation(db, station, facts, now)
        key = insert_key(db, "sms", "station program", station_id=station.id, installation_id=machine.id)
        actor = Actor("station", station.id, station.name, installation_id=machine.id, address=facts.address)
        audit.record(
            db, actor, "station:enrolled", station,
            hostname=machine.hostname, address=machine.address, replaced=int(earlier is not None),
        )  # fmt: skip
        if earlier is not None:
            audit.record(db, actor, "station:machine_replaced", station, hostname=earlier.hostname, by=machine.hostname)
        db.announce(StationEnrolled(station.id))
        db.announce(StationChanged(station.id))
    return Enrolment(key, station, machine.id, int(earlier is not None))


def _is_open() -> ColumnElement[bool]:
    return SetupToken.used_at.is_(None) & SetupToken.withdrawn_at.is_(None)


def _why_refused(db: Db, token_hash: str) -> str:
    token = db.session.scalar(select(SetupToken).where(SetupToken.token_hash == token_hash))
    if token is None:
        return f"This setup token is not known: copy all of it, 64 characters. {NEXT_STEP}"
    if token.used_at is not None:
        return f"This setup token was already used: they are single-use. {NEXT_STEP}"
    if token.withdrawn_at is not None:
        return f"This setup token was replaced by a newer one. {NEXT_STEP}"
    return f"This setup token expired after {_lifetime(token)}. {NEXT_STEP}"


def _lifetime(token: SetupToken) -> str:
    seconds = round((token.expires_at - token.created_at).total_seconds())
    if seconds == 3600:
        return "one hour"
    return f"{seconds // 60} minutes" if seconds >= 120 else f"{seconds} seconds"


def _replaced_by(hostname: str, maker: str | None) -> str:
    return f"replaced by host {hostname}" + (f" (setup token of {maker[:60]})" if maker else "")


def _insert_installation(db: Db, station: Station, facts: MachineFacts, now: datetime) -> Installation:
    machine = Installation(
        id=new_id(),
        station_id=station.id,
        hostname=names.cut(facts.hostname, 255) or "unknown",
        os=names.cut(facts.os, 200) or "unknown",
        platform=names.cut(facts.platform, 100) or "unknown",
        program_version=names.cut(facts.program_version, 60) or "unknown",
        mac_address=names.cut(facts.mac_address, 60),
        address=names.cut(facts.address, 64),
        uploads_waiting=0,
        enrolled_at=now,
    )
    db.session.add(machine)
    db.session.flush()  # before its key, which refers to it
    return machine
