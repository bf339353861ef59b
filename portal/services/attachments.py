"""Files: announced, uploaded once, linked to what they belong to, handed out. Source: contract/v2-api.md §4."""

from __future__ import annotations

import contextlib
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from portal.errors import BadRequest, Conflict, NotFound
from portal.models import Attachment, Phase, Revision, Run, Station, Unit
from portal.models.attachment import OWNERS
from portal.models.base import new_id
from portal.services import audit, content_types, edits, pictures
from portal.services.actors import Actor, Permission, require
from portal.services.names import is_id
from portal.services.run_details import find_run
from portal.services.station_lookup import sees_team
from portal.services.upsert import changed
from portal.storage import PIECE, BlobStore, Expected, Measured, Opened, Readable

if TYPE_CHECKING:
    from portal.database import Db

LONGEST_NAME = 255
ANYTHING = Expected()


@dataclass(frozen=True)
class OpenedFile:
    """An uploaded file. Only an ``is_image`` one may be shown inside a page; all others are downloads."""

    id: str
    name: str
    content_type: str
    size_bytes: int
    sha256: str
    is_image: bool
    store: BlobStore

    def open(self, start: int, length: int) -> Opened:
        """``length`` of its bytes, from ``start`` on. Raises `NotFound`; `BadGateway`."""
        try:
            return self.store.open(self.id, start, length)
        except FileNotFoundError as error:
            raise NotFound("attachment") from error

    def read(self) -> bytes:
        """All of its bytes. Raises `NotFound`; `BadGateway`."""
        with contextlib.closing(self.open(0, self.size_bytes)) as opened:
            return b"".join(iter(lambda: opened.read(PIECE), b""))


def create_attachment(db: Db, actor: Actor, run_id: str, name: str, phase: str | None = None) -> Attachment:
    """Announce a file of a run; its bytes come by `receive_upload`. ``phase``: name of the phase that it belongs to.

    Raises `NotFound` (for a station: also a run that is not its own), `Forbidden`, `BadRequest`.
    """
    require(actor, Permission.RECORD)
    file_name = clean_name(name)
    with db.write():
        run = _own_run(db, actor, run_id)
        made = _announced(actor, file_name)
        made.run_id, made.phase_id = run.id, _phase_id(db, run, phase)
        edits.touch(run)
        db.session.add(made)
        _note(db, actor, made, run_id=run.id)
    return made


def announce_upload(db: Db, actor: Actor, name: str) -> Attachment:
    """Announce a file of nothing yet; `link_uploads` says later of what.

    Raises `BadRequest`; `Forbidden`; `BadGateway` where its bytes could not be kept: told before they are on their way.
    """
    require(actor, Permission.RECORD)
    file_name = clean_name(name)
    db.blobs.check()
    with db.write():
        made = _announced(actor, file_name)
        db.session.add(made)
        _note(db, actor, made)
    return made


def _note(db: Db, actor: Actor, made: Attachment, **details: str) -> None:
    """Like the records of a station's runs, the files that its program sends with them say themselves who sent them."""
    if not actor.is_station:
        about = (made.__tablename__, made.id, made.name)
        audit.record_about(db, actor, "attachment:created", about, details={"name": made.name, **details})


def link_uploads(db: Db, actor: Actor, upload_ids: Sequence[str], owner: Run | Unit | Revision | Station) -> None:
    """Say what announced files belong to: a run or unit (as attachments), a revision or station (as its picture).

    Inside the write transaction of whoever may change the owner. Whether the bytes are there already does not matter. A
    file that is linked to this owner is left alone. Raises `NotFound` for an unknown file, and for one that is another
    actor's (stations link only what they announced); `Conflict` for one that belongs to something else.
    """
    column = {Run: "run_id", Unit: "unit_id", Revision: "revision_id", Station: "station_id"}[type(owner)]
    for upload_id in dict.fromkeys(upload_ids):
        upload = _own(db, actor, upload_id)
        linked_to = {name: getattr(upload, name) for name in OWNERS if getattr(upload, name) is not None}
        if linked_to not in ({}, {column: owner.id}):
            raise Conflict("This file is already attached to something else: upload it again.", "attachments")
        if not linked_to:
            setattr(upload, column, owner.id)
            edits.touch(owner)
    db.session.flush()


def delete_attachments(db: Db, actor: Actor, attachment_ids: Sequence[str]) -> list[str]:
    """Remove files and their bytes, all or none; inside the write transaction of whoever may. Raises `NotFound`."""
    found = [_get(db, one) for one in dict.fromkeys(attachment_ids)]
    for one in found:
        audit.record(db, actor, "attachment:deleted", one, name=one.name)
        db.session.delete(one)
        db.on_commit(db.blobs.delete, one.id)
    db.session.flush()
    return [one.id for one in found]


def receive_upload(
    db: Db, attachment_id: str, stream: Readable, content_type: str | None, expected: Expected = ANYTHING
) -> Attachment:
    """Store the bytes of an announced file: streamed to where files are, hashed, whole or not at all.

    Whoever calls this has checked that the sender may. The same bytes again are accepted, other ones are not: a record
    does not change. A station's picture is drawn anew. Raises `NotFound`; `TooLarge`; `Invalid` for bytes that are not
    the expected ones, or no picture; `Conflict`.
    """
    attachment = _get(db, attachment_id)
    db.session.close()  # no transaction stays open while bytes come in, at the sender's pace
    draft, coming = new_id(), Measured(stream, db.settings.max_attachment_bytes, expected)
    if attachment.station_id is not None:
        coming = _redrawn(Measured(stream, min(pictures.MOST_BYTES, db.settings.max_attachment_bytes), expected))
    db.blobs.write(draft, coming)
    try:
        with db.write():
            if _fill(db, attachment, coming, content_type):
                db.blobs.keep(draft, attachment.id)
                return db.session.get_one(Attachment, attachment.id)
            stored = _get(db, attachment.id)
    except BaseException:
        db.blobs.drop(draft)
        raise
    db.blobs.drop(draft)
    if stored.sha256 != coming.sha256:
        raise Conflict("This attachment was already uploaded with other content. The first content stays.")
    return stored


def _redrawn(coming: Measured) -> Measured:
    content, _ending = pictures.redraw(b"".join(iter(lambda: coming.read(PIECE), b"")))
    return Measured(io.BytesIO(content), len(content), ANYTHING)


def _fill(db: Db, attachment: Attachment, coming: Measured, content_type: str | None) -> bool:
    """Note what has come; False when the file has its content already: two uploads at once are settled here."""
    still_open = update(Attachment).where(Attachment.id == attachment.id, Attachment.uploaded_at.is_(None))
    filled = still_open.values(facts_of(coming, content_type, attachment.name))
    return changed(db.session.execute(filled)) == 1


def facts_of(content: Measured, content_type: str | None, name: str) -> dict[str, Any]:
    """What is kept of bytes that were read to their end just now, by column."""
    return {
        "size_bytes": content.size_bytes,
        "sha256": content.sha256,
        "content_type": content_types.content_type(content.head, content_type, name),
        "is_image": content_types.image_type(content.head) is not None,
        "uploaded_at": datetime.now(UTC),
    }


def finalize_upload(db: Db, actor: Actor, attachment_id: str) -> str:
    """Say that a file's bytes were put; its id. Linked to something or not, and as often as one likes.

    Nothing changes by it: bytes count from the moment they are whole. Raises `NotFound` for an unknown file, and for
    one that a station has not announced; `Conflict` while nothing was put; `Forbidden`.
    """
    require(actor, Permission.RECORD)
    attachment = _own(db, actor, attachment_id)
    if attachment.uploaded_at is None:
        raise Conflict("Nothing was uploaded yet: PUT the file's bytes to its upload_url first.", "id")
    return attachment.id


def remove_attachments(db: Db, actor: Actor, attachment_ids: Sequence[str]) -> list[str]:
    """Remove files, all or none. Stations remove only what they announced. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.RECORD)
    with db.write():
        for one in attachment_ids:
            _own(db, actor, one)
        return delete_attachments(db, actor, attachment_ids)


def open_attachment(db: Db, actor: Actor, attachment_id: str) -> OpenedFile:
    """An uploaded file. Raises `NotFound`, also when nothing was uploaded yet; `Forbidden`."""
    require(actor, Permission.VIEW)
    _refuse_hidden(db, actor, _get(db, attachment_id))
    return open_upload(db, attachment_id)


def open_upload(db: Db, attachment_id: str) -> OpenedFile:
    """An uploaded file, for whoever holds a signed address. Raises `NotFound`."""
    attachment = _get(db, attachment_id)
    if attachment.uploaded_at is None or attachment.size_bytes is None or attachment.sha256 is None:
        raise NotFound("attachment")
    return OpenedFile(
        id=attachment.id,
        name=attachment.name,
        content_type=attachment.content_type or content_types.UNKNOWN,
        size_bytes=attachment.size_bytes,
        sha256=attachment.sha256,
        is_image=attachment.is_image,
        store=db.blobs,
    )


def clean_name(name: str) -> str:
    """A file's own name, without the folders it came from. Raises `BadRequest`."""
    own = name.replace("\\", "/").rpartition("/")[2].strip()
    if not own or own in {".", ".."}:
        raise BadRequest("The attachment's name is empty.", "name")
    if len(own) > LONGEST_NAME:
        raise BadRequest(f"The attachment's name is longer than {LONGEST_NAME} characters.", "name")
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in own):
        raise BadRequest("The attachment's name holds characters that cannot be shown.", "name")
    return own


def _announced(actor: Actor, name: str) -> Attachment:
    return Attachment(
        id=new_id(),
        name=name,
        is_image=False,
        created_at=datetime.now(UTC),
        created_by_user_id=actor.user_id,
        created_by_station_id=actor.station_id,
    )


def find_upload(db: Db, attachment_id: str) -> Attachment | None:
    """The announced file, whoever asks; None when there is none."""
    return db.session.get(Attachment, attachment_id.lower()) if is_id(attachment_id) else None


def _get(db: Db, attachment_id: str) -> Attachment:
    found = find_upload(db, attachment_id)
    if found is None:
        raise NotFound("attachment")
    return found


def _refuse_hidden(db: Db, actor: Actor, file: Attachment) -> None:
    """A file of a station, or of a run of one, is seen by who sees the station."""
    if actor.team_ids is None:
        return
    if file.run_id is not None:
        find_run(db, actor, file.run_id)
    elif file.station_id is not None and not sees_team(actor, _team_of(db, file.station_id)):
        raise NotFound("attachment")


def _team_of(db: Db, station_id: str) -> str | None:
    return db.session.scalar(select(Station.team_id).where(Station.id == station_id))


def _own(db: Db, actor: Actor, attachment_id: str) -> Attachment:
    """A file that the actor may do something with: of stations only what they announced."""
    found = _get(db, attachment_id)
    if actor.is_station and found.created_by_station_id != actor.id:
        raise NotFound("attachment")
    return found


def _own_run(db: Db, actor: Actor, run_id: str) -> Run:
    run = find_run(db, actor, run_id)
    if actor.is_station and run.station_id != actor.id:
        raise NotFound("run")
    return run


def _phase_id(db: Db, run: Run, phase: str | None) -> str | None:
    """The last attempt of the named phase; None where the record has no such phase: the file is then the run's."""
    if phase is None:
        return None
    wanted = (
        select(Phase.id)
        .where(Phase.run_id == run.id, Phase.name == phase.replace("\0", ""))
        .order_by(Phase.retry_count.desc(), Phase.position.desc())
        .limit(1)
    )
    return db.session.scalar(wanted)
