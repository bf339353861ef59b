"""The audit trail: every change is noted, with its values; failures to sign in cannot flood it; it is only added to."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import portal.services
from portal.database import Database, Db
from portal.errors import Forbidden, Invalid, TooManyRequests
from portal.models import AuditEntry
from portal.services import audit, audit_trail, batches, failed_sign_ins, live_acts, parts, sign_ins, units
from portal.services.actors import SYSTEM
from portal.services.audit_trail import AuditQuery
from portal.services.overview import show_figures, show_fleet
from portal.services.paging import Place
from portal.services.palette import find_by_name
from portal.services.parts import NewPart, PartChanges
from portal.services.presence import mark_down, mark_up
from portal.services.runs import create_run
from portal.services.units import NewUnit, UnitChanges
from tests.cast import PASSWORD, Cast, run_in
from tests.core.test_stations import count_statements

# Functions that write without an entry, and why that is so. All others that open a write transaction make one.
UNNOTED = {
    "api_keys.py:_note_use": "notes when a key was last used",
    "attachments.py:receive_upload": "the bytes of a file that was announced, which has its entry",
    "attachments.py:remove_attachments": "`delete_attachments` notes each",
    "attachments.py:create_attachment": "`_note` does, but for a station's own files",
    "attachments.py:announce_upload": "the same",
    "units.py:detach_from_unit": "`delete_attachments` notes each",
    "picture_uploads.py:redraw_upload": "`change_station` notes the picture",
    "station_pictures.py:set_picture": "`change_station` notes it",
    "idempotency.py:once": "keeps an answer",
    "installations.py": "facts that a station's program tells of its machine",
    "presence.py": "presence is a history of its own",
    "rate_limits.py": "counts tries",
    "run_batches.py": "records of runs say themselves who sent them",
    "runs.py": "records of runs say themselves who sent them",
    "serial_search.py:keep_serial_pieces": "what units are found by, which have their entries",
    "v1_runs.py": "records of runs say themselves who sent them",
    "procedure_stations.py:link_pairs": "`link_procedure` notes each",
    "station_bulk.py:link_stations": "`link_procedure` notes each",
    "station_bulk.py:remove_stations": "`remove_station` notes each",
    "station_changes.py:update_station": "`change_station` notes it",
    "station_settings.py:save_settings": "`change_station` notes it",
    "sign_ins.py:find_user_by_token": "notes when a sign-in was last used",
    "station_days.py": "sums of what presence tells",
    "upload_pruning.py": "files that were announced and never came",
    "v1_units.py": "each unit that is built in has its entry",
    "webhook_deliveries.py:claim_next": "the portal's own thread",
    "webhook_deliveries.py:note_outcome": "the portal's own thread",
    "webhook_deliveries.py:prune_deliveries": "the portal's own thread",
}
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NEWEST = Place("at", limit=100)


def trail(db: Db, cast: Cast, **query: object) -> list[audit_trail.AuditRow]:
    return audit_trail.page_trail(db, cast.ada, AuditQuery(**query), NEWEST).items


def test_every_function_that_writes_notes_who_did_it() -> None:
    silent = []
    for file in sorted(Path(portal.services.__file__).parent.rglob("*.py")):
        for function in ast.walk(ast.parse(file.read_text())):
            if isinstance(function, ast.FunctionDef):
                called = {ast.unparse(one.func) for one in ast.walk(function) if isinstance(one, ast.Call)}
                notes = any("record" in name.rpartition(".")[2] and "recorded" not in name for name in called)
                if "db.write" in called and not notes:
                    silent.append(f"{file.name}:{function.name}")

    assert [one for one in silent if one not in UNNOTED and one.partition(":")[0] not in UNNOTED] == []


def test_changes_are_noted_with_their_values(db: Db, cast: Cast) -> None:
    parts.create_part(db, cast.dev, NewPart("PCBA-100", name="Card"))
    parts.update_part(db, cast.dev, "PCBA-100", PartChanges(new_number="PCBA-101", metadata={"line": "north"}))
    batches.create_batch(db, cast.dev, "W48")
    batches.rename_batch(db, cast.dev, "W48", "W49")
    units.create_unit(db, cast.dev, NewUnit("SN-1", "PCBA-101", "A"))
    units.update_unit(db, cast.dev, "SN-1", UnitChanges(batch_number="W49", sample="golden"))
    units.delete_units(db, cast.dev, ["SN-1"])

    said = {row.action: {one.name: (one.before, one.after) for one in row.changes} for row in trail(db, cast)}
    whats = [row.what for row in trail(db, cast, object_kind="batches")]

    assert said["part:changed"] == {"number": ("PCBA-100", "PCBA-101"), "metadata.line": (None, "north")}
    assert said["unit:changed"] == {"batch_number": (None, "W49"), "sample": (None, "golden")}
    assert said["unit:deleted"]["serial_number"] == ("SN-1", None)
    assert whats == ["renumbered it from “W48” to “W49”", "made the batch"]


def test_links_lead_to_what_is_still_there(db: Db, cast: Cast) -> None:
    units.create_unit(db, cast.dev, NewUnit("SN-1", "PCBA-100", "A"))
    units.create_unit(db, cast.dev, NewUnit("SN-2", "PCBA-100", "A"))
    units.delete_units(db, cast.dev, ["SN-2"])

    found = trail(db, cast, object_kind="units")

    assert [(row.object_name, row.page_key) for row in found] == [("SN-2", None), ("SN-2", None), ("SN-1", "SN-1")]


def test_it_is_narrowed_by_who_what_when_and_text(db: Db, cast: Cast) -> None:
    batches.create_batch(db, cast.dev, "100%_W48")
    batches.create_batch(db, cast.ada, "W49")
    (newest, _) = trail(db, cast, object_kind="batches")

    assert len(trail(db, cast, actor_id=cast.dev.id)) == 1
    assert [row.object_name for row in trail(db, cast, text="0%_w")] == ["100%_W48"]
    assert {row.who for row in trail(db, cast, actor_kind="system")} == {SYSTEM.name}
    assert trail(db, cast, after=newest.at + timedelta(seconds=1)) == []
    assert newest.id not in {row.id for row in trail(db, cast, until=newest.at)}
    assert [row.id for row in audit_trail.export_entries(db, cast.ada, AuditQuery(action="batch:created"))] == [
        row.id for row in trail(db, cast, action="batch:created")
    ]
    with pytest.raises(Forbidden):
        next(audit_trail.export_entries(db, cast.dev, AuditQuery()))


def test_old_entries_read_as_new_ones(db: Db, cast: Cast) -> None:
    with db.write():
        audit.record(db, cast.dev, "station:renamed", cast.station, before="Bench", after="Bench 7")
        audit.record(db, cast.dev, "procedure:changed", cast.procedure, before={"name": "A"}, after={"name": "B"})
        audit.record(db, cast.dev, "run:metadata_changed", cast.station, keys=["line", "shift"])
        audit.record(db, cast.dev, "station:enrolled", cast.station, address="10.0.0.7")

    enrolled, metadata, changed, renamed = trail(db, cast)[:4]

    assert renamed.what == "renamed it from “Bench” to “Bench 7”"
    assert (changed.what, changed.changes[0].before, changed.changes[0].after) == ("changed it: name", "A", "B")
    assert metadata.what == "changed its metadata: line, shift"
    pictured = AuditEntry(action="station:changed", details={"fields": "image, team"})
    assert audit.sentence(pictured) == "changed it: picture, team"
    assert (enrolled.what, enrolled.address) == ("enrolled the machine …", "10.0.0.7")


@pytest.mark.parametrize("change", ["DELETE FROM audit_entries", "UPDATE audit_entries SET action = 'x:y'"])
def test_the_database_itself_refuses_to_change_it(db: Db, cast: Cast, change: str) -> None:
    with pytest.raises(DBAPIError, match="only ever added to"), db.write():
        db.session.execute(text(change))
    assert trail(db, cast) != []


def test_a_flood_of_failed_sign_ins_makes_few_entries_and_none_is_lost(db: Db, cast: Cast) -> None:
    for second in range(50):
        with pytest.raises((Invalid, TooManyRequests)):
            sign_ins.sign_in(db, "ada@example.com", "wrong", "10.0.0.9", None, NOW + timedelta(milliseconds=second))
    for number in range(70):
        failed_sign_ins.note_failure(db, "my secret password", f"10.1.0.{number}", NOW)
    assert failed_sign_ins.note_counted(db, NOW + timedelta(seconds=30)) == 0
    assert failed_sign_ins.note_counted(db, NOW + timedelta(minutes=2)) == 2
    signed_in = sign_ins.sign_in(db, "ada@example.com", PASSWORD, "10.0.0.8", None, NOW + timedelta(minutes=3))
    sign_ins.sign_out(db, signed_in.token, "10.0.0.8")

    failed = trail(db, cast, action=failed_sign_ins.ACTION)
    tries = [int(row.details["tries"]) for row in failed]

    assert sum(tries) == 120
    assert len(failed) == 1 + 59 + 1 + 2  # the first of each address, the many together, and what was counted since
    assert (failed[-1].object_id, failed[-1].address) == (cast.ada.id, "10.0.0.9")
    assert "secret" not in str(failed)
    assert [row.address for row in trail(db, cast, actor_id=cast.ada.id)] == ["10.0.0.8"] * 2


def test_acts_on_a_running_bench_are_on_the_stations_page(db: Db, cast: Cast) -> None:
    details = {"procedure": "PCBA functional test", "unit": " with the unit SN-1", "result": ""}
    live_acts.note_act(db, cast.olga, cast.station.id, "station:run_started", details)

    (newest, *_) = audit_trail.page_activity(db, cast.vera, cast.station.id, NEWEST).items

    assert (newest.who, newest.what) == ("Olga", "started PCBA functional test with the unit SN-1")
    with pytest.raises(Forbidden):
        live_acts.note_act(db, cast.vera, cast.station.id, "station:run_started", details)


def test_first_passes_are_counted_by_the_first_run_of_a_unit(db: Db, cast: Cast) -> None:
    def run(serial: str, outcome: str, ago: timedelta, **facts: object) -> None:
        at = NOW - ago
        times = {"started_at": at.isoformat(), "ended_at": (at + timedelta(seconds=1)).isoformat()}
        create_run(db, SYSTEM, run_in(cast, serial_number=serial, outcome=outcome, **times, **facts), NOW)

    run("A", "FAIL", timedelta(hours=2))
    run("A", "PASS", timedelta(hours=1))
    run("B", "PASS", timedelta(hours=1))
    run("S", "PASS", timedelta(hours=1), metadata={"simulated": True})
    run("C", "PASS", timedelta(days=3))
    run("C", "FAIL", timedelta(minutes=1))  # tested again: no first pass of today
    run("D", "FAIL", timedelta(days=9))
    run("E", "PASS", timedelta(days=20))

    found = show_figures(db, cast.vera, NOW)

    assert (found.runs, found.simulated) == (5, 1)
    assert (found.today.tested, found.today.passed) == (2, 1)
    assert (found.week.tested, found.week.passed) == (3, 2)
    assert (found.week_before.tested, found.week_before.passed) == (1, 0)


def test_the_overview_and_the_palette_take_a_fixed_number_of_statements(db: Db, database: Database, cast: Cast) -> None:
    for number in range(12):
        units.create_unit(db, cast.dev, NewUnit(f"SN-{number:02}", "PCBA-100", "A"))
    create_run(db, SYSTEM, run_in(cast, serial_number="SN-00"))

    assert count_statements(database, lambda: show_fleet(db, cast.vera, [cast.other_station.id])) == 4
    assert count_statements(database, lambda: show_figures(db, cast.vera)) == 1
    assert count_statements(database, lambda: find_by_name(db, cast.vera, "sn-")) == 5
    assert show_fleet(db, cast.vera, [cast.other_station.id]).tiles[0].id == cast.other_station.id
    create_run(db, cast.bench, run_in(cast, outcome="FAIL"))
    assert show_fleet(db, cast.vera, [cast.other_station.id]).tiles[0].id == cast.station.id
    mark_up(db, cast.other_station.id, NOW, "connected")
    mark_down(db, cast.other_station.id, NOW, "silent")
    assert show_fleet(db, cast.vera).tiles[0].id == cast.other_station.id


def test_the_palette_finds_by_name_number_and_beginning(db: Db, cast: Cast) -> None:
    for number in range(12):
        units.create_unit(db, cast.dev, NewUnit(f"SN-{number:02}", "PCBA-100", "A"))
    run_id = create_run(db, SYSTEM, run_in(cast, serial_number="SN-00"))

    def found(text: str) -> list[tuple[str, str]]:
        return [(hit.kind, hit.name) for hit in find_by_name(db, cast.vera, text)]

    assert found("NCH 7") == [("stations", "Bench 7")]
    assert ("stations", "Bench 7") in found(f"ST-{cast.station.number:04d}")
    assert found("pcba_func") == [("procedures", "PCBA functional test")]
    assert found("sn-") == [("units", f"SN-{number:02}") for number in range(8)]
    assert found("pcba-1") == [("parts", "PCBA-100")]
    assert found(run_id[:30].upper()) == [("runs", run_id)]
    assert found("%") == found("") == []
    assert find_by_name(db, cast.otto, "bench") == []
