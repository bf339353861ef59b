from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal.app import create_app, stop
from portal.settings import Settings
from portal.web import portal

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_every_call_is_an_operation_of_the_reference_or_documented(settings: Settings) -> None:
    app = create_app(settings)
    calls = {
        (method, re.sub(r"<(?:name:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") or rule.rule == "/healthz"
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    operations = {(one.method, one.path) for one in app.extensions["stationmaster.operations"]}
    stop(app)
    portal(app).fleet.writer.stop()
    portal(app).database.engine.dispose()

    documented = set(re.findall(r"^\| `(\w+) (/\S+)`", TEXT, re.MULTILINE))
    link = {("GET", "/api/station/link")}  # a socket, see docs/station.md
    assert calls - operations - link == documented
