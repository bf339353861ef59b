from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from portal.database import Db
from portal.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, TooLarge
from portal.live.chores import Chores
from portal.models import Attachment, FileImport, Run
from portal.services.attachments import (
    announce_upload,
    clean_name,
    create_attachment,
    finalize_upload,
    link_uploads,
    open_attachment,
    receive_upload,
    remove_attachments,
)
from portal.services.runs import create_run, show_run
from portal.services.upload_pruning import prune_uploads
from portal.settings import Settings, load_settings
from portal.storage import Expected
from tests.cast import Cast, run_in
from tests.waiting import eventually

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PHASE = {
    "name": "photo",
    "outcome": "PASS",
    "started_at": "2026-11-22T12:00:00Z",
    "ended_at": "2026-11-22T12:00:01Z",
}


def test_an_attachment_is_announced_uploaded_and_handed_out(db: Db, cast: Cast) -> None:
    run_id = create_run(db, cast.bench, run_in(cast, phases=[PHASE, PHASE | {"retry_count": 1}]))
    made = create_attachment(db, cast.bench, run_id, "photo.png", "photo")
    before = show_run(db, cast.vera, run_id).attachments

    stored = receive_upload(db, made.id, io.BytesIO(PNG), "image/png")

    file = open_attachment(db, cast.vera, made.id)
    run = show_run(db, cast.vera, run_id)
    assert before[0].size_bytes is None
    assert stored.size_bytes == file.size_bytes == len(PNG)
    assert file.read() == PNG
    assert (file.name, file.content_type, file.is_image) == ("photo.png", "image/png", True)
    assert run.attachments[0].phase == "photo"
    assert [len(phase.attachments) for phase in run.phases] == [0, 1]


@pytest.mark.parametrize(
    ("name", "declared", "content", "content_type", "is_image"),
    [
        ("a.png", "image/png", b"<script>", "text/plain", False),
        ("a.png", "image/png", b"\x00\x01", "application/octet-stream", False),
        ("a.bin", None, PNG, "image/png", True),
        ("a.svg", "image/svg+xml", b"<svg/>", "text/plain", False),
        ("a.csv", None, b"1,2", "text/csv", False),
        ("a", "text/html; charset=utf-8", b"<b>", "text/plain", False),
        ("a", "nonsense\r\nX: y", b"", "application/octet-stream", False),
        ("a.pdf", None, b"%PDF-1.7", "application/pdf", False),
        ("a.pdf", "application/pdf", b"\xff\xfe", "application/octet-stream", False),
        ("a.txt", None, b'{"a": 1}', "application/json", False),
        ("a.log", "text/plain", b"[12:00] started", "text/plain", False),
        ("a.txt", None, "Prüfung ä".encode()[:-1], "text/plain", False),
        ("a.bin", None, b"PK\x03\x04rest\x00", "application/zip", False),
        ("a.xlsx", None, b"PK\x03\x04rest\x00", XLSX, False),
        ("a", "application/xhtml+xml", b"\x00", "application/octet-stream", False),
        ("a.wav", "audio/wav", b"RIFF\x00\x00", "audio/wav", False),
        ("a.webp", None, b"RIFF\0\0\0\0WEBP", "image/webp", True),
    ],
)
def test_only_what_is_a_picture_by_its_content_is_one(
    db: Db, cast: Cast, name: str, declared: str | None, content: bytes, content_type: str, is_image: bool
) -> None:
    made = create_attachment(db, cast.dev, create_run(db, cast.dev, run_in(cast)), name)

    receive_upload(db, made.id, io.BytesIO(content), declared)

    file = open_attachment(db, cast.vera, made.id)
    assert (file.content_type, file.is_image) == (content_type, is_image)


def test_a_record_does_not_change(db: Db, cast: Cast) -> None:
    made = create_attachment(db, cast.dev, create_run(db, cast.dev, run_in(cast)), "a.txt")
    receive_upload(db, made.id, io.BytesIO(b"first"), None)

    again = receive_upload(db, made.id, io.BytesIO(b"first"), None)
    with pytest.raises(Conflict):
        receive_upload(db, made.id, io.BytesIO(b"second"), None)

    assert again.id == made.id
    assert open_attachment(db, cast.dev, made.id).read() == b"first"


def test_nothing_stays_of_an_upload_that_is_too_large_or_cut(db: Db, cast: Cast, settings: Settings) -> None:
    class Cut(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionResetError

    made = create_attachment(db, cast.dev, create_run(db, cast.dev, run_in(cast)), "a.bin")
    limited = load_settings(**settings.model_dump() | {"max_attachment_bytes": 1000})
    db.settings = limited

    with pytest.raises(TooLarge):
        receive_upload(db, made.id, io.BytesIO(bytes(1001)), None)
    with pytest.raises(ConnectionResetError):
        receive_upload(db, made.id, Cut(), None)

    assert _files(settings) == []
    with pytest.raises(NotFound):
        open_attachment(db, cast.dev, made.id)
    assert receive_upload(db, made.id, io.BytesIO(bytes(1000)), None).size_bytes == 1000


def test_otto_attaches_nothing_to_the_runs_of_others(db: Db, cast: Cast) -> None:
    run_id = create_run(db, cast.bench, run_in(cast))

    with pytest.raises(NotFound):
        create_attachment(db, cast.otto, run_id, "a.txt")
    for actor in (cast.vera, cast.olga):
        with pytest.raises(Forbidden):
            create_attachment(db, actor, run_id, "a.txt")


@pytest.mark.parametrize(
    ("given", "kept"),
    [("C:\\tmp\\log.txt", "log.txt"), ("../../etc/passwd", "passwd"), (" übersicht.pdf ", "übersicht.pdf")],
)
def test_a_name_is_kept_without_its_folders(given: str, kept: str) -> None:
    assert clean_name(given) == kept


@pytest.mark.parametrize("name", ["", " ", "..", "a/", "x" * 256, "a\nb"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        clean_name(name)


def test_files_are_for_the_portal_only(db: Db, cast: Cast, settings: Settings) -> None:
    made = create_attachment(db, cast.dev, create_run(db, cast.dev, run_in(cast)), "a.txt")
    receive_upload(db, made.id, io.BytesIO(b"x"), None)

    (path,) = _files(settings)

    assert path.name == made.id
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("expected", "path"),
    [(Expected(4), "size"), (Expected(2), "size"), (Expected(3, "0" * 64), "sha256"), (Expected(sha256="1"), "sha256")],
)
def test_bytes_that_are_not_the_announced_ones_are_not_kept(
    db: Db, cast: Cast, settings: Settings, expected: Expected, path: str
) -> None:
    made = announce_upload(db, cast.bench, "a.bin")

    with pytest.raises(Invalid, match=r"announced.*Nothing was kept") as refused:
        receive_upload(db, made.id, io.BytesIO(b"abc"), None, expected)

    assert refused.value.issues[0].path == (path,)
    assert _files(settings) == []
    right = Expected(3, hashlib.sha256(b"abc").hexdigest())
    assert receive_upload(db, made.id, io.BytesIO(b"abc"), None, right).sha256 == right.sha256


def test_of_two_uploads_at_once_one_is_kept_whole(
    db: Db, cast: Cast, settings: Settings, at_once: Callable[..., list[object]]
) -> None:
    made = announce_upload(db, cast.bench, "a.bin")

    def upload(content: bytes) -> Attachment:
        with db.database.open() as own:
            return receive_upload(own, made.id, io.BytesIO(content), None)

    results = at_once(lambda: upload(b"a" * 100_000), lambda: upload(b"b" * 100_000))

    kept = open_attachment(db, cast.dev, made.id)
    assert sorted(type(one).__name__ for one in results) == ["Attachment", "Conflict"]
    assert hashlib.sha256(kept.read()).hexdigest() == kept.sha256
    assert len(_files(settings)) == 1


def test_what_belongs_to_nothing_after_a_week_is_removed(db: Db, cast: Cast, settings: Settings) -> None:
    run_id = create_run(db, cast.bench, run_in(cast))
    linked, read_from, lost = (announce_upload(db, cast.bench, "a.txt") for _ in range(3))
    for one in (linked, read_from, lost):
        receive_upload(db, one.id, io.BytesIO(b"x"), None)
    with db.write():
        link_uploads(db, cast.bench, [linked.id], db.session.get_one(Run, run_id))
        db.session.add(
            FileImport(
                attachment_id=read_from.id, importer="OPENHTF", sha256="", run_ids=[], created_at=linked.created_at
            )
        )
    left = settings.data_dir / "attachments" / "drafts" / "left by a crash"
    left.touch()
    os.utime(left, (0, 0))

    early = prune_uploads(db, lost.created_at + timedelta(days=6))
    late = prune_uploads(db, lost.created_at + timedelta(days=7, seconds=1))

    assert (early, late) == (0, 1)
    assert {path.name for path in _files(settings)} == {linked.id, read_from.id}


def test_a_portal_that_serves_removes_them_by_itself(db: Db, cast: Cast) -> None:
    made = announce_upload(db, cast.bench, "a.txt")
    with db.write():
        db.session.get_one(Attachment, made.id).created_at = datetime(2026, 1, 1, tzinfo=UTC)
    chores = Chores(db.database)

    chores.start()
    eventually(lambda: _is_gone(db, made.id), within_s=5)
    chores.stop()


def _is_gone(db: Db, attachment_id: str) -> bool:
    with db.database.open() as own:
        return own.session.get(Attachment, attachment_id) is None


def test_a_station_does_nothing_with_the_files_of_others(db: Db, cast: Cast) -> None:
    made = announce_upload(db, cast.bench, "a.txt")
    receive_upload(db, made.id, io.BytesIO(b"x"), None)

    for act in (lambda: finalize_upload(db, cast.otto, made.id), lambda: remove_attachments(db, cast.otto, [made.id])):
        with pytest.raises(NotFound):
            act()
    for actor in (cast.vera, cast.olga):
        with pytest.raises(Forbidden):
            remove_attachments(db, actor, [made.id])
    assert remove_attachments(db, cast.bench, [made.id]) == [made.id]


def _files(settings: Settings) -> list[Path]:
    return [path for path in (settings.data_dir / "attachments").rglob("*") if path.is_file()]
