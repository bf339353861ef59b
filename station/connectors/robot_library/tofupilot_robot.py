"""Keywords that measure, for suites that a station runs: ``Library    tofupilot_robot``."""

from __future__ import annotations

from stationmaster_connectors.robot_run.keywords import measure_boolean, measure_numeric, measure_string

__all__ = ["measure_boolean", "measure_numeric", "measure_string"]
