"""``/api/v1/units``, which only the client's versions 1.x ask for. Source: contract/v1-api.md §2."""

from __future__ import annotations

from portal.api.operations import Operations
from portal.api.v1.run_input import SerialIn
from portal.api.v2.shapes import IdOut
from portal.services.actors import Permission
from portal.services.run_input import In
from portal.services.units import delete_units
from portal.services.v1_units import build_in
from portal.web import actor, db

api = Operations("units_v1", "v1")


class SubUnitsIn(In):
    """What is built into the unit. What is in it already stays."""

    sub_units: list[SerialIn]


class UnitChangesIn(SubUnitsIn):
    """The same, with the unit's serial number."""

    serial_number: str


@api.patch("/api/v1/units", "v1.units.change", body=UnitChangesIn, answer=IdOut, needs=Permission.RECORD, errors=(404,))
def change(body: UnitChangesIn) -> IdOut:
    """Build units into a unit, each leaving a former parent: all of them or none."""
    return _build_in(body.serial_number, body)


@api.patch(
    "/api/v1/units/{serial_number}", "v1.units.update", body=SubUnitsIn, answer=IdOut, needs=Permission.RECORD,
    errors=(404,),
)  # fmt: skip
def update(serial_number: str, body: SubUnitsIn) -> IdOut:
    """Build units into a unit, each leaving a former parent: all of them or none."""
    return _build_in(serial_number, body)


@api.delete(
    "/api/v1/units/{serial_number}", "v1.units.delete", answer=IdOut, needs=Permission.EDIT, errors=(404, 409)
)  # fmt: skip
def remove(serial_number: str) -> IdOut:
    """Remove a unit that has no runs. What is built into it stays, by itself."""
    return {"id": delete_units(db(), actor(), [serial_number])[0]}


def _build_in(serial_number: str, body: SubUnitsIn) -> IdOut:
    return {"id": build_in(db(), actor(), serial_number, [one.serial_number for one in body.sub_units])}
