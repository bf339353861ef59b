"""The verdict of an attempt, what comes after it, and the verdict of the run. Pure.

Source: contract/procedure-format.md §12, contract/run-json.md §6.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from station.procedure_file.judging import NOT_SET, Given, GivenAxis, Judged, judge
from station.procedure_file.models import Measurement, NextStep, Phase, Then
from station.protocol import Outcome

End = Literal["ok", "fail", "skip", "retry", "stop", "error", "timeout", "interrupted"]
RETRIES_WITHOUT_LIMIT = 3  # where a phase asks for a retry and declares none


@dataclass(frozen=True)
class AttemptEnd:
    """How an attempt ended. ``is_again``: another one follows. ``is_last``: the test ends with it."""

    outcome: Outcome
    error: str | None
    is_again: bool = False
    is_last: bool = False


def settle(
    phase: Phase, end: End, error: str | None, judged: Sequence[Judged], attempt: int, on_first_failure: str
) -> AttemptEnd:
    """The verdict of an attempt, and what comes next. ``attempt`` counts from 1."""
    has_budget = attempt <= (phase.retry.limit if phase.retry is not None else RETRIES_WITHOUT_LIMIT)
    failures = [f"{one.declared.name} = {_value(one)}: {'; '.join(one.why)}" for one in judged if one.outcome == "FAIL"]
    if end == "retry" and has_budget:
        return AttemptEnd(Outcome.SKIP, error or "It is tried again.", is_again=True)
    outcome, words = _outcome(end, error, failures)
    step = _declared_step(phase.then, outcome)
    if step == "retry":
        if has_budget:
            return AttemptEnd(Outcome.SKIP, words or "It is tried again.", is_again=True)
        step = None
        words = f"{words or ''}\nIt exceeded its retry limit.".strip()
    if end in {"stop", "interrupted"}:
        return AttemptEnd(outcome, words, is_last=True)
    is_bad = outcome in {Outcome.FAIL, Outcome.ERROR, Outcome.TIMEOUT}
    return AttemptEnd(outcome, words, is_last=(step or (on_first_failure if is_bad else "continue")) == "stop")


def verdict_of_run(finals: Iterable[Outcome], *, has_failed_plugs: bool, was_stopped: bool) -> Outcome:
    """From the last attempts of all phases."""
    found = set(finals)
    if has_failed_plugs or Outcome.ERROR in found:
        return Outcome.ERROR
    if was_stopped or Outcome.ABORTED in found:
        return Outcome.ABORTED
    for outcome in (Outcome.TIMEOUT, Outcome.FAIL):
        if outcome in found:
            return outcome
    return Outcome.PASS


def judge_all(phase: Phase, measured: Mapping[str, Mapping[str, Any]]) -> list[Judged]:
    """Each declared measurement, and each that only the test knows, by what was set of it.

    A phase that says of itself that it is skipped owes no measurement: the caller does not ask then.
    """
    declared = {one.id: one for one in phase.measurements}
    left = dict(measured)
    found = []
    for key, measurement in declared.items():
        given = left.pop(key, None) or left.pop(measurement.name, None)
        found.append(judge(measurement, given_from(given or {})))
    return found + [judge(Measurement(name=name), given_from(given)) for name, given in left.items()]


def given_from(message: Mapping[str, Any]) -> Given:
    """What a worker says of a measurement."""
    x = message.get("x")
    return Given(
        value=unpacked(message["value"]) if "value" in message else NOT_SET,
        unit=message.get("unit"),
        aggregations=unpacked(message.get("aggregations") or {}),
        x=_axis(x) if x else None,
        y={key: _axis(axis) for key, axis in (message.get("y") or {}).items()},
    )


def unpacked(value: Any) -> Any:
    """The value behind what JSON could carry: see `given.packed` of the worker."""
    if isinstance(value, dict):
        if value.keys() == {"$"}:
            return float(value["$"])
        return {key: unpacked(item) for key, item in value.items()}
    return [unpacked(item) for item in value] if isinstance(value, list) else value


def _axis(message: Mapping[str, Any]) -> GivenAxis:
    return GivenAxis(unpacked(message["data"]), aggregations=unpacked(message.get("aggregations") or {}))


def _outcome(end: End, error: str | None, failures: list[str]) -> tuple[Outcome, str | None]:
    failed = "\n".join(failures) or None
    match end:
        case "error":
            return Outcome.ERROR, error
        case "timeout":
            return Outcome.TIMEOUT, error
        case "interrupted" | "stop":
            return Outcome.ABORTED, error or ("Stopped." if end == "interrupted" else "The phase stopped the test.")
        case "retry":
            return Outcome.FAIL, "\n".join(filter(None, (error, failed, "It exceeded its retry limit.")))
        case _ if failed:
            return Outcome.FAIL, "\n".join(filter(None, (error, failed)))
        case "skip":
            return Outcome.SKIP, error
        case "fail":
            return Outcome.FAIL, error or "The phase reported a failure."
        case _:
            return Outcome.PASS, None


def _declared_step(then: Then, outcome: Outcome) -> NextStep | None:
    return {
        Outcome.PASS: then.passed,
        Outcome.FAIL: then.fail,
        Outcome.ERROR: then.error,
        Outcome.TIMEOUT: then.timeout,
    }.get(outcome)


def _value(judged: Judged) -> str:
    value = judged.given.value
    if value is NOT_SET:
        return "not set" if not judged.given.y else "curve"
    unit = judged.given.unit or judged.declared.unit
    return f"{value} {unit}" if unit and isinstance(value, int | float) else f"{value!s:.200}"
