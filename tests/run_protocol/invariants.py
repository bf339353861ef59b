"""What holds for every stream of the run protocol. Source: contract/run-json.md §5."""

from __future__ import annotations

from collections import Counter
from typing import Any

Stream = list[dict[str, Any]]

_OF_A_PHASE = {"measurement_recorded", "attachment_added", "phase_log", "ui_request", "ui_auto_continue"}
_ANSWERS = {"ui_error", "state_snapshot"}


def check_stream(stream: Stream, exit_status: int) -> None:
    """Assert the rules that one stream can show: 9 (it is live) and 13 (it is the same again) need more than one."""
    _check_frame(stream, exit_status)
    _check_plan(stream)
    _check_phases(stream)
    _check_prompts(stream)
    _check_unit(stream)


def _check_frame(stream: Stream, exit_status: int) -> None:
    types = [line["type"] for line in stream]
    assert [line["seq"] for line in stream] == list(range(len(stream)))
    assert types[0] == "run_started"
    assert types[-1] == "run_finished"
    assert types.count("run_started") == types.count("run_finished") == 1
    assert types.count("run_crashed") == (1 if types[-2] == "run_crashed" else 0)
    last = stream[-1]
    assert last["exit_code"] == exit_status
    assert last["outcome"] == _outcome_of(exit_status)


def _outcome_of(exit_code: int) -> str:
    if 129 <= exit_code <= 192:
        return "ABORTED"
    return {0: "PASS", 5: "ERROR"}.get(exit_code, "FAIL")


def _check_plan(stream: Stream) -> None:
    plans = [line for line in stream if line["type"] == "plan"]
    assert len(plans) == 1 or (_is_crashed(stream) and not plans)
    if plans:
        assert next(line for line in stream[1:] if line["type"] not in _ANSWERS) is plans[0]
    planned = [phase["key"] for plan in plans for phase in plan["phases"]]
    assert len(set(planned)) == len(planned)
    assert {line["phase_key"] for line in stream if line.get("phase_key")} <= set(planned)
    if not _is_crashed(stream):
        ended = {line["phase_key"] for line in stream if line["type"] in ("phase_finished", "phase_skipped")}
        assert ended == set(planned)


def _check_phases(stream: Stream) -> None:
    running: dict[tuple[str, str | None], int] = {}
    attempts: Counter[tuple[str, str | None]] = Counter()
    skipped: set[tuple[str, str | None]] = set()
    for line in stream:
        place = (line.get("phase_key", ""), line.get("slot_id"))
        if line["type"] == "phase_started":
            assert place not in running
            assert place not in skipped
            attempts[place] += 1
            assert line["attempt"] == attempts[place]
            running[place] = line["attempt"]
        elif line["type"] == "phase_finished":
            assert running.pop(place) == line["attempt"]
        elif line["type"] == "phase_skipped":
            assert place not in skipped
            assert place not in attempts
            assert line["reason"]
            skipped.add(place)
        elif line["type"] in _OF_A_PHASE and not (line["type"] == "phase_log" and not line["phase_key"]):
            assert place in running or (
                line.get("slot_id") is None and line["phase_key"] in {key for key, _ in running}
            )
    assert not running


def _check_prompts(stream: Stream) -> None:
    asked = [line["request_id"] for line in stream if line["type"] in ("ui_request", "identify_request")]
    assert len(set(asked)) == len(asked)
    late = [line["request_id"] for line in stream if line["type"] in ("ui_timeout", "identify_timeout")]
    assert len(set(late)) == len(late)
    assert set(late) <= set(asked)
    assert all(line["components"] for line in stream if line["type"] in ("ui_request", "identify_request"))


def _check_unit(stream: Stream) -> None:
    for place, line in enumerate(stream):
        if line["type"] == "identify_request":
            rest = stream[place:]
            is_resolved = any(
                one["type"] == "identify_resolved" and one.get("slot_id") == line.get("slot_id") for one in rest
            )
            is_late = any(one["type"] == "identify_timeout" and one["request_id"] == line["request_id"] for one in rest)
            crash = stream[-2] if _is_crashed(stream) else {}
            assert is_resolved or is_late or crash.get("error_kind") in ("identify_unit_failed", "aborted")


def _is_crashed(stream: Stream) -> bool:
    return bool(stream[-2]["type"] == "run_crashed")
