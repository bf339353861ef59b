"""Time zones by their IANA names, and the instants of what a clock on the wall says."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

LONGEST_NAME = 64
_NO_PLACES = frozenset({"Factory", "localtime", "posixrules"})


@cache
def zone_names() -> dict[str, str]:
    """All names, sorted, by themselves in small letters."""
    return {name.lower(): name for name in sorted(available_timezones() - _NO_PLACES) if len(name) <= LONGEST_NAME}


def find_zone(name: str) -> ZoneInfo | None:
    """The zone of that name, whatever its case; None when there is none."""
    known = zone_names().get(name.strip().lower())
    return ZoneInfo(known) if known is not None else None


@lru_cache(maxsize=4096)
def midnight(day: date, zone: str) -> datetime:
    """When the day begins in the zone, in UTC. Where clocks leave midnight out: the moment at which they jump."""
    return first_instant(day, 0, ZoneInfo(zone))


def first_instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """When the clock on the wall first shows ``minute`` (of the day) or more on that day, in UTC.

    A time that comes twice is the first of the two; one that is skipped is the moment at which the clock jumps. So
    later times are never earlier instants, and what ends at a time and what begins at it meet without a gap.
    """
    wall = datetime.combine(day, time(minute // 60, minute % 60), zone)
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    # Skipped. With the offset of before the jump it is read as too late, with that of after it as too early.
    early, late = wall.replace(fold=1).astimezone(UTC), instant
    after = late.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == after:
            late = middle
        else:
            early = middle
    return late
