"""Files that are uploaded already, for tests of what is done with them."""

from __future__ import annotations

import io

from portal.database import Db
from portal.services.actors import Actor
from portal.services.attachments import announce_upload, receive_upload


def uploaded(db: Db, actor: Actor, content: bytes, name: str = "report.json") -> str:
    """The id of a file with that content, which belongs to nothing yet."""
    upload_id = announce_upload(db, actor, name).id
    receive_upload(db, upload_id, io.BytesIO(content), None)
    return upload_id
