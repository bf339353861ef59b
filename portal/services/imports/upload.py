"""The uploaded file that an import reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portal.errors import BadRequest, NotFound, TooLarge
from portal.models import Attachment, Run
from portal.models.attachment import OWNERS
from portal.services.actors import Actor
from portal.services.attachments import link_uploads, open_upload
from portal.services.names import is_id

if TYPE_CHECKING:
    from portal.database import Db


@dataclass(frozen=True)
class Upload:
    """A file that is there. ``has_owner``: it belongs to something already, and stays with it; a run: ``run_id``."""

    id: str
    name: str
    sha256: str
    content: bytes
    has_owner: bool
    run_id: str | None


def read_upload(db: Db, actor: Actor, upload_id: str) -> Upload:
    """The file, whole. Stations read only what they announced.

    Raises `NotFound`; `BadRequest` when nothing was uploaded yet; `TooLarge`: a file is held in memory while it is
    read, so at most as much of it is taken as of a request (``max_body_bytes``).
    """
    found = db.session.get(Attachment, upload_id.lower()) if is_id(upload_id) else None
    if found is None or (actor.is_station and found.created_by_station_id != actor.id):
        raise NotFound("upload")
    if found.uploaded_at is None or found.sha256 is None or found.size_bytes is None:
        raise BadRequest("The upload has no content yet: put its bytes first, then import it.", "upload_id")
    most = db.settings.max_body_bytes
    if found.size_bytes > most:
        raise TooLarge(f"The file has {found.size_bytes} bytes: at most {most} can be imported.")
    content = open_upload(db, found.id).read()
    has_owner = any(getattr(found, name) is not None for name in OWNERS)
    return Upload(found.id, found.name, found.sha256, content, has_owner, found.run_id)


def attach_report(db: Db, actor: Actor, upload: Upload, run_id: str) -> None:
    """Keep the file as the report of the run, unless it is something else's. Inside the write transaction."""
    if upload.has_owner:
        return
    link_uploads(db, actor, [upload.id], db.session.get_one(Run, run_id))
    db.session.get_one(Attachment, upload.id).is_report = True
    db.session.flush()
