"""What holds between the parts of a procedure file. Works on what was read, also where its form is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from station.procedure_file.problems import Path, Problem, meant
from station.procedure_file.words import derive_key, is_key
from station.procedure_file.yaml_text import YamlText, written

STAGES = ("setup", "main", "teardown")
# What a phase's parameters mean already.
BUILT_IN = ("measurements", "log", "phase", "ui", "unit", "run", "attach")
UNIT_FIELDS = ("serial_number", "part_number", "revision_number", "batch_number")
_METADATA_KEY = re.compile(r"[A-Za-z0-9_.:+-]{1,40}")
_BIND = re.compile(r"measurements?\.(.+)|unit\.sub_units\.(.+)|unit\.(.+)")


@dataclass(frozen=True)
class Finding:
    """A problem, or something that only needs to be said."""

    problem: Problem
    is_warning: bool = False


@dataclass(frozen=True)
class _Item:
    """An entry of a list: where it is, what it says, and its key, given or derived."""

    path: Path
    fields: dict[str, Any]
    key: str


def check(found: YamlText) -> Iterator[Finding]:
    """Everything that is wrong, or may not be meant so."""
    root = found.value if isinstance(found.value, dict) else {}
    checks = _Checks(found)
    yield from checks.execution(_mapping(root, "execution"))
    yield from checks.unit(_mapping(root, "unit"))
    yield from checks.plugs(_items(root, "plugs"))
    for stage in STAGES:
        yield from checks.stage(stage, _items(root, stage), _mapping(root, "execution"))


class _Checks:
    def __init__(self, found: YamlText) -> None:
        self._found = found

    def execution(self, execution: dict[str, Any]) -> Iterator[Finding]:
        slots = _items(execution, "slots", ("execution",))
        for slot in slots:
            if slot.key and not is_key(slot.key):
                yield self._note(slot.path, f"The slot's key “{slot.key}” is no Python name.")
            for unknown in slot.fields.keys() - {"name", "key"}:
                yield self._note((*slot.path, unknown), f"“{unknown}” has no effect here.")
        yield from self._twice(slots, "slot")

    def unit(self, unit: dict[str, Any]) -> Iterator[Finding]:
        sub_units = _items(unit, "sub_units", ("unit",), named_by="label")
        for sub_unit in sub_units:
            if not is_key(sub_unit.key):
                yield self._wrong(sub_unit.path, "No key can be made of the label: give it one, with “key:”.")
        yield from self._twice(sub_units, "sub-unit", ignoring_case=True)
        for key in _mapping(unit, "metadata"):
            if not _METADATA_KEY.fullmatch(key):
                yield self._wrong(
                    ("unit", "metadata", key),
                    "A key of metadata has 1 to 40 letters, digits and “_ . : + -”.",
                )
        if unit.get("auto_identify") is True:
            for name in ("serial_number", "part_number"):
                if not _text(_mapping(unit, name).get("default_value")):
                    yield self._wrong(
                        ("unit", name) if name in unit else ("unit", "auto_identify"),
                        f"auto_identify asks nobody, so {name} needs a default_value.",
                    )
            for sub_unit in sub_units:
                if not _text(_mapping(sub_unit.fields, "serial_number").get("default_value")):
                    yield self._wrong(
                        sub_unit.path, "auto_identify asks nobody, so this sub-unit needs serial_number.default_value."
                    )

    def plugs(self, plugs: list[_Item]) -> Iterator[Finding]:
        yield from self._twice(plugs, "plug", ignoring_case=True)
        for plug in plugs:
            if plug.key.lower() in BUILT_IN:
                yield self._note(
                    plug.path, f"A phase's parameter “{plug.key}” is no plug but the built-in one: choose another key."
                )

    def stage(self, stage: str, phases: list[_Item], execution: dict[str, Any]) -> Iterator[Finding]:
        is_main = stage == "main"
        for finding in self._twice(phases, "phase"):
            yield finding if is_main else Finding(finding.problem, is_warning=True)
        by_key = {phase.key: phase for phase in phases if phase.key}
        for phase in phases:
            yield from self._phase(phase, execution)
            for place, needed in enumerate(_list(phase.fields, "depends_on")):
                path = (*phase.path, "depends_on", place)
                if needed == phase.key:
                    yield self._wrong(path, "A phase cannot wait for itself.")
                elif needed not in by_key and is_main:
                    yield self._wrong(path, f"There is no phase “{needed}” in main.", meant(str(needed), by_key))
                elif needed not in by_key:
                    yield self._note(path, f"There is no phase “{needed}” in {stage}: nobody is waited for.")
                elif not _is_enabled(by_key[needed]):
                    yield self._note(path, f"The phase “{needed}” is disabled: nobody is waited for.")
        yield from self._cycles(phases, by_key)
        if is_main and phases and not any(_is_enabled(phase) for phase in phases):
            yield self._note(("main",), "Every phase of main is disabled: nothing will be tested.")

    def _phase(self, phase: _Item, execution: dict[str, Any]) -> Iterator[Finding]:
        result = phase.fields.get("result")
        if result is not None and result != "skip":
            yield self._note((*phase.path, "result"), "Only “skip” has an effect here.")
        goes_on = _mapping(phase.fields, "then").get("fail") == "continue"
        if goes_on and execution.get("on_first_failure") == "stop":
            yield self._note((*phase.path, "then"), "on_first_failure says “stop”; for this phase, “then” holds.")
        measurements = _items(phase.fields, "measurements", phase.path)
        for finding in self._twice(measurements, "measurement"):
            yield Finding(finding.problem, is_warning=True)
        for measurement in measurements:
            yield from self._expressions(measurement.fields, measurement.path)
        names = {measurement.key for measurement in measurements}
        yield from self._components(phase, names)

    def _components(self, phase: _Item, measurements: set[str]) -> Iterator[Finding]:
        path = (*phase.path, "ui")
        components = _items(_mapping(phase.fields, "ui"), "components", path, named_by="label", else_by="type")
        inputs = [one for one in components if one.fields.get("type") not in {"text", "image", "progress"}]
        yield from self._twice(inputs, "input")
        for component in inputs:
            bind = component.fields.get("bind")
            if not isinstance(bind, str) or not bind:
                continue
            target = _BIND.fullmatch(bind.strip())
            where = (*component.path, "bind")
            if target is None or (target[3] and target[3] not in UNIT_FIELDS):
                yield self._wrong(
                    where,
                    f"“{bind}” can be bound to nothing: measurements.NAME, unit.serial_number (or part_number, "
                    "revision_number, batch_number) or unit.sub_units.KEY.",
                )
            elif target[1] and target[1] not in measurements:
                yield self._note(
                    where, f"The phase declares no measurement “{target[1]}”: the answer is recorded without limits.",
                    meant(target[1], measurements),
                )  # fmt: skip

    def _expressions(self, fields: dict[str, Any], path: Path) -> Iterator[Finding]:
        """Limits that only words state."""
        for place, validator in enumerate(_list(fields, "validators")):
            if isinstance(validator, dict) and validator.get("expression") and not validator.get("operator"):
                yield self._note(
                    (*path, "validators", place),
                    "Only the test can judge an expression: where it gives no outcome, the measurement fails.",
                )
        for name in ("aggregations", "y_axis"):
            for place, inner in enumerate(_list(fields, name)):
                if isinstance(inner, dict):
                    yield from self._expressions(inner, (*path, name, place))
        if isinstance(fields.get("x_axis"), dict):
            yield from self._expressions(fields["x_axis"], (*path, "x_axis"))

    def _twice(self, items: list[_Item], kind: str, *, ignoring_case: bool = False) -> Iterator[Finding]:
        first: dict[str, _Item] = {}
        for item in items:
            key = item.key.lower() if ignoring_case else item.key
            if not key:
                continue
            if key in first:
                line = self._found.place(first[key].path)[0]
                yield self._wrong(item.path, f"There is another {kind} with the key “{item.key}”, in line {line}.")
            else:
                first[key] = item

    def _cycles(self, phases: list[_Item], by_key: dict[str, _Item]) -> Iterator[Finding]:
        """Phases that wait for each other: each ring once, told at the phase that comes first in the file."""
        done: set[str] = set()
        for phase in phases:
            ring = _ring(phase.key, by_key, done)
            if ring and len(ring) > 1:
                done.update(ring)
                yield self._wrong(
                    phase.path, f"Phases wait for each other: {' → '.join([*ring, ring[0]])}. None of them could begin."
                )

    def _wrong(self, path: Path, message: str, hint: str | None = None) -> Finding:
        return Finding(self._found.problem(path, message, hint))

    def _note(self, path: Path, message: str, hint: str | None = None) -> Finding:
        return Finding(self._found.problem(path, message, hint), is_warning=True)


def _ring(start: str, by_key: dict[str, _Item], done: set[str]) -> list[str] | None:
    """The keys from ``start`` along its dependencies back to it; None where there is no way back."""
    ways: list[list[str]] = [[start]]
    seen = set(done)
    while ways:
        way = ways.pop()
        for needed in _list(by_key[way[-1]].fields, "depends_on") if way[-1] in by_key else ():
            if needed == start:
                return way
            if isinstance(needed, str) and needed in by_key and needed not in seen:
                seen.add(needed)
                ways.append([*way, needed])
    return None


def _is_enabled(phase: _Item) -> bool:
    return phase.fields.get("enabled") is not False and phase.fields.get("result") != "skip"


def _items(
    fields: dict[str, Any], name: str, path: Path = (), *, named_by: str = "name", else_by: str = ""
) -> list[_Item]:
    """The entries of a list that are mappings."""
    found = []
    for place, item in enumerate(_list(fields, name)):
        if isinstance(item, dict):
            given = _text(item.get("key")) or derive_key(_text(item.get(named_by))) or _text(item.get(else_by))
            found.append(_Item((*path, name, place), item, given))
    return found


def _mapping(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _list(fields: dict[str, Any], name: str) -> list[Any]:
    value = fields.get(name)
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return (written(value) or (value if isinstance(value, str) else "")).strip()
