"""Files that runs were read from."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, Json, new_id
from portal.models.shared import Made


class FileImport(Made, Base):
    """One file read into runs, by the hash of its content: the same content again is recognised."""

    __tablename__ = "file_imports"
    __table_args__ = (Index(None, "sha256"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    attachment_id: Mapped[str | None] = mapped_column(ForeignKey("attachments.id", ondelete="SET NULL"))
    importer: Mapped[str] = mapped_column(String(20))
    sha256: Mapped[str] = mapped_column(String(64))
    run_ids: Mapped[list[Any]] = mapped_column(Json)
