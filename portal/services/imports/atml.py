"""ATML test results: ``TestResults`` of IEEE 1636.1 (versions 2.02, 5.00, 6.01), alone or in a collection.

Read: the unit's serial number and part number, the operator, the station, the result set with its groups, tests and
actions, their outcomes and times, test results (numbers, texts, truth values, collections) with their limits (single,
pairs, expected values). Not read: events, parameters, calibration, indictments, attachments, TestStand's own extension
but for the unit's part number and batch.

The procedure is the result set's name. A group (``TestGroup``) becomes a sequence, a ``Test`` or ``SessionAction`` a
phase. Source: IEEE Std 1636.1 and its schemas, grouper.ieee.org/groups/scc20.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from portal.errors import BadRequest
from portal.services.imports.drafts import LONGEST_NAME, LONGEST_UNITS, Draft, Parsed, ProcedureName, number_in
from portal.services.imports.header import batch_number, facts, file_stem
from portal.services.imports.limits import Limit, judged
from portal.services.imports.steps import Step, Word, instant, lay_out, run_outcome, verdict, word
from portal.services.imports.xml_tree import Node, read_xml
from portal.services.run_input import MeasurementIn

_GROUPS, _LEAVES = ("TestGroup",), ("Test", "SessionAction")
_SIGNS = {"EQ": "==", "NE": "!=", "GT": ">", "GE": ">=", "LT": "<", "LE": "<=", "CIEQ": "==", "CINE": "!="}
_NUMBERS = ("double", "float", "integer", "int", "long", "unsignedInteger", "unsignedLong", "short", "decimal")


def read(content: bytes) -> Parsed:
    """The results' runs. Raises `BadRequest`."""
    drafts = [
        _draft(results, result_set)
        for results in read_xml(content).below("TestResults")
        for result_set in results.all("ResultSet")
    ]
    if not drafts:
        raise BadRequest("The file holds no ResultSet, as ATML's test results do.")
    return Parsed(drafts)


def _draft(results: Node, result_set: Node) -> Draft:
    started_at = instant(result_set.get("startDateTime"))
    if started_at is None:
        raise BadRequest("The ResultSet's startDateTime is missing, or is no time.")
    layout = lay_out(_steps(result_set), started_at)
    uut, station = results.find("UUT"), results.find("TestStation")
    operator = results.find("Personnel", "SystemOperator")
    name = result_set.get("name") or ""
    fields = {
        "outcome": run_outcome(_outcome(result_set)),
        "serial_number": _text_below(uut, "SerialNumber") or "",
        "part_number": _part_number(uut) or _text_below(uut, "PartNumber"),
        "revision_number": _part_revision(uut),
        "batch_number": batch_number(_text_below(uut, "BatchSerialNumber")),
        "operated_by": (operator.get("name", "ID") or "")[:254] or None if operator is not None else None,
        "started_at": started_at,
        "ended_at": instant(result_set.get("endDateTime")) or layout.ended_at,
        "phases": layout.phases,
        "sequences": layout.sequences,
        "metadata": facts(station=_text_below(station, "SerialNumber")),
    }
    # TestStand names it by the file and the sequence in it: C:\tests\board.seq#MainSequence.
    return Draft(ProcedureName(name=file_stem(name.partition("#")[0]) or name or None), fields)


def _steps(group: Node) -> list[Step]:
    return [
        Step(
            name=one.get("callerName", "name", "ID") or "(unnamed)",
            outcome=word(_outcome(one)) or "ERROR",
            started_at=instant(one.get("startDateTime")),
            duration_s=_duration_s(one),
            measurements=[measurement for result in one.all("TestResult") for measurement in _measured(one, result)],
            docstring=_text_below(one.find("Description"), "Description"),
            steps=_steps(one) if one.tag in _GROUPS else None,
        )
        for one in group.all(*_GROUPS, *_LEAVES)
    ]


def _outcome(of: Node) -> str | None:
    found = of.find("Outcome") or of.find("ActionOutcome")
    if found is None:
        return None
    if found.get("value") == "UserDefined":
        return found.get("qualifier")
    return found.get("value")


def _duration_s(of: Node) -> float | None:
    started_at, ended_at = instant(of.get("startDateTime")), instant(of.get("endDateTime"))
    if started_at is None or ended_at is None:
        return None
    return _seconds(started_at, ended_at)


def _seconds(started_at: datetime, ended_at: datetime) -> float:
    return (ended_at - started_at).total_seconds()


def _measured(test: Node, result: Node) -> Iterator[MeasurementIn]:
    """The result as a measurement. TestStand names the value of a simple step "Numeric": the step's name says more."""
    data = result.find("TestData")
    value, units = _value(data) if data is not None else (None, None)
    name = result.get("name")
    if name is None or (name in ("Numeric", "String", "PassFail") and len(test.all("TestResult")) == 1):
        name = test.get("callerName", "name") or name or "(unnamed)"
    outcome: Word | None = word(_outcome(result) or _outcome(test))
    limits = [limit for one in result.all("TestLimits") for limit in _limits(one)]
    yield MeasurementIn(
        name=name[:LONGEST_NAME],
        outcome=verdict(outcome),
        measured_value=value,
        units=units[:LONGEST_UNITS] if units is not None else None,
        validators=judged(limits, value, verdict(outcome)),
    )


def _limits(of: Node) -> list[Limit]:
    """All that a value is held against, in the file's order. Limits that lie apart (``OR``) are kept in words."""
    found: list[Limit] = []
    for one in of.below("LimitPair", "SingleLimit", "Expected"):
        limits = [_limit(limit) for limit in (one.all("Limit") if one.tag == "LimitPair" else [one])]
        if one.tag == "LimitPair" and one.get("operator") == "OR":
            words = " or ".join(f"x {limit.operator} {limit.expected}" for limit in limits)
            limits = [Limit(None, words=words)]
        found += [limit for limit in limits if limit.expected is not None or limit.words]
    return found


def _limit(of: Node) -> Limit:
    sign = of.get("comparator") or "EQ"
    value = _value(of)[0]
    if sign.startswith("CI") and value is not None:
        return Limit(None, words=f"x {_SIGNS.get(sign, '==')} {value!r}, whatever the case")
    return Limit(_SIGNS.get(sign, sign), value)


def _value(of: Node) -> tuple[Any, str | None]:
    """The value in it, and its unit of measure: one datum, or a list of them."""
    single = of.find("Datum")
    if single is not None:
        return _datum(single), single.get("nonStandardUnit", "standardUnit", "unit")
    found = list(of.below("Datum", "Element"))
    units = next((unit for one in found if (unit := one.get("nonStandardUnit", "standardUnit", "unit"))), None)
    return [_datum(one) for one in found] or None, units


def _datum(of: Node) -> Any:
    inner = of.find("Value")
    raw = of.get("value") or (inner.text if inner is not None else of.text)
    kind = (of.get("type") or "").rpartition(":")[2].removeprefix("TS_")
    if kind == "boolean":
        return raw.lower() in ("true", "1")
    if kind in _NUMBERS or kind == "":
        found = number_in(raw)
        return raw or None if found is None and kind == "" else found
    return raw


def _part_number(uut: Node | None) -> str | None:
    """The unit's part number: the one that is said to be, else the first of its identification."""
    found = list(uut.below("IdentificationNumber")) if uut is not None else []
    named = [one for one in found if (one.get("type") or "").lower() == "part"]
    return next((one.get("number") for one in [*named, *found] if one.get("number")), None)


def _part_revision(uut: Node | None) -> str | None:
    version = next(iter(uut.below("Version")), None) if uut is not None else None
    return (version.text or version.get("qualifier")) if version is not None else None


def _text_below(of: Node | None, tag: str) -> str | None:
    return next((one.text for one in of.below(tag) if one.text), None) if of is not None else None
