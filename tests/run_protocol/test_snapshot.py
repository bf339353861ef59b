"""The state of a run as a client asks for it."""

from __future__ import annotations

from station.run_protocol.snapshot import StateOfRun


def test_it_lists_each_attempt_and_the_open_prompts_oldest_first() -> None:
    state = StateOfRun()
    assert state.fields() == {"run_status": "not_started", "phases": []}

    state.take("run_started", {})
    state.take("identify_request", {"request_id": "u", "components": [1]})
    state.take("phase_started", {"phase_key": "a", "attempt": 1})
    state.take("phase_finished", {"phase_key": "a", "attempt": 1, "outcome": "RETRY"})
    state.take("phase_started", {"phase_key": "a", "attempt": 2})
    state.take("phase_skipped", {"phase_key": "b", "slot_id": "s", "reason": "stopped"})
    state.take("ui_request", {"request_id": "r", "phase_key": "a", "components": [2]})

    told = state.fields()
    assert told["phases"] == [
        {"phase_key": "a", "attempt": 1, "status": "finished", "outcome": "RETRY"},
        {"phase_key": "a", "attempt": 2, "status": "started"},
        {"phase_key": "b", "attempt": 1, "slot_id": "s", "status": "skipped", "outcome": "SKIP"},
    ]
    assert told["active_ui_request"] == {"request_id": "u", "phase_key": "identify_unit", "components": [1]}
    assert [one["request_id"] for one in told["active_ui_requests"]] == ["u", "r"]
    state.close("u")
    state.close("r")
    assert "active_ui_request" not in state.fields()
