"""Statements handed to the driver itself mean what they mean through SQLAlchemy."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError

from portal import driver
from portal.database import Db
from portal.models import ApiKey, Station
from portal.services.runs import create_run
from tests.cast import NOON, Cast, keys, run_in

KEYS, STATIONS = ApiKey.__table__.c, Station.__table__.c
OF_STATION = select(KEYS.id, KEYS.last_used_at, KEYS.user_id, KEYS.created_at).where(
    KEYS.station_id == bindparam("station"), KEYS.created_at <= bindparam("until", type_=KEYS.created_at.type)
)
USE: Any = update(ApiKey).where(KEYS.id == bindparam("key")).values(last_used_at=bindparam("at"))


def test_values_go_in_and_come_out_as_through_sqlalchemy(db: Db, cast: Cast) -> None:
    keys(db, cast)
    known = {"station": cast.station.id, "until": datetime.now(UTC)}
    before = driver.first(db, OF_STATION, **known)

    with db.write():
        driver.change(db, USE, key=before.id, at=NOON)
        inside = driver.first(db, OF_STATION, **known)

    assert before.last_used_at is None
    assert (inside.last_used_at, inside.user_id) == (NOON, None)
    assert driver.every(db, OF_STATION, **known) == [tuple(row) for row in db.session.execute(OF_STATION, known)]
    assert driver.first(db, OF_STATION, station="nobody", until=NOON) is None


def test_what_is_rolled_back_was_never_there(db: Db, cast: Cast) -> None:
    keys(db, cast)
    known = {"station": cast.station.id, "until": datetime.now(UTC)}
    key = driver.first(db, OF_STATION, **known)

    with contextlib.suppress(RuntimeError), db.write():
        driver.change(db, USE, key=key.id, at=NOON)
        raise RuntimeError

    assert driver.first(db, OF_STATION, **known) == key


def test_errors_are_sqlalchemys(db: Db, cast: Cast) -> None:
    rename = update(Station).where(STATIONS.id == bindparam("station")).values(name=bindparam("new", None))

    with pytest.raises(IntegrityError), db.write():
        driver.change(db, rename, station=cast.station.id, new=None)

    create_run(db, cast.bench, run_in(cast))  # nothing was left open
