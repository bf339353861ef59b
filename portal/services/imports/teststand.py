"""NI TestStand's own XML report: ``Reports``, ``Report``, and trees of ``Prop``.

Read: the unit's serial number, part number and batch, the station and who was signed in, start, result, steps with
their groups (sequence calls), numeric limits, text values, pass/fail, multiple numeric limits, units, report texts,
errors. Not read: additional results, parameters, loops' indices, post-actions. A report in ATML form is handed to the
ATML importer.

The procedure is the sequence file of the main sequence. The report's start has no zone: it is taken as UTC. Times of
steps are seconds since the engine began, so only their order and length are told. Source: NI TestStand Help, "XML
Report Format".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from portal.errors import BadRequest
from portal.services.imports import atml
from portal.services.imports.drafts import LONGEST_NAME, LONGEST_UNITS, Draft, Parsed, ProcedureName, number_in
from portal.services.imports.header import batch_number, facts, file_stem
from portal.services.imports.limits import compared, judged
from portal.services.imports.steps import Step, Word, after, lay_out, run_outcome, verdict, word
from portal.services.imports.xml_tree import Node, read_xml
from portal.services.run_input import MeasurementIn


def read(content: bytes) -> Parsed:
    """The reports' runs. Raises `BadRequest`."""
    root = read_xml(content)
    if root.tag in ("TestResults", "TestResultsCollection"):
        return atml.read(content)
    drafts = [_draft(one) for one in root.below("Report") if (one.get("Type") or "UUT") == "UUT"]
    if not drafts:
        raise BadRequest("The file holds no UUT report of TestStand.")
    return Parsed(drafts)


def _draft(report: Node) -> Draft:
    uut, station = _prop(report, "UUT"), _prop(report, "StationInfo")
    result = next((one for one in report.all("Prop") if _is_result(one)), None)
    started_at = _start(report)
    main = _prop(result, "TS", "SequenceCall") if result is not None else None
    layout = lay_out(_steps(main), started_at)
    total_s = number_in(_value(result, "TS", "TotalTime"))
    fields = {
        "outcome": run_outcome(report.get("UUTResult") or _value(result, "Status")),
        "serial_number": _value(uut, "SerialNumber") or "",
        "part_number": _value(uut, "PartNumber"),
        "batch_number": batch_number(_value(uut, "BatchSerialNumber")),
        "operated_by": (_value(station, "LoginName") or "")[:254] or None,
        "started_at": started_at,
        "ended_at": after(started_at, total_s) if total_s is not None else layout.ended_at,
        "phases": layout.phases,
        "sequences": layout.sequences,
        "metadata": facts(
            station=_value(station, "StationID"),
            socket=number_in(_value(uut, "TestSocketIndex")),
            error_message=_error(result) if result is not None else None,
        ),
    }
    name = file_stem(_value(main, "SequenceFile")) or _value(main, "Sequence")
    return Draft(ProcedureName(name=name), fields)


def _start(report: Node) -> datetime:
    date, time = _prop(report, "StartDate"), _prop(report, "StartTime")
    given = [
        number_in(_value(where, name))
        for where, names in ((date, ("Year", "Month", "MonthDay")), (time, ("Hours", "Minutes", "Seconds")))
        for name in names
    ]
    try:
        year, month, day, hour, minute, second = (int(one) for one in given if one is not None)
        milliseconds = number_in(_value(time, "Milliseconds")) or 0
        return after(datetime(year, month, day, hour, minute, second, tzinfo=UTC), milliseconds / 1000)
    except ValueError:
        raise BadRequest("The report's StartDate and StartTime are missing, or are no time.") from None


def _steps(call: Node | None) -> list[Step]:
    """The results of a sequence call, those of its sub-sequences in them."""
    return [_step(one) for one in _results(_prop(call, "ResultList"))]


def _results(results: Node | None) -> Iterator[Node]:
    for value in results.all("Value") if results is not None else []:
        yield from (one for one in value.all("Prop") if _is_result(one))


def _step(result: Node) -> Step:
    name = _value(result, "TS", "StepName") or "(unnamed)"
    outcome = word(_value(result, "Status")) or "ERROR"
    call = _prop(result, "TS", "SequenceCall")
    texts = [one for one in (_value(result, "ReportText"), _error(result)) if one]
    return Step(
        name=name,
        outcome=outcome,
        duration_s=number_in(_value(result, "TS", "TotalTime")),
        measurements=_measurements(name, outcome, result),
        docstring="\n".join(texts) or None,
        steps=_steps(call) if call is not None else None,
    )


def _measurements(step: str, outcome: Word, result: Node) -> list[MeasurementIn]:
    several = _prop(result, "Measurement")
    if several is not None and several.all("Value"):
        inner = [one for value in several.all("Value") for one in value.all("Prop")]
        return [_one_of_several(step, outcome, one) for one in inner]
    if (number := _value(result, "Numeric")) is not None:
        return [_measurement(step, outcome, result, number_in(number))]
    if (passed := _value(result, "PassFail")) is not None:
        return [_measurement(step, outcome, result, passed.lower() == "true")]
    if (string := _prop(result, "String")) is not None:
        return [_measurement(step, outcome, result, _value(string))]
    return []


def _one_of_several(step: str, outcome: Word, of: Node) -> MeasurementIn:
    own = word(_value(of, "Status")) or outcome
    return _measurement(of.get("Name") or step, own, of, number_in(_value(of, "Data")))


def _measurement(name: str, outcome: Word, of: Node, value: Any) -> MeasurementIn:
    low: Any = number_in(_value(of, "Limits", "Low"))
    high: Any = number_in(_value(of, "Limits", "High"))
    text = _value(of, "Limits", "String")
    comparison = _value(of, "Comp") or ("EQ" if text is not None else None)
    limits = compared(comparison, text if text is not None else low, high)
    found = verdict(outcome)
    return MeasurementIn(
        name=name[:LONGEST_NAME],
        outcome=found,
        measured_value=value,
        units=(_value(of, "Units") or "")[:LONGEST_UNITS] or None,
        validators=judged(limits, value, found),
    )


def _error(result: Node) -> str | None:
    if (_value(result, "Error", "Occurred") or "").lower() != "true":
        return None
    return f"Error {_value(result, 'Error', 'Code') or '?'}: {_value(result, 'Error', 'Msg') or ''}".strip()


def _is_result(prop: Node) -> bool:
    return "TEResult" in (prop.get("Type"), prop.get("TypeName"))


def _prop(of: Node | None, *names: str) -> Node | None:
    """The property at the end of the path of names."""
    here = of
    for name in names:
        here = next((one for one in here.all("Prop") if one.get("Name") == name), None) if here is not None else None
    return here


def _value(of: Node | None, *names: str) -> str | None:
    """The text of a property; None for one that is not there or empty."""
    prop = _prop(of, *names)
    value = prop.find("Value") if prop is not None else None
    return value.text or None if value is not None else None
