"""Files: of runs and units, pictures of revisions and stations. Their bytes are in the blob store, under their id."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, new_id
from portal.models.shared import Made

OWNERS = ("run_id", "unit_id", "revision_id", "station_id")
_COUNT_OF_OWNERS = " + ".join(f"CASE WHEN {owner} IS NULL THEN 0 ELSE 1 END" for owner in OWNERS)


class Attachment(Made, Base):
    """A file of one run or unit, or the picture of one revision or station; of nothing until it is linked.

    Size, hash and type are known once it has been uploaded, and never change after that. ``is_report``: the run was
    read from this file.
    """

    __tablename__ = "attachments"
    __table_args__ = (
        CheckConstraint(f"{_COUNT_OF_OWNERS} <= 1", name="one_owner"),
        Index(None, "run_id"),
        Index(None, "phase_id"),
        Index(None, "unit_id"),
        Index(None, "revision_id"),
        Index(None, "station_id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    unit_id: Mapped[str | None] = mapped_column(ForeignKey("units.id", ondelete="CASCADE"))
    revision_id: Mapped[str | None] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"))
    station_id: Mapped[str | None] = mapped_column(ForeignKey("stations.id", ondelete="CASCADE"))
    phase_id: Mapped[str | None] = mapped_column(ForeignKey("phases.id", ondelete="SET NULL"))
    name: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    content_type: Mapped[str | None] = mapped_column(String(100))
    is_image: Mapped[bool] = mapped_column(default=False)
    is_report: Mapped[bool] = mapped_column(default=False)
    uploaded_at: Mapped[datetime | None]
