"""When stations came and went. Only transitions are stored; who decides when they happen is the live watch.

Every function takes the time from its caller. A transition is a conditional update of the station: of two that race,
one happens. Rules: contract/uptime.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, cast

from sqlalchemy import func, select, update

from portal.announcements import PresenceChanged
from portal.models import PortalAlive, Station, StationState
from portal.services.upsert import changed, insert_or_ignore

if TYPE_CHECKING:
    from portal.database import Db

State = Literal["up", "down", "off", "unknown", "none"]
WORDS: dict[str, str] = {
    "up": "online",
    "down": "offline",
    "off": "offline",
    "unknown": "unknown",
    "none": "never connected",
}


@dataclass(frozen=True)
class PresenceNow:
    """Whether a station is there. ``since``: None for one that never was."""

    state: State
    since: datetime | None
    reason: str | None

    @classmethod
    def of(cls, station: Station) -> PresenceNow:
        """From the station's row."""
        return cls(cast("State", station.presence), station.presence_since, station.presence_reason)

    @property
    def is_online(self) -> bool:
        """Whether its program is connected."""
        return self.state == "up"

    @property
    def is_to_return(self) -> bool:
        """Whether it was there, was taken out of service and restored: its machine must be enrolled again."""
        return self.state == "none" and self.since is not None

    @property
    def word(self) -> str:
        """For people."""
        return "to be enrolled again" if self.is_to_return else WORDS[self.state]


def presence_of(db: Db, station_id: str) -> PresenceNow:
    """The station's presence; "never connected" for a station that does not exist."""
    station = db.session.get(Station, station_id, populate_existing=True)
    return PresenceNow.of(station) if station is not None else PresenceNow("none", None, None)


def last_seen(db: Db, station_id: str) -> datetime | None:
    """When its program was last there, if it is not now; None when it never was."""
    last_up = select(StationState.at).where(StationState.station_id == station_id, StationState.state == "up")
    newest = last_up.order_by(StationState.at.desc(), StationState.id.desc()).limit(1).scalar_subquery()
    after = select(func.min(StationState.at)).where(StationState.station_id == station_id, StationState.at > newest)
    return db.session.scalar(after)


def mark_up(db: Db, station_id: str, now: datetime, reason: str) -> bool:
    """Evidence has come. True when that is a change."""
    return _move(db, station_id, ("none", "down", "off", "unknown"), "up", now, reason, "link")


def mark_down(db: Db, station_id: str, since: datetime, reason: str) -> bool:
    """It has been silent for too long: down since its last evidence. Only a station that was up can become down."""
    return _move(db, station_id, ("up",), "down", since, reason, "watch")


def mark_off(db: Db, station_id: str, now: datetime, reason: str) -> bool:
    """It said good-bye: planned, no outage. A good-bye because of a crash is one."""
    if reason == "crash":
        return _move(db, station_id, ("up", "unknown"), "down", now, reason, "link")
    return _move(db, station_id, ("up", "unknown", "down"), "off", now, reason, "link")


def mark_none(db: Db, station_id: str, now: datetime, reason: str) -> bool:
    """It is not expected any more: it was removed. What comes after counts neither as up nor as down."""
    return _move(db, station_id, ("up", "down", "off", "unknown"), "none", now, reason, "watch")


def note_alive(db: Db, now: datetime) -> None:
    """The portal is watching at this moment."""
    with db.write():
        if not insert_or_ignore(db, PortalAlive, id=1, alive_at=now):
            db.session.execute(update(PortalAlive).where(PortalAlive.id == 1).values(alive_at=now))


def portal_started(db: Db, now: datetime) -> list[str]:
    """The portal watches again. What was up is unknown since it last watched.

    Returns the ids of all stations whose state is unknown now: those that are awaited.
    """
    with db.write():
        alive_at = db.session.scalar(select(PortalAlive.alive_at)) or now
        for station_id in db.session.scalars(select(Station.id).where(Station.presence == "up")).all():
            _move(db, station_id, ("up",), "unknown", min(alive_at, now), "the portal was not watching", "start")
        note_alive(db, now)
        wanted = select(Station.id).where(Station.presence == "unknown", Station.archived_at.is_(None))
        return list(db.session.scalars(wanted))


def still_unknown_to_down(db: Db, station_id: str, started_at: datetime) -> bool:
    """It has not come back after the portal's start: down since then."""
    return _move(db, station_id, ("unknown",), "down", started_at, "not back after the portal's start", "watch")


def _move(
    db: Db, station_id: str, before: tuple[State, ...], after: State, at: datetime, reason: str, source: str
) -> bool:
    reason = reason[:200]
    with db.write():
        row = db.session.execute(
            select(Station.presence, Station.presence_since)
            .where(Station.id == station_id, Station.archived_at.is_(None))
            .with_for_update()
        ).first()
        if row is None or row.presence not in before:
            return False
        # Back-dated, but never behind the transition before it: intervals do not overlap.
        at = max(at, row.presence_since) if row.presence_since is not None else at
        moved = update(Station).where(Station.id == station_id, Station.presence == row.presence)
        done = db.session.execute(moved.values(presence=after, presence_since=at, presence_reason=reason))
        if not changed(done):
            return False
        db.session.add(StationState(station_id=station_id, at=at, state=after, reason=reason, source=source))
        db.announce(PresenceChanged(station_id))
    return True
