"""``/api/v2/units``: units, their children and their files. Source: contract/v2-api.md §5."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from portal.api.operations import Operations, Tagged
from portal.api.uploads import AttachmentIn, UploadOut, with_upload_address
from portal.api.v2 import shapes, unit_json
from portal.api.v2.numbers import BatchNumber, PartNumber, RevisionNumber, SerialNumber
from portal.api.v2.shapes import IdOut, PageIn, Sample
from portal.api.v2.unit_json import UnitOut, UnitPage
from portal.services.actors import Permission
from portal.services.metadata import Metadata, MetadataChanges
from portal.services.run_input import In
from portal.services.unit_children import add_child, remove_child
from portal.services.unit_details import show_unit
from portal.services.unit_filter_input import UnitFilterIn
from portal.services.unit_lists import list_units
from portal.services.units import (
    NewUnit,
    UnitChanges,
    attach_to_unit,
    create_unit,
    delete_units,
    detach_from_unit,
    update_unit,
)
from portal.web import actor, db

api = Operations("units_v2", "Units")


class UnitIn(In):
    """A new unit. Its part and revision are made when nobody knows them."""

    serial_number: SerialNumber
    part_number: PartNumber
    revision_number: RevisionNumber
    sample: Sample | None = None
    metadata: Metadata = {}


class UnitUpdateIn(In):
    """What changes. Parts, revisions and batches are made when nobody knows them; files are added.

    A null ``batch_number`` or ``sample`` takes the unit out of it. A part without a revision means its default one.
    """

    new_serial_number: SerialNumber | None = None
    part_number: PartNumber | None = None
    revision_number: RevisionNumber | None = None
    batch_number: BatchNumber | None = None
    attachments: list[str] | None = None
    sample: Sample | None = None
    metadata: MetadataChanges | None = None


class UnitListIn(UnitFilterIn, PageIn):
    """Which units."""

    include_metadata: bool = False
    sort_by: Literal["serial_number", "created_at", "last_run_at", "part_number", "last_run_procedure"] = "created_at"


class SerialsIn(In):
    """Which units."""

    serial_numbers: Annotated[list[str], Field(min_length=1, max_length=1000)]


class ChildIn(In):
    """The unit that is built in, or taken out."""

    child_serial_number: SerialNumber


class FilesIn(In):
    """Which files."""

    ids: Annotated[list[str], Field(min_length=1, max_length=1000)]


class UnitsDeleted(TypedDict):
    """The ids of what was removed."""

    id: list[str]


class FilesDeleted(TypedDict):
    """The ids of what was removed."""

    ids: list[str]


@api.post("/api/v2/units", "units.create", body=UnitIn, answer=IdOut, needs=Permission.RECORD, errors=(409,))
def create(body: UnitIn) -> IdOut:
    """Make a unit.

    A part or revision that nobody knows yet is made with it.
    """
    return {"id": create_unit(db(), actor(), NewUnit(**body.model_dump())).id}


@api.get("/api/v2/units", "units.list", query=UnitListIn, answer=UnitPage)
def index(query: UnitListIn) -> Any:
    """List units, the newest first.

    ``procedure_ids``, ``outcomes`` and ``started_…`` are about one run of the unit, with ``latest_only`` about its
    newest. Each unit comes with its first ten children.
    """
    page = list_units(db(), actor(), query.as_query(), query.place(query.sort_by))
    return shapes.page_out(page, lambda unit: unit_json.entry(unit, with_metadata=query.include_metadata))


@api.delete(
    "/api/v2/units", "units.delete", query=SerialsIn, answer=UnitsDeleted, needs=Permission.EDIT, errors=(404, 409)
)
def remove(query: SerialsIn) -> UnitsDeleted:
    """Remove units that have no runs, all of them or none.

    What was built into them stays, by itself.
    """
    return {"id": delete_units(db(), actor(), query.serial_numbers)}


@api.get("/api/v2/units/{serial_number}", "units.get", answer=UnitOut, errors=(404,))
def show(serial_number: str) -> Tagged:
    """Read one unit with what it is built into, its children and files, and the run that brought it."""
    unit = show_unit(db(), actor(), serial_number)
    return Tagged(unit_json.whole(unit), unit.etag)


@api.patch(
    "/api/v2/units/{serial_number}", "units.update", body=UnitUpdateIn, answer=IdOut, needs=Permission.RECORD,
    errors=(404, 409), takes_if_match=True,
)  # fmt: skip
def update(serial_number: str, body: UnitUpdateIn, if_match: str | None) -> IdOut:
    """Change a unit: rename it, move it to another part, revision or batch, add files and metadata.

    Runs keep the part, revision and batch that the unit had when it was tested.
    """
    clears = {"batch_number", "sample"} & body.model_fields_set
    given = body.model_dump(exclude={"attachments"})
    changes = UnitChanges(**given, attachments=tuple(body.attachments or ()), clears=frozenset(clears))
    return {"id": update_unit(db(), actor(), serial_number, changes, if_match).id}


@api.put(
    "/api/v2/units/{serial_number}/children", "units.add_child", body=ChildIn, answer=IdOut, needs=Permission.RECORD,
    errors=(404,),
)  # fmt: skip
def build_in(serial_number: str, body: ChildIn) -> IdOut:
    """Build a unit into another one.

    It leaves the one that it was built into before.
    """
    return {"id": add_child(db(), actor(), serial_number, body.child_serial_number).id}


@api.delete(
    "/api/v2/units/{serial_number}/children", "units.remove_child", query=ChildIn, answer=IdOut,
    needs=Permission.RECORD, errors=(404,),
)  # fmt: skip
def take_out(serial_number: str, query: ChildIn) -> IdOut:
    """Take a unit out of the one that it is built into."""
    return {"id": remove_child(db(), actor(), serial_number, query.child_serial_number).id}


@api.post(
    "/api/v2/units/{serial_number}/attachments", "units.create_attachment", body=AttachmentIn, answer=UploadOut,
    needs=Permission.RECORD, errors=(404,), refresh=with_upload_address,
)  # fmt: skip
def attach(serial_number: str, body: AttachmentIn) -> Any:
    """Announce a file of the unit; the answer says where to put it."""
    return {"id": attach_to_unit(db(), actor(), serial_number, body.name).id}


@api.delete(
    "/api/v2/units/{serial_number}/attachments", "units.delete_attachment", query=FilesIn, answer=FilesDeleted,
    needs=Permission.EDIT, errors=(404,),
)  # fmt: skip
def detach(serial_number: str, query: FilesIn) -> FilesDeleted:
    """Remove files of the unit for good, all of them or none."""
    return {"ids": detach_from_unit(db(), actor(), serial_number, query.ids)}
