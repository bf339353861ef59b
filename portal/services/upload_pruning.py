"""Removing what was announced, or half received, and has come to nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.models import Attachment, FileImport
from portal.models.attachment import OWNERS
from portal.services.actors import SYSTEM
from portal.services.attachments import delete_attachments

if TYPE_CHECKING:
    from portal.database import Db

KEEP_UNLINKED = timedelta(days=7)
KEEP_DRAFTS = timedelta(days=1)  # no upload takes so long: its address lives for minutes
AT_ONCE = 100  # in one transaction, so that nobody waits for long


def prune_uploads(db: Db, now: datetime | None = None) -> int:
    """Remove files that were announced a week ago and belong to nothing yet, and drafts that crashes left; how many.

    A file that runs were read from stays: it is their evidence, also where no single run is its owner.
    """
    now = now or datetime.now(UTC)
    is_of_nothing = [getattr(Attachment, owner).is_(None) for owner in OWNERS]
    is_read = select(FileImport.id).where(FileImport.attachment_id == Attachment.id).exists()
    wanted = select(Attachment.id).where(*is_of_nothing, ~is_read, Attachment.created_at < now - KEEP_UNLINKED)
    pruned = 0
    while True:
        with db.write():
            # Locked, so that one which is just being linked is looked at again, or left for the next time.
            found = db.session.scalars(wanted.limit(AT_ONCE).with_for_update(skip_locked=True)).all()
            delete_attachments(db, SYSTEM, found)
        pruned += len(found)
        if len(found) < AT_ONCE:
            break
    db.blobs.sweep(now - KEEP_DRAFTS)
    return pruned
