"""Storing imported files: whole or not at all, once, with the file as report, also inside of a larger transaction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from portal.announcements import RunStored
from portal.database import Database, Db
from portal.errors import BadRequest, Forbidden
from portal.models import Attachment, FileImport, Part, Procedure, Run, Unit
from portal.services import idempotency
from portal.services.imports.structured import ImportItem, import_file, import_files
from portal.services.run_removal import delete_runs
from portal.services.runs import show_run
from tests.cast import Cast
from tests.core.uploading import uploaded

SAMPLES = Path(__file__).parent / "import_samples"
LOT = (SAMPLES / "lot.atdf").read_bytes()
WATS = (SAMPLES / "wats.json").read_bytes()


def counts(db: Db) -> list[int]:
    return [db.session.scalar(select(func.count()).select_from(table)) or 0 for table in (Run, Unit, Part, FileImport)]


def test_a_file_of_several_parts_is_the_report_of_its_first_run(db: Db, cast: Cast) -> None:
    upload_id = uploaded(db, cast.dev, LOT, "lot.atdf")

    result = import_file(db, cast.dev, ImportItem(upload_id, "ATDF"))

    first, second = (show_run(db, cast.vera, run_id) for run_id in result.run_ids)
    assert (first.procedure.name, second.procedure.name) == ("FINAL_HOT", "FINAL_HOT")
    assert [(one.id, one.is_report) for one in db.session.scalars(select(Attachment))] == [(upload_id, True)]
    assert "report_run_id" not in first.metadata
    assert second.metadata["report_run_id"] == first.id
    assert result.warnings


def test_the_same_content_is_imported_once_unless_a_copy_is_wanted(db: Db, cast: Cast) -> None:
    first = import_file(db, cast.dev, ImportItem(uploaded(db, cast.dev, LOT), "ATDF"))

    again = import_file(db, cast.ada, ImportItem(uploaded(db, cast.ada, LOT), "ATDF"))
    copy = import_file(db, cast.dev, ImportItem(uploaded(db, cast.dev, LOT), "ATDF"), allow_duplicate=True)

    assert (again.run_ids, again.is_already_imported, again.warnings) == (first.run_ids, True, [])
    assert not set(copy.run_ids) & set(first.run_ids)
    assert counts(db)[0] == 4


def test_content_whose_runs_are_gone_is_imported_anew(db: Db, cast: Cast) -> None:
    upload_id = uploaded(db, cast.dev, WATS)
    first = import_file(db, cast.dev, ImportItem(upload_id, "WATS"))
    delete_runs(db, cast.dev, first.run_ids)

    again = import_file(db, cast.dev, ImportItem(uploaded(db, cast.dev, WATS), "WATS"))

    assert not again.is_already_imported


def test_an_upload_that_is_imported_twice_stays_with_its_first_run(db: Db, cast: Cast) -> None:
    item = ImportItem(uploaded(db, cast.dev, WATS), "WATS")
    first = import_file(db, cast.dev, item)

    copy = import_file(db, cast.dev, item, allow_duplicate=True)

    assert show_run(db, cast.vera, copy.run_ids[0]).metadata["report_run_id"] == first.run_ids[0]
    assert db.session.get_one(Attachment, item.upload_id).run_id == first.run_ids[0]


def test_one_bad_file_changes_nothing_and_hinders_no_other(db: Db, cast: Cast) -> None:
    second_part_fails = LOT.replace(b"ECID-00FF", b"E" * 70)
    items = [
        ImportItem(uploaded(db, cast.dev, second_part_fails), "ATDF"),
        ImportItem(uploaded(db, cast.dev, b"nonsense"), "OPENHTF"),
        ImportItem("00000000-0000-0000-0000-000000000000", "OPENHTF"),
        ImportItem(uploaded(db, cast.dev, WATS), "WATS"),
    ]

    bad, nonsense, unknown, good = import_files(db, cast.dev, items, allow_duplicate=False)

    assert "serial number" in (bad.error or "")
    assert "JSON" in (nonsense.error or "")
    assert "upload" in (unknown.error or "")
    assert (good.error, len(good.run_ids)) == (None, 1)
    assert counts(db) == [1, 1, 1, 1]


def test_inside_of_a_larger_transaction_a_bad_file_still_changes_nothing(
    db: Db, database: Database, cast: Cast
) -> None:
    heard: list[object] = []
    database.listen(heard.append)
    second_part_fails = LOT.replace(b"ECID-00FF", b"E" * 70)
    items = [
        ImportItem(uploaded(db, cast.dev, second_part_fails), "ATDF"),
        ImportItem(uploaded(db, cast.dev, WATS), "WATS"),
    ]

    def act() -> list[str | None]:
        return [one.error for one in import_files(db, cast.dev, items, allow_duplicate=False)]

    errors = idempotency.once(db, cast.dev, "k1", "print", act)

    assert idempotency.once(db, cast.dev, "k1", "print", act) == errors
    assert (errors[0] is None, errors[1]) == (False, None)
    assert counts(db) == [1, 1, 1, 1]
    assert len([one for one in heard if isinstance(one, RunStored)]) == 1
    assert db.session.scalar(select(Procedure.id).where(Procedure.name == "FINAL_HOT")) is None


def test_two_imports_of_one_content_at_once_make_it_once(
    database: Database, db: Db, cast: Cast, at_once: Callable[..., list[object]]
) -> None:
    uploads = [uploaded(db, cast.dev, WATS) for _ in range(3)]

    def one(upload_id: str) -> tuple[str, ...]:
        with database.open() as own:
            return tuple(import_file(own, cast.dev, ImportItem(upload_id, "WATS")).run_ids)

    results = at_once(*[lambda upload_id=upload_id: one(upload_id) for upload_id in uploads])

    assert len(set(results)) == 1, results
    assert counts(db)[0] == 1


def test_what_is_not_there_yet_cannot_be_imported_and_viewers_import_nothing(db: Db, cast: Cast) -> None:
    from portal.services.attachments import announce_upload

    empty = ImportItem(announce_upload(db, cast.dev, "later.json").id, "OPENHTF")

    with pytest.raises(BadRequest, match="no content yet"):
        import_file(db, cast.dev, empty)
    for nobody in (cast.vera, cast.olga):
        with pytest.raises(Forbidden):
            import_files(db, nobody, [empty], allow_duplicate=False)
