"""Which unit is tested: what the script says, what the station says, and what becomes of it during the test."""

from __future__ import annotations

import os
import types
from collections.abc import Callable
from typing import Any

from ..common.wire import Wire

_FIELDS = ("serial_number", "part_number", "revision_number", "batch_number")


class UnitDesk:
    """Settles the unit before the first phase, and tells the station when the script changes it."""

    def __init__(self, wire: Wire, wait_for_unit: Callable[[], dict[str, Any]]) -> None:
        self._wire = wire
        self._wait_for_unit = wait_for_unit
        self._metadata_serial: str | None = None
        self.known: dict[str, Any] = {}

    def settle(self, test: Any, test_start: Any) -> Any:
        """Identify the unit, and return what OpenHTF shall use as its start trigger.

        A plain function names the unit itself and is left alone. Otherwise the station knows, or asks; a phase that
        only prompts for the serial number is then not needed.
        """
        metadata = test.descriptor.metadata
        self.known = _prefilled(metadata)
        self._metadata_serial = self.known.get("serial_number")
        if isinstance(test_start, (types.FunctionType, types.MethodType)) or (
            callable(test_start) and not hasattr(test_start, "plugs")
        ):
            return test_start
        mode = "ask"
        if metadata.get("identify") is False:
            mode = "never"
        elif metadata.get("auto_identify"):
            mode = "auto"
        self._wire.emit("identify", mode=mode, unit=self.known)
        unit = self._wait_for_unit()
        if not unit.get("serial_number"):
            return test_start
        unit["serial_number"] = _validated(test_start, unit["serial_number"])
        if unit["serial_number"] != self.known.get("serial_number"):
            self._metadata_serial = metadata.get("serial_number")
        self.known = unit
        self._make_known()
        return None

    def begin(self, record: Any) -> None:
        """Set the serial number in a record that was just made."""
        serial = self.known.get("serial_number")
        if serial:
            record.dut_id = serial

    def follow(self, record: Any, unset: str | None = None) -> bool:
        """Take over a serial number that the script set, in the record or its metadata. True when it changed."""
        serial = self.known.get("serial_number")
        in_metadata = record.metadata.get("serial_number")
        if in_metadata and str(in_metadata) != str(self._metadata_serial or ""):
            serial = str(in_metadata)
        elif record.dut_id and record.dut_id != unset:
            serial = str(record.dut_id)
        if not serial or serial == self.known.get("serial_number"):
            return False
        self.known = {**self.known, "serial_number": serial}
        self._make_known()
        return True

    def _make_known(self) -> None:
        """A simulated bench gives this very unit to the instruments that plugs open next."""
        os.environ["BENCH_SIM_UNIT"] = str(self.known["serial_number"])


def _prefilled(metadata: dict[str, Any]) -> dict[str, Any]:
    unit: dict[str, Any] = {field: str(metadata[field]) for field in _FIELDS if metadata.get(field)}
    if "revision_number" not in unit and metadata.get("revision"):
        unit["revision_number"] = str(metadata["revision"])
    sub_units = metadata.get("sub_units")
    if isinstance(sub_units, dict):
        unit["sub_units"] = {str(key): str(serial) for key, serial in sub_units.items()}
    elif isinstance(sub_units, (list, tuple)):
        serials = [item.get("serial_number") if isinstance(item, dict) else item for item in sub_units]
        unit["sub_units"] = {str(index): str(serial) for index, serial in enumerate(serials, 1) if serial}
    return unit


def _validated(trigger: Any, serial: str) -> str:
    """The serial number through the validator that the script gave to ``prompt_for_test_start``, if it gave one.

    The prompt is asked by the station, but what the script checks or changes in the answer stays in force.
    """
    function: Any = getattr(trigger, "func", None)
    if not getattr(function, "__qualname__", "").startswith("prompt_for_test_start."):
        return serial
    names = function.__code__.co_freevars
    if "validator" not in names:
        return serial
    return str(function.__closure__[names.index("validator")].cell_contents(serial))
