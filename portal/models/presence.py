"""Presence: when stations came and went, and when the portal itself was watching. Source: contract/uptime.md."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, one_of
from portal.models.station import PRESENCES


class StationState(Base):
    """A transition: from ``at`` on the station was in ``state``, until its next row. ``source``: who noticed."""

    __tablename__ = "station_states"
    __table_args__ = (
        one_of("state", PRESENCES),
        one_of("source", ("link", "watch", "start")),
        Index(None, "station_id", "at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    station_id: Mapped[str] = mapped_column(ForeignKey("stations.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(10))


class StationDay(Base):
    """A finished day of a station, cut in ``zone``: whole seconds of each state, which sum to ``length_s``.

    Made from its transitions once, after the day's end, and kept for ever. ``outages``: those that began in it or went
    on in it; ``longest_s``: the length of the longest, as far as it lay in this day.
    """

    __tablename__ = "station_days"

    station_id: Mapped[str] = mapped_column(ForeignKey("stations.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    zone: Mapped[str] = mapped_column(String(64))
    length_s: Mapped[int]
    up_s: Mapped[int]
    down_s: Mapped[int]
    off_s: Mapped[int]
    unknown_s: Mapped[int]
    none_s: Mapped[int]
    outages: Mapped[int]
    longest_s: Mapped[int]


class PortalAlive(Base):
    """One row: until when the portal was watching."""

    __tablename__ = "portal_alive"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    alive_at: Mapped[datetime]
