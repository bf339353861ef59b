"""A run far larger than a page, over the API: accepted, and given back point by point."""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.cast import NOON, record
from tests.core.conftest import Api


def test_a_thousand_phases_and_a_million_points_come_back_equal(api: Api, fresh: Callable[[str], str]) -> None:
    at = NOON.isoformat()
    xs, ys = [n * 1e-6 for n in range(1_000_000)], [round(math.sin(n / 1000), 4) for n in range(1_000_000)]
    sweep = {"name": "sweep", "outcome": "PASS", "x_axis": {"data": xs}, "y_axis": [{"data": ys, "units": "V"}]}
    value = {"name": "rail", "outcome": "PASS", "measured_value": 4.98}
    phases = [
        {"name": f"p{n}", "outcome": "PASS", "started_at": at, "ended_at": at, "measurements": [value]}
        for n in range(1000)
    ]
    phases[500]["measurements"] = [value, sweep]

    answer = api.post_run("bench", record(api.cast, serial_number=fresh("SN"), phases=phases))
    run = api.call("bench", "GET", f"/api/v2/runs/{answer.json()['id']}").json()

    assert [one["name"] for one in run["phases"]] == sorted(one["name"] for one in phases)
    (stored,) = [one for phase in run["phases"] for one in phase["measurements"] if one["name"] == "sweep"]
    assert [axis["data"] for axis in stored["data_series"]] == [xs, ys]
    query = {"procedure_id": api.cast.procedure.id, "measurement_name": "sweep"}
    listed = api.call("bench", "GET", "/api/v2/measurements", params=query)
    assert len(listed.content) < 2000
