"""OpenHTF's test record, as its JSON output writes it. Source: contract/v1-api.md §6.2 to §6.4.

Read: the unit and what its metadata says of it, outcome, times, phases with their attempts, measurements (single ones,
sweeps, and those that are texts, lists or objects), limits, log records. Not read: subtests, branches, checkpoints,
diagnoses, the source code, and files inside of phases: they stay in the report, which is attached to the run.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from pydantic_core import from_json

from portal.errors import BadRequest
from portal.services.imports.drafts import Draft, Parsed, ProcedureName, at_millis, line_number, number, stored, text
from portal.services.imports.limit_texts import read_limits
from portal.services.run_input import LogIn, MeasurementIn, PhaseIn, SeriesIn, Verdict

Json = dict[str, Any]
_OUTCOMES = ("PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED")
_PHASE_OUTCOMES = ("PASS", "FAIL", "SKIP", "ERROR")
_LEVELS = ((10, "DEBUG"), (20, "INFO"), (30, "WARNING"), (40, "ERROR"))
# How OpenHTF writes what is no number, unless it was told to write the bare words, which are no JSON.
_NO_NUMBERS = ("nan", "inf", "-inf")
MOST_SUB_UNITS = 10_000


def read(content: bytes) -> Parsed:
    """The record's run. Raises `BadRequest`."""
    record = _object(content)
    metadata = _dict(record.get("metadata"))
    outcome = record.get("outcome")
    if outcome not in _OUTCOMES:
        raise BadRequest("This is no record of OpenHTF: its outcome is none of " + ", ".join(_OUTCOMES) + ".")
    warnings: list[str] = []
    fields = {
        "outcome": outcome,
        "serial_number": text(metadata.get("serial_number")) or text(record.get("dut_id")) or "",
        "started_at": at_millis(record.get("start_time_millis"), "record's start_time_millis"),
        "ended_at": at_millis(record.get("end_time_millis"), "record's end_time_millis"),
        "part_number": text(metadata.get("part_number")),
        "revision_number": text(metadata.get("revision")),
        "batch_number": text(metadata.get("batch_number")),
        "procedure_version": text(metadata.get("procedure_version")),
        "sub_units": _sub_units(metadata.get("sub_units")),
        "docstring": text(_dict(record.get("code_info")).get("docstring")),
        "phases": _phases(_dicts(record.get("phases")), record, warnings),
        "logs": [_log(line) for line in _dicts(record.get("log_records"))],
    }
    procedure = ProcedureName(text(metadata.get("procedure_id")), text(metadata.get("procedure_name")))
    return Parsed([Draft(procedure, fields)], warnings)


def _object(content: bytes) -> Json:
    try:
        # NaN and Infinity are accepted: OpenHTF writes them when it is asked to. At most some hundred levels deep.
        found = from_json(content.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=True)
    except ValueError as error:
        raise BadRequest(f"The file is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise BadRequest("The file is not a JSON object, as a record of OpenHTF is one.")
    return cast("Json", _clean(found)) if b"\\u0000" in content else found


def _phases(phases: list[Json], record: Json, warnings: list[str]) -> list[PhaseIn]:
    """All attempts in their order. Those of one name are counted, as OpenHTF does not number them."""
    attempts: Counter[str] = Counter()
    found: list[PhaseIn] = []
    for phase in phases:
        name = text(phase.get("name")) or "(unnamed)"
        outcome = phase.get("outcome")
        if outcome not in _PHASE_OUTCOMES:
            warnings.append(f"The phase {name[:100]!r} has no outcome: it is kept as ERROR.")
            outcome = "ERROR"
        started = phase.get("start_time_millis") or record.get("start_time_millis")
        started_at = at_millis(started, f"start_time_millis of the phase {name[:100]!r}")
        ended = phase.get("end_time_millis") or started
        found.append(
            PhaseIn(
                name=name,
                outcome=cast("Any", outcome),
                started_at=started_at,
                ended_at=at_millis(ended, f"end_time_millis of the phase {name[:100]!r}"),
                docstring=text(_dict(phase.get("codeinfo")).get("docstring")),
                measurements=[_measurement(key, one) for key, one in _dict(phase.get("measurements")).items()],
                retry_count=attempts[name],
            )
        )
        attempts[name] += 1
        inlined = [key for key, one in _dict(phase.get("attachments")).items() if _dict(one).get("data")]
        if inlined:
            warnings.append(
                f"Files inside of the phase {name[:100]!r} were not taken out of the report: {len(inlined)}."
            )
    return found


def _measurement(key: str, given: object) -> MeasurementIn:
    one = _dict(given)
    name = text(one.get("name")) or text(key) or "(unnamed)"
    outcome = one.get("outcome")
    verdict = cast("Verdict", outcome if outcome in ("PASS", "FAIL") else "UNSET")
    value = _value(one.get("measured_value"))
    units = _suffix(one.get("units"))
    axes = _axes(name, units, one.get("dimensions"), value)
    judged = axes[-1].data if axes else value
    return MeasurementIn(
        name=name,
        outcome=verdict,
        measured_value=None if axes else value,
        x_axis=axes[0] if axes else None,
        y_axis=axes[1:],
        units=units,
        validators=read_limits(_list(one.get("validators")), judged, verdict),
        docstring=text(one.get("docstring")),
    )


def _axes(name: str, units: str | None, dimensions: object, rows: object) -> list[SeriesIn]:
    """The series of a sweep, one for each dimension and the value last; none for a single value."""
    given = _dicts(dimensions)
    if not given:
        return []
    width = len(given) + 1
    whole = [row for row in _list(rows) if isinstance(row, list) and len(row) == width]
    names = [text(one.get("description")) or text(one.get("name")) for one in given]
    suffixes = [_suffix(one) for one in given]
    return [
        SeriesIn(data=[_point(row[place]) for row in whole], units=suffix, name=title)
        for place, (title, suffix) in enumerate(zip([*names, name], [*suffixes, units], strict=True))
    ]


def _point(value: object) -> float | str | None:
    if value is None or isinstance(value, bool | int | float):
        return number(int(value) if isinstance(value, bool) else value)
    kept = _value(value)
    return kept if kept is None or isinstance(kept, str) else stored(repr(kept))


def _value(value: object) -> Any:
    """A value as it is kept: what is no number is nothing."""
    if isinstance(value, list):
        return [_value(one) for one in value]
    return None if isinstance(value, str) and value in _NO_NUMBERS else value


def _log(line: Json) -> LogIn:
    level = number(line.get("level")) or 0
    return LogIn(
        level=cast("Any", next((word for most, word in _LEVELS if level <= most), "CRITICAL")),
        timestamp=at_millis(line.get("timestamp_millis"), "timestamp_millis of a log record"),
        message=str(line.get("message") or ""),
        source_file=text(line.get("source")) or "",
        line_number=line_number(line.get("lineno")),
    )


def _sub_units(given: object) -> list[str]:
    named = (one.get("serial_number") if isinstance(one, dict) else one for one in _list(given)[:MOST_SUB_UNITS])
    return [found for found in map(text, named) if found is not None]


def _suffix(units: object) -> str | None:
    """``V``, ``Hz``, ``%``: how a unit of measure is written behind a number."""
    return text(_dict(units).get("suffix")) if isinstance(units, dict) else text(units)


def _clean(value: Any) -> Any:
    """Without NUL characters, which no database keeps."""
    match value:
        case str():
            return stored(value)
        case list():
            return [_clean(one) for one in value]
        case dict():
            return {stored(key): _clean(one) for key, one in value.items()}
        case _:
            return value


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[Json]:
    return [one for one in _list(value) if isinstance(one, dict)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
