"""Pictures of stations that came as files: over the API. They are drawn anew like those of a form."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from sqlalchemy import update

from portal.errors import Invalid, TooLarge
from portal.models import Attachment
from portal.models.attachment import OWNERS
from portal.models.base import new_id
from portal.services import pictures
from portal.services.attachments import facts_of, find_upload, open_upload
from portal.services.upsert import changed
from portal.storage import Expected, Measured

if TYPE_CHECKING:
    from portal.database import Db


def redraw_upload(db: Db, upload_id: str) -> None:
    """Before an uploaded file becomes a station's picture: what it holds beside its pixels goes.

    Nothing happens to one without bytes, which `receive_upload` redraws when they come, and to one that belongs to
    something already. Raises `Invalid` for what is no picture, and `TooLarge`, both with the path ``image_id``.
    """
    upload = find_upload(db, upload_id)
    if upload is None or upload.uploaded_at is None or any(getattr(upload, name) is not None for name in OWNERS):
        return
    if (upload.size_bytes or 0) > pictures.MOST_BYTES:
        raise TooLarge(pictures.TOO_LARGE, "image_id")
    try:
        content, _ending = pictures.redraw(open_upload(db, upload.id).read())
    except (Invalid, TooLarge) as error:
        raise type(error)(error.message, "image_id") from error
    coming, draft = Measured(io.BytesIO(content), len(content), Expected()), new_id()
    db.session.close()  # no transaction stays open while bytes are stored
    db.blobs.write(draft, coming)
    try:
        with db.write():
            is_free = (getattr(Attachment, name).is_(None) for name in OWNERS)
            same = update(Attachment).where(Attachment.id == upload.id, Attachment.sha256 == upload.sha256, *is_free)
            if changed(db.session.execute(same.values(facts_of(coming, None, upload.name)))):
                db.blobs.keep(draft, upload.id)
    finally:
        db.blobs.drop(draft)
