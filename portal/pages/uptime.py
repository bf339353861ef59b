"""How much of the time stations were there: strips of days, the page of one station's uptime, and words for it."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Flask, Response, request

from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services.days import Day, Level, Strip
from portal.services.uptime_details import UptimeDetail, WindowView, show_uptime
from portal.web import actor, db

pages = signed_in_only(Blueprint("uptime", __name__))

BAR, STEP, HEIGHT = 2, 3, 20  # of a bar, from bar to bar, and of the strip, in the units of the drawing
# The worse the day, the lower its bar: a strip can be read without its colours.
HEIGHTS: dict[Level, int] = {"none": 1, "quiet": 4, "up": 20, "slight": 16, "some": 12, "much": 8, "down": 5}
LEVEL_WORDS: dict[Level, str] = {
    "none": "no data",
    "quiet": "planned off",
    "unknown": "not watched",
    "up": "no outage",
    "slight": "99 % and more",
    "some": "95 % and more",
    "much": "80 % and more",
    "down": "below 80 %",
}


def register_words(app: Flask) -> None:
    """Make the functions available to every template."""
    app.jinja_env.filters.update(percent_words=percent_words, strip_words=strip_words, day_words=day_words, span=span)
    app.jinja_env.globals.update(strip_paths=strip_paths, level_words=LEVEL_WORDS)


@pages.get("/stations/<station_id>/uptime")
def show(station_id: str) -> Response:
    """The last ninety days, and what happened: of a chosen day, or the newest outages."""
    return render("stations/uptime.html", "stations/_uptime.html", uptime=uptime_of(station_id))


def uptime_of(station_id: str) -> UptimeDetail:
    """For the pages of a station: its uptime, of the day that the address names."""
    try:
        day = date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        day = None
    return show_uptime(db(), actor(), station_id, day)


def percent_words(window: Strip | Day | WindowView) -> str:
    """The percent, rounded down: never 100 % after an outage, and never 0 where there was any time at all."""
    if window.percent is None:
        return "–"
    if window.percent == 0 and window.up_s:
        return "<0.01 %"
    return f"{window.percent:.2f} %" if window.percent < 100 else "100 %"


def span(seconds: float) -> str:
    """A length of time for people, in two units at most, and never as nothing."""
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s} s" if minutes and rest_s else f"{minutes} min" if minutes else f"{rest_s} s"
    hours, rest_min = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest_min} min" if rest_min else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"


def day_words(day: Day) -> str:
    """One day in a sentence."""
    words = [f"{day.day:%a} {day.day.day} {day.day:%B}: "]
    if day.percent is None:
        words.append({"quiet": "planned off", "none": "no data"}.get(day.level, "not watched"))
    else:
        words.append(percent_words(day))
        if day.outages:
            count = "1 outage" if day.outages == 1 else f"{day.outages} outages"
            words.append(f", {count}, {span(day.down_s)}")
        if day.is_partly_watched:
            words.append(", watched for a part of the day only")
    return "".join(words)


def strip_words(strip: Strip) -> str:
    """All days in a sentence."""
    if strip.percent is None:
        return f"{len(strip.days)} days: no data"
    outage = f"down for {span(strip.down_s)}" if strip.down_s else "no outage"
    since = f", since {strip.since.day} {strip.since:%B}" if strip.since else ""
    return f"{len(strip.days)} days: {percent_words(strip)}, {outage}{since}"


def strip_paths(strip: Strip) -> dict[Level, str]:
    """The bars of each level as one path, in a drawing of `STEP` units for each day and `HEIGHT` units high."""
    paths: dict[Level, list[str]] = {}
    for place, day in enumerate(strip.days):
        paths.setdefault(day.level, []).append(_bar(place * STEP, day.level))
    return {level: "".join(bars) for level, bars in paths.items()}


def _bar(x: int, level: Level) -> str:
    if level == "unknown":  # three pieces with gaps: as high as a whole day, and not one
        return "".join(f"M{x} {y}h{BAR}v4h-{BAR}z" for y in (0, 8, 16))
    height = HEIGHTS[level]
    return f"M{x} {HEIGHT - height}h{BAR}v{height}h-{BAR}z"
