"""Files that belong to runs. Their bytes are in the blob store, under the attachment's id."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, new_id


class Attachment(Base):
    """A file of a run. Size, hash and type are known once it has been uploaded, and never change after that."""

    __tablename__ = "attachments"
    __table_args__ = (Index(None, "run_id"), Index(None, "phase_id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    phase_id: Mapped[str | None] = mapped_column(ForeignKey("phases.id", ondelete="SET NULL"))
    name: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    content_type: Mapped[str | None] = mapped_column(String(100))
    is_image: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    uploaded_at: Mapped[datetime | None]
