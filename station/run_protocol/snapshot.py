"""What a client is told that asks for the state of the run. Source: contract/run-json.md §4.3."""

from __future__ import annotations

from typing import Any

_UNIT_PROMPT = "identify_unit"


class StateOfRun:
    """Follows the lines that were written. Not for several threads: `take` and `fields` are called under one lock."""

    def __init__(self) -> None:
        self._status = "not_started"
        self._phases: list[dict[str, Any]] = []
        self._prompts: dict[str, dict[str, Any]] = {}

    def take(self, kind: str, fields: dict[str, Any]) -> None:
        """Note an event that is being written."""
        match kind:
            case "run_started":
                self._status = "running"
            case "run_finished":
                self._status = "finished"
            case "phase_started":
                self._phases.append({"status": "started", **_place(fields, fields["attempt"])})
            case "phase_finished":
                place = _place(fields, fields["attempt"])
                started = next(one for one in self._phases if place.items() <= one.items())
                started.update(status="finished", outcome=fields["outcome"])
            case "phase_skipped":
                self._phases.append({"status": "skipped", **_place(fields, 1), "outcome": "SKIP"})
            case "ui_request" | "identify_request":
                self._prompts[fields["request_id"]] = {
                    "request_id": fields["request_id"],
                    "phase_key": fields.get("phase_key", _UNIT_PROMPT),
                    "components": fields["components"],
                }

    def close(self, request_id: str) -> None:
        """A prompt is no longer open: an accepted answer has no event of its own."""
        self._prompts.pop(request_id, None)

    def fields(self) -> dict[str, Any]:
        """The fields of `state_snapshot`."""
        told: dict[str, Any] = {"run_status": self._status, "phases": [dict(one) for one in self._phases]}
        if self._prompts:
            told["active_ui_request"] = next(iter(self._prompts.values()))
            told["active_ui_requests"] = list(self._prompts.values())
        return told


def _place(fields: dict[str, Any], attempt: int) -> dict[str, Any]:
    place = {"phase_key": fields["phase_key"], "attempt": attempt}
    return {**place, "slot_id": fields["slot_id"]} if "slot_id" in fields else place
