"""Units are found by any piece of their serial number, whether or not the chore has come to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from portal.database import Database, Db
from portal.models import UnitSerialPiece
from portal.services import serial_search
from portal.services.names import same
from portal.services.runs import create_run
from portal.services.serial_search import keep_serial_pieces, units_with_piece
from portal.services.unit_lookup import find_unit
from portal.services.units import UnitChanges, delete_units, update_unit
from tests.cast import Cast, run_in
from tests.core.test_run_lists import explain, listening

SERIALS = ["ORV3-12K-2026-000123", "ORV3-12K-2026-000124", "orv3-12k-2026-100123", "100%_ß", "Ä-1", "1"]


def soon() -> datetime:
    """When the chore comes to what was stored just now."""
    return datetime.now(UTC) + timedelta(minutes=11)


def store(db: Db, cast: Cast, serials: list[str] = SERIALS) -> dict[str, str]:
    """The units' serial numbers, by id."""
    for serial in serials:
        create_run(db, cast.bench, run_in(cast, serial_number=serial))
    return {find_unit(db, serial).id: serial for serial in serials}


def found_by(db: Db, units: dict[str, str], typed: str) -> list[str]:
    ids = units_with_piece(db, same(typed), 200)
    assert ids is not None
    return sorted(units[one] for one in ids)


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "new"])
def test_every_piece_finds_its_units(db: Db, cast: Cast, is_kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_search, "AT_ONCE", 2)
    units = store(db, cast)
    if is_kept:
        assert keep_serial_pieces(db, soon()) == len(SERIALS)
        assert keep_serial_pieces(db, soon()) == 0

    for serial in SERIALS:
        key = same(serial)
        for start in range(len(key)):
            for end in range(start + 1, len(key) + 1):
                wanted = sorted(one for one in SERIALS if key[start:end] in same(one))
                assert found_by(db, units, key[start:end]) == wanted, key[start:end]
    assert found_by(db, units, "0%_") == ["100%_ß"]
    assert found_by(db, units, "2026-000125") == []
    assert units_with_piece(db, "1", 5) is None


def test_a_renamed_unit_is_found_by_its_new_number_only_and_a_deleted_one_not_at_all(db: Db, cast: Cast) -> None:
    units = store(db, cast, ["KEPT-1"])
    keep_serial_pieces(db, soon())

    update_unit(db, cast.dev, "KEPT-1", UnitChanges(new_serial_number="MOVED-2"))

    unit_id = next(iter(units))
    assert units_with_piece(db, "kept", 5) == []
    assert units_with_piece(db, "oved-", 5) == [unit_id]
    with db.write():
        db.session.execute(text("DELETE FROM runs"))
    delete_units(db, cast.dev, ["MOVED-2"])
    assert db.session.query(UnitSerialPiece).count() == 0


def test_units_of_the_last_minutes_are_left_to_the_next_turn(db: Db, cast: Cast) -> None:
    store(db, cast, ["NEW-1"])

    assert keep_serial_pieces(db) == 0
    assert keep_serial_pieces(db, soon()) == 1


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_no_table_is_read_as_a_whole(db: Db, database: Database, cast: Cast) -> None:
    store(db, cast)
    keep_serial_pieces(db, soon())

    with listening(database) as heard:
        units_with_piece(db, "000123", 200)

    plans = [explain(db, statement, parameters) for statement, parameters in heard]
    assert not [step for plan in plans for step in plan if step.startswith(("SCAN unit", "SCAN run"))], plans
