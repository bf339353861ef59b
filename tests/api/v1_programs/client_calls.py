"""Calls of the older client, one after the other: ``[["create_run", {…}], …]`` in, their answers out, as JSON."""

import json
import sys
from datetime import UTC, datetime, timedelta

from tofupilot import TofuPilotClient


def revive(given: dict) -> dict:
    """Instants and durations, which JSON does not have."""
    found = dict(given)
    if "started_at" in found:
        found["started_at"] = datetime.fromisoformat(found["started_at"]).astimezone(UTC)
    if "duration_s" in found:
        found["duration"] = timedelta(seconds=found.pop("duration_s"))
    if "steps" in found:
        found["steps"] = [revive(step) for step in found["steps"]]
    return found


client = TofuPilotClient()
answers = []
for name, given in json.loads(sys.argv[1]):
    arguments = revive(given)
    try:
        answers.append(getattr(client, name)(**arguments))
    except Exception as error:  # noqa: BLE001  (the test asks what it was)
        answers.append({"raised": type(error).__name__, "text": str(error)})
print("\nANSWERS " + json.dumps(answers, default=str))
