"""Why a phase ended as it did, in words for the person at the bench."""

from __future__ import annotations

from typing import Any

from ..common.reasons import exception_in_words


def phase_in_words(attempt: Any, folder: str) -> str | None:
    """Why a phase did not pass. None when it passed, or was skipped."""
    record = attempt.state.phase_record
    result = record.result
    outcome = getattr(record.outcome, "name", "")
    if result is None or outcome in ("PASS", "SKIP"):
        return None
    if attempt.was_stopped:
        return "Stopped."
    if attempt.exit_call is not None:
        return f"The phase called sys.exit({attempt.exit_call})."
    raised = result.phase_result
    if isinstance(getattr(raised, "exc_val", None), BaseException):
        return exception_in_words(raised.exc_val, folder, raised.exc_tb)
    if result.is_timeout:
        return f"The phase took longer than its limit of {attempt.limit_s:g} s."
    if isinstance(raised, BaseException):
        return f"The phase was interrupted: {type(raised).__name__}."
    if getattr(attempt.state, "hit_repeat_limit", False):
        return f"The phase asked to be repeated more often than its limit of {attempt.repeat_limit}."
    failures = [_failure_in_words(m) for m in record.measurements.values() if _has_failed(m)]
    if failures:
        return "\n".join(failures)
    words = {
        "STOP": "The phase stopped the test.",
        "FAIL_AND_CONTINUE": "The phase reported a failure.",
        "FAIL_SUBTEST": "The phase failed its sub-test.",
    }
    return words.get(getattr(raised, "name", ""), "A diagnosis found a failure." if outcome == "FAIL" else None)


def _has_failed(measurement: Any) -> bool:
    return getattr(measurement.outcome, "name", "") in ("FAIL", "UNSET", "PARTIALLY_SET")


def _failure_in_words(measurement: Any) -> str:
    from .measured import holds_nan, judged

    found = judged(measurement)
    name = found["name"]
    if "measured_value" not in found and "x_axis" not in found:
        return f"{name} was not measured."
    broken = [v["expression"] for v in found["validators"] if v.get("outcome") == "FAIL" and v.get("is_decisive", True)]
    value = f"{found['measured_value']}" if "measured_value" in found else f"{len(found['x_axis']['data'])} points"
    units = f" {found['units']}" if found.get("units") and "measured_value" in found else ""
    if holds_nan(measurement):
        return f"{name} = {value}: not a number"
    return f"{name} = {value}{units}: not {' and '.join(broken) or 'as required'}"
