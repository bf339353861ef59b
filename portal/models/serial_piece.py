"""Pieces of serial numbers, to find units by what somebody remembers of one."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id

LONGEST_PIECE = 12  # characters: of numbers that begin alike, those that differ


class UnitSerialPiece(Base):
    """As many characters of a unit's ``serial_key`` as a piece holds, from each one on.

    Kept by `portal.services.serial_search`.

    Without a foreign key: nobody waits for it when a unit is stored, and what it says is asked of the unit again.
    """

    __tablename__ = "unit_serial_pieces"
    __table_args__ = {"sqlite_with_rowid": False}

    # In the order of code points, so that an index finds what begins with a piece.
    piece: Mapped[str] = mapped_column(
        String(LONGEST_PIECE).with_variant(String(LONGEST_PIECE, collation="C"), "postgresql"), primary_key=True
    )
    unit_id: Mapped[str] = mapped_column(Id, primary_key=True)
