from __future__ import annotations

import io
from pathlib import Path

import pytest

from portal.database import Db
from portal.errors import BadRequest, Conflict, Forbidden, NotFound, TooLarge
from portal.services.attachments import clean_name, create_attachment, open_attachment, receive_upload
from portal.services.runs import create_run, show_run
from portal.settings import Settings, load_settings
from tests.cast import Cast, run_in

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
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
    assert file.path.read_bytes() == PNG
    assert (file.name, file.content_type, file.is_image) == ("photo.png", "image/png", True)
    assert run.attachments[0].phase == "photo"
    assert [len(phase.attachments) for phase in run.phases] == [0, 1]


@pytest.mark.parametrize(
    ("name", "declared", "content", "content_type", "is_image"),
    [
        ("a.png", "image/png", b"<script>", "application/octet-stream", False),
        ("a.bin", None, PNG, "image/png", True),
        ("a.svg", "image/svg+xml", b"<svg/>", "image/svg+xml", False),
        ("a.csv", None, b"1,2", "text/csv", False),
        ("a", "text/html; charset=utf-8", b"<b>", "text/html", False),
        ("a", "nonsense\r\nX: y", b"", "application/octet-stream", False),
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
    assert open_attachment(db, cast.dev, made.id).path.read_bytes() == b"first"


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

    assert [path for path in (settings.data_dir / "attachments").rglob("*") if path.is_file()] == []
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

    path: Path = open_attachment(db, cast.dev, made.id).path

    assert path.is_relative_to(settings.data_dir / "attachments")
    assert path.stat().st_mode & 0o077 == 0
