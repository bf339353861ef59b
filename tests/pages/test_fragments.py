"""The pieces that the feed renders outside any request: same file, same bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask, has_request_context

from portal.live.fleet import Activity
from portal.services.presence import PresenceNow
from station.run_state import Stage
from stationmaster.resources import folder

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RUN = SimpleNamespace(id="r1", outcome="PASS", started_at=NOON, serial_number="SN-000001")
RUNNING = Activity("PCBA", "SN-000002", Stage.RUNNING, "UNSET", 3, 8)


@dataclass
class Row:
    presence: PresenceNow
    id: str = "00000000-0000-0000-0000-000000000007"
    name: str = "Bench <7>"
    last_run: SimpleNamespace | None = None
    procedures: tuple[str, ...] = ()


ONLINE = PresenceNow("up", datetime.now(UTC) - timedelta(minutes=3), "connected")
NEVER = PresenceNow("none", None, None)


@pytest.mark.parametrize("part", ["status", "now", "run", "live", "enrolment", "machine"])
@pytest.mark.parametrize("station", [Row(ONLINE, last_run=RUN), Row(NEVER), Row(ONLINE, procedures=("x",))])
@pytest.mark.parametrize("activity", [None, RUNNING])
def test_a_fragment_renders_without_a_request_and_has_its_id(
    app: Flask, part: str, station: Row, activity: Activity | None
) -> None:
    assert not has_request_context()

    text = app.jinja_env.get_template(f"stations/_{part}.html").render(station=station, activity=activity)

    assert text.count(f'id="station-{station.id}-{part}"') == 1
    assert "<7>" not in text


def test_fragments_ask_nothing_of_a_request() -> None:
    for path in folder("templates").rglob("_*.html"):
        names = re.findall(r"\b(url_for|request|current_user|session|get_flashed_messages)\b\s*[(.]", path.read_text())
        assert names == [], f"{path} would fail outside a request"


def test_every_fragment_says_what_it_needs() -> None:
    for path in folder("templates").rglob("*.html"):
        assert path.read_text().startswith("{#"), f"{path} does not say its inputs in its first lines"


def test_the_status_says_what_and_since_when(app: Flask) -> None:
    since = datetime.now(UTC) - timedelta(minutes=3, seconds=5)
    station = Row(PresenceNow("up", since, "connected"))

    text = app.jinja_env.get_template("stations/_status.html").render(station=station, activity=RUNNING)

    assert "online" in text
    assert "3 min</time>" in text
    assert "Running: <bdi>PCBA</bdi>, 3 of 8" in text
