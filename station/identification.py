"""Which unit is tested: the form that asks for it, and what counts as an answer."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from station.prompts import check_answer
from station.protocol import Component, Unit
from station.refusal import Refused

IDENTIFY = "identify_unit"  # the key of the unit in recorded answers
LONGEST_NUMBER = 60  # characters of a serial, part or revision number, contract/v2-api.md §1.9
_LABELS = {"serial_number": "Serial number", "part_number": "Part number"}
_CONTROL = {"Cc", "Zl", "Zp"}


def form_for(prefill: Unit) -> list[Component]:
    """The form: the serial number, filled in where the script knows it, and the part number where it does not.

    The part number may be left out: a bench usually tests one part, and the operator scans only the unit. The portal
    knows the part of a unit that it has seen, and files a new one under the procedure's identifier.
    """
    serial = Component(
        key="serial_number",
        label=_LABELS["serial_number"],
        required=True,
        default_value=prefill.serial_number,
        placeholder="Scan or type",
        max_length=LONGEST_NUMBER,
    )
    part = Component(key="part_number", label=_LABELS["part_number"], max_length=LONGEST_NUMBER)
    return [serial] if prefill.part_number else [serial, part]


def unit_from(values: Mapping[str, str], prefill: Unit) -> Unit:
    """The unit that an answer names, with the rest from the script. Raises `Refused` with the field to blame."""
    for key in values:
        if key not in Unit.model_fields or key == "sub_units":
            raise Refused(f"The form has no field “{key}”.", key)
    serial = check_serial(values.get("serial_number", ""))
    others = {
        key: check_number(values[key], key)
        for key in ("part_number", "revision_number", "batch_number")
        if values.get(key, "").strip()
    }
    return prefill.model_copy(update={"serial_number": serial, **others})


def declared_unit(form: Sequence[Component], values: Mapping[str, str], prefill: Unit) -> tuple[Unit, dict[str, str]]:
    """The unit that an answer to a declared form names, and the metadata. Raises `Refused` with the field to blame.

    What the answer leaves out is what the form was filled in with.
    """
    given = {one.key: str(one.default_value) for one in form if one.default_value is not None} | dict(values)
    checked = {key: text for key, text in check_answer(form, given).items() if text}
    numbers = {key: text for key, text in checked.items() if ":" not in key}
    sub_units = {key.removeprefix("sub_unit:"): text for key, text in checked.items() if key.startswith("sub_unit:")}
    metadata = {key.removeprefix("metadata:"): text for key, text in checked.items() if key.startswith("metadata:")}
    for key, text in sub_units.items():
        check_number(text, f"sub_unit:{key}")
    return unit_from(numbers, prefill.model_copy(update={"sub_units": sub_units})), metadata


def check_serial(text: str) -> str:
    """The serial number without the blanks around it. Raises `Refused`."""
    if not text.strip():
        raise Refused("The serial number is missing.", "serial_number")
    return check_number(text, "serial_number")


def check_number(text: str, field: str) -> str:
    """A number of the unit, trimmed. Raises `Refused` for one that is too long or holds control characters."""
    trimmed = text.strip()
    label = _LABELS.get(field, field.replace("_", " ").capitalize())
    if len(trimmed) > LONGEST_NUMBER:
        raise Refused(f"{label}: at most {LONGEST_NUMBER} characters, these are {len(trimmed)}.", field)
    if any(unicodedata.category(character) in _CONTROL for character in trimmed):
        raise Refused(f"{label}: it contains a control character. Scan again, or type it.", field)
    return trimmed
