"""``/api/v1/uploads``, ``/api/v1/import`` and ``/api/v1/streaming``. Source: contract/v1-api.md §5, §6."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from portal.api.operations import Operations
from portal.api.uploads import announced, upload_address
from portal.api.v2.shapes import IdOut
from portal.services.actors import Permission
from portal.services.attachments import announce_upload
from portal.services.imports.structured import ImportItem, import_file
from portal.services.run_input import In
from portal.services.v1_uploads import sync_upload
from portal.web import actor, db

api = Operations("uploads_v1", "v1")


class UploadV1In(In):
    """A file. ``sizeBytes``: other bytes than so many are refused."""

    name: str
    sizeBytes: Annotated[int, Field(ge=0)] | None = None  # noqa: N815  (the interface's word)


class UploadV1Out(TypedDict):
    """The file's id, and where to PUT its bytes, without a key, in the next ten minutes."""

    id: str
    uploadUrl: str


class SyncIn(In):
    """Which file belongs to which run."""

    upload_id: str
    run_id: str


class ImportV1In(In):
    """Which file to read into a run."""

    upload_id: str
    importer: Literal["OPENHTF"]


class NoStreamOut(TypedDict):
    """That there is none."""

    success: bool
    status_code: int


@api.post(
    "/api/v1/uploads/initialize", "v1.uploads.initialize", body=UploadV1In, answer=UploadV1Out,
    needs=Permission.RECORD, errors=(502,),
    refresh=lambda answer: {"id": answer["id"], "uploadUrl": upload_address(answer)},
)  # fmt: skip
def initialize(body: UploadV1In) -> Any:
    """Announce a file, in the older words."""
    return announced(announce_upload(db(), actor(), body.name).id, body.sizeBytes, None)


@api.post("/api/v1/uploads/sync", "v1.uploads.sync", body=SyncIn, answer=IdOut, needs=Permission.RECORD, errors=(404,))
def sync(body: SyncIn) -> IdOut:
    """Say which run a file belongs to."""
    return {"id": sync_upload(db(), actor(), body.upload_id, body.run_id)}


@api.post("/api/v1/import", "v1.import", body=ImportV1In, answer=IdOut, needs=Permission.RECORD, errors=(404, 409, 422))
def import_report(body: ImportV1In) -> IdOut:
    """Read an uploaded OpenHTF report into a run.

    The report stays with the run. The same report again makes another run. The answer must hold the id and no address:
    the client would print another line, which programs do not find.
    """
    item = ImportItem(body.upload_id, body.importer)
    return {"id": import_file(db(), actor(), item, allow_duplicate=True).run_ids[0]}


@api.get("/api/v1/streaming", "v1.streaming", answer=NoStreamOut)
def streaming() -> NoStreamOut:
    """Say that there is no stream of this kind, in the way that lets the oldest client go on without an error."""
    return {"success": False, "status_code": 404}
