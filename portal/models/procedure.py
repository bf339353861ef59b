"""Procedures: the records of test programs, their versions, and which stations may run them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, new_id
from portal.models.ordinal import ordinal_column
from portal.models.shared import Edited, Made


class Procedure(Edited, Base):
    """A procedure. ``identifier``: short, unique, and the name of its folder on the bench. Names need not be unique.

    The columns from ``production_branch`` on say how it is deployed from a repository.
    """

    __tablename__ = "procedures"
    __table_args__ = (Index(None, "created_at", "id"), Index(None, "name_key", "id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(600))
    identifier: Mapped[str] = mapped_column(String(60))
    identifier_key: Mapped[str] = mapped_column(String(60), unique=True)
    created_at: Mapped[datetime]
    created_by_user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    archived_at: Mapped[datetime | None]
    ordinal: Mapped[int] = ordinal_column()
    production_branch: Mapped[str | None] = mapped_column(String(255))
    is_auto_pushed: Mapped[bool] = mapped_column(default=False)
    excluded_branch_patterns: Mapped[list[Any] | None]
    root_directory: Mapped[str | None] = mapped_column(String(1000))
    entry_point: Mapped[str | None] = mapped_column(String(1000))


class ProcedureVersion(Made, Base):
    """A version that runs have named. Unique per procedure, whatever the letters' case."""

    __tablename__ = "procedure_versions"
    __table_args__ = (UniqueConstraint("procedure_id", "tag_key"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    procedure_id: Mapped[str] = mapped_column(ForeignKey("procedures.id", ondelete="CASCADE"))
    tag: Mapped[str] = mapped_column(String(60))
    tag_key: Mapped[str] = mapped_column(String(200))


class StationProcedure(Base):
    """The station may run the procedure."""

    __tablename__ = "station_procedures"
    __table_args__ = (Index(None, "procedure_id"),)

    station_id: Mapped[str] = mapped_column(ForeignKey("stations.id", ondelete="CASCADE"), primary_key=True)
    procedure_id: Mapped[str] = mapped_column(ForeignKey("procedures.id", ondelete="CASCADE"), primary_key=True)
    linked_at: Mapped[datetime]


class EndedLink(Base):
    """The station could run the procedure until ``ended_at``.

    The records of runs that it began before are still taken: no record of a real unit is lost.
    """

    __tablename__ = "ended_links"
    __table_args__ = (Index(None, "procedure_id"),)

    station_id: Mapped[str] = mapped_column(ForeignKey("stations.id", ondelete="CASCADE"), primary_key=True)
    procedure_id: Mapped[str] = mapped_column(ForeignKey("procedures.id", ondelete="CASCADE"), primary_key=True)
    ended_at: Mapped[datetime]
