"""Runs in a process of its own, with one generation of the public client: calls on stdin, results on stdout.

A line in: ``{"server", "key", "call": "runs.create", "arguments": {…}}``. A line out: ``{"result": …}``, or ``{"error":
class, "message", "status"}``. Instants travel as ``{"$at": ISO}``, files as paths, and what the client has answered
before as ``{"$like": {…}}``. An empty call asks for the names of all operations.
"""

from __future__ import annotations

import inspect
import json
import sys
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from tofupilot.v2 import TofuPilot
from tofupilot.v2.basesdk import BaseSDK
from tofupilot.v2.sdk import TofuPilot as Generated


def revive(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$at"}:
            return datetime.fromisoformat(value["$at"])
        if set(value) == {"$like"}:
            return SimpleNamespace(**revive(value["$like"]))
        return {key: revive(item) for key, item in value.items()}
    return [revive(item) for item in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=False)
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if isinstance(value, dict | str | int | float | bool | None) else repr(value)


def operations(area: Any, start: str = "") -> list[str]:
    """The names of all that can be called, such as ``runs.create``: what takes headers of its own sends a request."""
    found = []
    for name in dir(area):
        value = None if name.startswith("_") or name.endswith("_async") else getattr(area, name)
        if isinstance(value, BaseSDK):
            found += operations(value, f"{start}{name}.")
        elif start and callable(value) and "http_headers" in inspect.signature(value).parameters:
            found.append(start + name)
    return found


def carry_out(clients: dict[tuple[str, str], Any], line: str) -> dict[str, Any]:
    asked = json.loads(line)
    if not asked["call"]:
        return {"result": operations(Generated(api_key="none", server_url=asked["server"]))}
    place = (asked["server"], asked["key"])
    if place not in clients:
        clients[place] = TofuPilot(api_key=asked["key"], server_url=asked["server"])
    found: Any = clients[place]
    for name in asked["call"].split("."):
        found = getattr(found, name)
    try:
        return {"result": plain(found(*revive(asked["positional"]), **revive(asked["arguments"])))}
    except Exception as error:  # noqa: BLE001  (whatever the client raises is what the test asks about)
        return {"error": type(error).__name__, "message": str(error), "status": getattr(error, "status_code", None)}


def main() -> None:
    clients: dict[tuple[str, str], Any] = {}
    answers, sys.stdout = sys.stdout, sys.stderr  # what the client prints must not disturb the answers
    for line in sys.stdin:
        print(json.dumps(carry_out(clients, line)), file=answers, flush=True)


main()
