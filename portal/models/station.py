"""Stations: the records of test benches."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, Json, new_id, one_of
from portal.models.shared import Edited

PRESENCES = ("none", "up", "down", "off", "unknown")


def _listed(*columns: str) -> Index:
    present = text("archived_at IS NULL")
    return Index(f"ix_stations_{'_'.join(columns)}", *columns, sqlite_where=present, postgresql_where=present)


class Station(Edited, Base):
    """A station. ``number`` is shown as ST-0007; ``name_key`` is the name in the form by which it is unique.

    ``time_zone`` (IANA name; None: the portal's) is the one in which its days are cut. ``shifts``: when it is expected
    to be there, in `portal.services.shifts`' form; None: always.

    ``presence``, ``presence_since`` and ``presence_reason`` repeat the newest row of station_states, so that lists read
    one row a station; both change in one transaction, by a conditional update.
    """

    __tablename__ = "stations"
    __table_args__ = (
        one_of("presence", PRESENCES),
        Index(
            "uq_stations_name_key_present",
            "name_key",
            unique=True,
            sqlite_where=text("archived_at IS NULL"),
            postgresql_where=text("archived_at IS NULL"),
        ),
        # The orders in which the list of stations is read, each without the archived ones.
        _listed("name_key", "id"),
        _listed("presence", "name_key", "id"),
        _listed("presence_since", "id"),
        _listed("team_id", "name_key", "id"),
        Index(
            "ix_stations_archived",
            "archived_at",
            "id",
            sqlite_where=text("archived_at IS NOT NULL"),
            postgresql_where=text("archived_at IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    number: Mapped[int] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(String(60))
    name_key: Mapped[str] = mapped_column(String(200))
    presence: Mapped[str] = mapped_column(String(10), default="none")
    presence_since: Mapped[datetime | None]
    presence_reason: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    created_by_user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    archived_at: Mapped[datetime | None]
    team_id: Mapped[str | None] = mapped_column(ForeignKey("teams.id", ondelete="SET NULL"))
    notes: Mapped[str | None] = mapped_column(Text)
    time_zone: Mapped[str | None] = mapped_column(String(64))
    shifts: Mapped[list[Any] | None]
    station_metadata: Mapped[dict[str, Any] | None] = mapped_column("metadata", Json)
