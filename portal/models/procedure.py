"""Procedures: the records of test programs, their versions, and which stations may run them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, new_id


class Procedure(Base):
    """A procedure. ``identifier``: short, unique, and the name of its folder on the bench."""

    __tablename__ = "procedures"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    identifier: Mapped[str] = mapped_column(String(60))
    identifier_key: Mapped[str] = mapped_column(String(60), unique=True)
    created_at: Mapped[datetime]
    created_by_user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class ProcedureVersion(Base):
    """A version that runs have named. Unique per procedure, whatever the letters' case."""

    __tablename__ = "procedure_versions"
    __table_args__ = (UniqueConstraint("procedure_id", "tag_key"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    procedure_id: Mapped[str] = mapped_column(ForeignKey("procedures.id", ondelete="CASCADE"))
    tag: Mapped[str] = mapped_column(String(60))
    tag_key: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class StationProcedure(Base):
    """The station may run the procedure."""

    __tablename__ = "station_procedures"
    __table_args__ = (Index(None, "procedure_id"),)

    station_id: Mapped[str] = mapped_column(ForeignKey("stations.id", ondelete="CASCADE"), primary_key=True)
    procedure_id: Mapped[str] = mapped_column(ForeignKey("procedures.id", ondelete="CASCADE"), primary_key=True)
    linked_at: Mapped[datetime]
