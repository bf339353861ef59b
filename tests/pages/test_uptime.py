"""The page of a station's uptime, and the words and drawings of days. Rules: contract/uptime.md."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from portal.database import Db
from portal.models import Station
from portal.pages.uptime import day_words, percent_words, span, strip_paths, strip_words
from portal.services import presence, stations
from portal.services.actors import SYSTEM
from portal.services.days import DAYS, Day, Strip

LENGTH_S = 86_400


def a_day(n: int = 0, **seconds: int) -> Day:
    parts = dict.fromkeys(("up_s", "down_s", "off_s", "unknown_s", "none_s"), 0) | seconds
    outages = int(parts["down_s"] > 0)
    length_s = sum(parts.values())
    return Day(date(2026, 3, 1) + timedelta(n), "UTC", length_s, *parts.values(), outages, parts["down_s"])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ({"up_s": LENGTH_S}, "100 %"),
        ({"up_s": 90 * LENGTH_S - 31, "down_s": 31}, "99.99 %"),
        ({"up_s": 1, "down_s": 10**6}, "<0.01 %"),
        ({"down_s": 5}, "0.00 %"),
        ({"off_s": LENGTH_S}, "–"),
    ],
)
def test_percents_are_rounded_down_and_never_hide_an_outage(seconds: dict[str, int], words: str) -> None:
    assert percent_words(a_day(**seconds)) == words


def test_lengths_are_never_nothing() -> None:
    assert [span(s) for s in (12, 60, 3 * 60 + 12, 3600, 7320, 2 * LENGTH_S + 7200, 3 * LENGTH_S)] == [
        "12 s", "1 min", "3 min 12 s", "1 h", "2 h 2 min", "2 d 2 h", "3 d",
    ]  # fmt: skip


def test_a_day_and_a_strip_are_sentences() -> None:
    days = [a_day(none_s=LENGTH_S), a_day(1, up_s=LENGTH_S), a_day(2, up_s=LENGTH_S - 360, down_s=360)]

    assert day_words(days[2]) == "Tue 3 March: 99.58 %, 1 outage, 6 min"
    assert day_words(days[0]) == "Sun 1 March: no data"
    assert strip_words(Strip(tuple(days))) == "3 days: 99.79 %, down for 6 min, since 2 March"


def test_bars_of_one_level_are_one_path_and_lower_the_worse_the_day() -> None:
    days = (a_day(up_s=LENGTH_S), a_day(1, up_s=100, down_s=LENGTH_S), a_day(2, up_s=LENGTH_S))

    assert strip_paths(Strip(days)) == {"up": "M0 0h2v20h-2zM6 0h2v20h-2z", "down": "M3 15h2v5h-2z"}


def test_the_page_shows_ninety_days_and_what_happened_on_the_chosen_one(viewer: FlaskClient, db: Db) -> None:
    station_id = stations.create_station(db, SYSTEM, "Bench 7").id
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
    with db.write():
        db.session.execute(update(Station).where(Station.id == station_id).values(created_at=noon - timedelta(days=10)))
    presence.mark_up(db, station_id, noon - timedelta(days=10), "connected")
    presence.mark_down(db, station_id, noon, "silent")
    presence.mark_up(db, station_id, noon + timedelta(minutes=50), "connected")

    whole = viewer.get(f"/stations/{station_id}/uptime").text
    chosen = viewer.get(f"/stations/{station_id}/uptime?day={noon.date()}").text
    calm = viewer.get(f"/stations/{station_id}/uptime?day={noon.date() - timedelta(days=1)}").text

    assert len(re.findall(r'class="day" href', whole)) == DAYS
    assert (whole.count('<td class="number">50 min</td>'), whole.count("<td>silent</td>")) == (1, 1)
    assert "1 outage, 50 min" in chosen
    assert 'aria-current="date"' in chosen
    assert "<td>silent</td>" in chosen
    assert "Nothing to tell of this day." in calm
    assert "<td>silent</td>" not in calm
    assert viewer.get(f"/stations/{station_id}").text.count('class="day" href') == DAYS


@pytest.mark.parametrize("day", ["yesterday", "2026-13-45", "1970-01-01", "9" * 5000])
def test_a_day_that_is_none_shows_them_all(viewer: FlaskClient, db: Db, day: str) -> None:
    station_id = stations.create_station(db, SYSTEM, "Bench 7").id

    answer = viewer.get(f"/stations/{station_id}/uptime?day={day}")

    assert (answer.status_code, 'aria-current="date"' in answer.text) == (200, False)
    assert "there is nothing to count" in answer.text
