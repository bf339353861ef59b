"""The form of a station's settings: from what is set, or as somebody has sent it; and what its fields mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Request

from portal.errors import Invalid, Issue
from portal.pages.forms import Form
from portal.services import shifts
from portal.services.station_settings import METADATA, Clash, Seen

KINDS = ("text", "number", "true or false")
FIELDS = ("name", "team", "notes", "time_zone", "shifts", "metadata", "picture")
KEEP = "keep."  # before the field, in the name of the choice between mine and theirs
_WHOLE = re.compile(r"[+-]?[0-9]{1,300}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,3})?", re.IGNORECASE)
_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}

Pair = tuple[str, str]


@dataclass(frozen=True)
class MetadataRow:
    """A key of metadata as it stands in the form. ``kind``: one of `KINDS`."""

    key: str = ""
    kind: str = KINDS[0]
    value: str = ""


@dataclass(frozen=True)
class SettingsForm:
    """All fields. ``fields``: those with one input each; ``days``: from and to, for each weekday from Monday on.

    ``seen``: what it was filled from; it goes with the form and comes back with it.
    """

    fields: Form
    is_always: bool
    days: list[list[Pair]]
    rows: list[MetadataRow]
    seen: str
    clashes: list[Clash] = field(default_factory=list)

    @classmethod
    def filled(cls, values: Mapping[str, Any], seen: Seen) -> SettingsForm:
        """The form that shows the values."""
        calendar = shifts.load(values["shifts"])
        metadata = {name.removeprefix(METADATA): value for name, value in values.items() if name.startswith(METADATA)}
        return cls(
            fields=Form({name: str(values[name]) for name in ("name", "team", "notes", "time_zone")}),
            is_always=calendar is None,
            days=[
                [(shifts.clock(one.begin), shifts.clock(one.end)) for one in calendar or () if one.day == day]
                for day in range(7)
            ],
            rows=[_row(key, metadata[key]) for key in sorted(metadata)],
            seen=str(seen),
        )

    @classmethod
    def of(cls, request: Request) -> SettingsForm:
        """The form as it was sent."""
        form = Form.of(request)
        columns = [form.chosen(f"metadata-{name}") for name in ("key", "kind", "value")]
        rows = [MetadataRow(key.strip(), kind, value.strip()) for key, kind, value in zip(*columns, strict=False)]
        return cls(
            fields=form,
            is_always=form.text("expected") != "shifts",
            days=[_pairs(form, day) for day in range(7)],
            rows=[row for row in rows if row.key or row.value],
            seen=form.text("seen"),
        )

    def typed(self) -> tuple[dict[str, Any], list[Issue]]:
        """What the fields mean, for the service; and what cannot be read, whose fields are missing in it."""
        issues: list[Issue] = []
        values: dict[str, Any] = {name: self.fields.text(name) for name in ("name", "team", "notes", "time_zone")}
        try:
            values["shifts"] = None if self.is_always else shifts.store(shifts.parse(self.days))
        except Invalid as invalid:
            issues += invalid.issues
        for row in self.rows:
            try:
                value = _value(row)
            except ValueError as error:
                issues.append(Issue(str(error), ("metadata",)))
                continue
            if METADATA + row.key in values:
                issues.append(Issue(f"The metadata has the key “{row.key[:40]}” twice.", ("metadata",)))
            values[METADATA + row.key] = value
        return values, issues

    def dropped(self) -> frozenset[str]:
        """The fields in which the person takes what somebody else has set."""
        values = self.fields.values
        return frozenset(name[len(KEEP) :] for name in values if name.startswith(KEEP) and values[name] == "theirs")

    def refused(self, invalid: Invalid) -> SettingsForm:
        """The same with the messages by their fields."""
        return replace(self, fields=self.fields.refused(invalid, FIELDS))

    def clashing(self, clashes: list[Clash]) -> SettingsForm:
        """The same with what others have set meanwhile."""
        return replace(self, clashes=clashes)


def _pairs(form: Form, day: int) -> list[Pair]:
    begins, ends = (form.chosen(f"{shifts.DAYS[day]}-{side}") for side in ("from", "to"))
    pairs = [(begin.strip(), end.strip()) for begin, end in zip(begins, ends, strict=False)]
    return [pair for pair in pairs if any(pair)]


def _row(key: str, value: Any) -> MetadataRow:
    match value:
        case bool():
            return MetadataRow(key, KINDS[2], "true" if value else "false")
        case int() | float():
            return MetadataRow(key, KINDS[1], repr(value))
        case _:
            return MetadataRow(key, KINDS[0], str(value))


def _value(row: MetadataRow) -> str | int | float | bool:
    if not row.key:
        raise ValueError(f"The metadata value “{row.value[:40]}” has no key.")
    if row.kind == KINDS[1]:
        if _WHOLE.fullmatch(row.value):
            return int(row.value)
        if not _NUMBER.fullmatch(row.value):
            raise ValueError(f"The metadata value of “{row.key[:40]}” is no number: write it as 12 or 3.3.")
        return float(row.value)
    if row.kind == KINDS[2]:
        if row.value.lower() not in _TRUTHS:
            raise ValueError(f"The metadata value of “{row.key[:40]}” is neither true nor false.")
        return _TRUTHS[row.value.lower()]
    return row.value.replace("\r\n", "\n")
