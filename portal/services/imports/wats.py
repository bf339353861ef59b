"""Reports of Virinco WATS: its JSON format (WSJF) and its XML format (WSXF, or WRML, which is built alike).

Read: test reports (UUT) with process, unit, batch, operator, free facts, steps with their groups, numeric limits,
pass/fail and text comparisons, single and multiple, report texts. Not read: repair reports (UUR; a warning says how
many), sub-units, charts, attachments inside of the report, assets. Either name of the importer takes either form.

The procedure is the process (the test operation, such as "ICT"), else the root sequence. A report's times are its UTC
ones where it has them. Source: WATS Standard JSON Format and WATS Standard XML Format, support.virinco.com.
"""

from __future__ import annotations

import re
from typing import Any

from portal.errors import BadRequest
from portal.services.imports.drafts import (
    LONGEST_NAME,
    LONGEST_UNITS,
    Draft,
    Parsed,
    ProcedureName,
    number,
    number_in,
    text,
)
from portal.services.imports.header import batch_number, facts, file_stem
from portal.services.imports.json_file import Json, dict_of, dicts_of, list_of, read_object
from portal.services.imports.limits import compared, judged
from portal.services.imports.steps import Step, Word, after, instant, lay_out, run_outcome, verdict, word
from portal.services.imports.xml_tree import Node, read_xml
from portal.services.run_input import MeasurementIn

DEEPEST = 100
_NOT_KEY = re.compile(r"[^A-Za-z0-9_]+")


def read(content: bytes) -> Parsed:
    """The reports' runs. Raises `BadRequest`."""
    if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        return _parsed([read_object(content)])
    return _parsed([_from_xml(one) for one in read_xml(content).below("Report")])


def _parsed(reports: list[Json]) -> Parsed:
    tests = [one for one in reports if str(one.get("type") or "T").upper() in ("T", "UUT")]
    if not tests:
        raise BadRequest("The file holds no test report (UUT) of WATS.")
    left_out = len(reports) - len(tests)
    return Parsed([_draft(one) for one in tests], [f"Repair reports were left out: {left_out}."] if left_out else [])


def _draft(report: Json) -> Draft:
    uut, root = dict_of(report.get("uut")), dict_of(report.get("root"))
    started_at = instant(text(report.get("startUTC"))) or instant(text(report.get("start")))
    if started_at is None:
        raise BadRequest("The report's start is missing, or is no time.")
    steps = _steps(list_of(root.get("steps")), 0)
    layout = lay_out(steps, started_at)
    total_s = number(uut.get("execTime"))
    sequence = dict_of(root.get("seqCall"))
    process = text(report.get("processName")) or text(root.get("name")) or text(sequence.get("name"))
    code = text(report.get("processCode"))
    fields = {
        "outcome": run_outcome(text(report.get("result"))),
        "serial_number": text(report.get("sn")) or "",
        "part_number": text(report.get("pn")),
        "revision_number": text(report.get("rev")),
        "batch_number": batch_number(uut.get("batchSN")),
        "operated_by": text(uut.get("user"), 254),
        "procedure_version": text(sequence.get("version"), 60),
        "docstring": text(uut.get("comment")),
        "started_at": started_at,
        "ended_at": after(started_at, total_s) if total_s is not None else layout.ended_at,
        "phases": layout.phases,
        "sequences": layout.sequences,
        "metadata": facts(
            station=report.get("machineName"),
            location=report.get("location"),
            purpose=report.get("purpose"),
            process_code=code,
            fixture=uut.get("fixtureId"),
            socket=number(uut.get("testSocketIndex")),
            error_message=uut.get("errorMessage"),
            **_misc(report),
        ),
    }
    return Draft(ProcedureName(name=process or (f"Process {code}" if code else None)), fields)


def _misc(report: Json) -> dict[str, Any]:
    """Free facts of the report under the names it has for them, made into keys, behind ``misc.``."""
    found: dict[str, Any] = {}
    for one in dicts_of(report.get("miscInfos")):
        value = text(one.get("text"))
        key = "misc." + _NOT_KEY.sub("_", text(one.get("description")) or "")[:35]
        found[key] = value if value is not None else number(one.get("numeric"))
    return found


def _steps(given: list[Any], depth: int) -> list[Step]:
    if depth > DEEPEST:
        raise BadRequest(f"The report's steps are more than {DEEPEST} levels deep.")
    return [_step(dict_of(one), depth) for one in given]


def _step(given: Json, depth: int) -> Step:
    name = text(given.get("name"), LONGEST_NAME) or "(unnamed)"
    outcome = word(text(given.get("status"))) or "ERROR"
    return Step(
        name=name,
        outcome=outcome,
        started_at=instant(text(given.get("start"))),
        duration_s=number(given.get("totTime")),
        measurements=_measurements(name, outcome, given),
        docstring=text(given.get("reportText")),
        steps=_steps(list_of(given["steps"]), depth + 1) if isinstance(given.get("steps"), list) else None,
    )


def _measurements(step: str, of_step: Word, given: Json) -> list[MeasurementIn]:
    found: list[MeasurementIn] = []
    for kind in ("numericMeas", "booleanMeas", "stringMeas"):
        for one in dicts_of(given.get(kind)):
            outcome = verdict(word(text(one.get("status"))) or of_step)
            value: Any
            low: Any
            high: Any
            if kind == "numericMeas":
                value = number(one.get("value"))
                low, high = number(one.get("lowLimit")), number(one.get("highLimit"))
            elif kind == "stringMeas":
                value = text(one.get("value"))
                low, high = text(one.get("limit")), None
            else:
                value = {"PASS": True, "FAIL": False}.get(outcome)
                low, high = None, None
            limits = compared(text(one.get("compOp")) or ("EQ" if kind == "stringMeas" else None), low, high)
            found.append(
                MeasurementIn(
                    name=text(one.get("name"), LONGEST_NAME) or step,
                    outcome=outcome,
                    measured_value=value,
                    units=text(one.get("unit"), LONGEST_UNITS),
                    validators=judged(limits, value, outcome),
                )
            )
    return found


def _from_xml(report: Node) -> Json:
    """The XML form under the names of the JSON form."""
    uut, process = report.find("UUT") or Node("UUT"), report.find("Process") or Node("Process")
    comment = uut.find("Comment") or report.find("Comment")
    roots = [_step_from_xml(one) for one in report.all("Step")]
    is_one_sequence = len(roots) == 1 and isinstance(roots[0].get("steps"), list)
    return {
        "type": report.get("type"),
        "start": report.get("Start"),
        "startUTC": report.get("Start_utc"),
        "result": report.get("Result"),
        "sn": report.get("SN"),
        "pn": report.get("PN"),
        "rev": report.get("Rev"),
        "machineName": report.get("MachineName"),
        "location": report.get("Location"),
        "purpose": report.get("Purpose"),
        "processName": process.get("Name"),
        "processCode": process.get("Code"),
        "uut": {
            "user": uut.get("UserLoginName"),
            "batchSN": uut.get("BatchSN"),
            "fixtureId": uut.get("FixtureId"),
            "testSocketIndex": number_in(uut.get("TestSocketIndex")),
            "execTime": number_in(uut.get("ExecutionTime")),
            "errorMessage": uut.get("ErrorMessage"),
            "comment": comment.text if comment is not None else None,
        },
        "miscInfos": [
            {"description": one.get("Description"), "text": one.text, "numeric": number_in(one.get("Numeric"))}
            for one in [*report.all("MiscInfo"), *uut.all("MiscInfo")]
        ],
        "root": roots[0] if is_one_sequence else {"steps": roots},
    }


def _step_from_xml(step: Node) -> Json:
    call, report_text = step.find("SequenceCall"), step.find("ReportText")
    found: Json = {
        "name": step.get("Name"),
        "status": step.get("Status"),
        "start": step.get("Start"),
        "totTime": number_in(step.get("total_time")),
        "reportText": report_text.text if report_text is not None else None,
        "numericMeas": [
            {
                "name": one.get("Name"),
                "value": number_in(one.get("NumericValue")),
                "unit": one.get("Units"),
                "lowLimit": number_in(one.get("LowLimit")),
                "highLimit": number_in(one.get("HighLimit")),
                "compOp": one.get("CompOperator"),
                "status": one.get("Status"),
            }
            for one in step.all("NumericLimit")
        ],
        "booleanMeas": [{"name": one.get("Name"), "status": one.get("Status")} for one in step.all("PassFail")],
        "stringMeas": [
            {
                "name": one.get("Name"),
                "value": one.get("StringValue"),
                "limit": one.get("StringLimit"),
                "compOp": one.get("CompOperator"),
                "status": one.get("Status"),
            }
            for one in step.all("StringValue")
        ],
    }
    if call is not None:
        found["seqCall"] = {"name": call.get("Name") or file_stem(call.get("Filename")), "version": call.get("Version")}
    if call is not None or step.all("Step"):
        found["steps"] = [_step_from_xml(one) for one in step.all("Step")]
    return found
