"""``/api/v2/attachments``: files of nothing yet. Source: contract/v2-api.md §4."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from portal.api.operations import Operations
from portal.api.uploads import UploadIn, UploadOut, address, announced, with_upload_address
from portal.services.actors import Permission
from portal.services.attachments import announce_upload, finalize_upload, remove_attachments
from portal.services.metadata import refuse
from portal.services.names import is_id
from portal.services.run_input import In
from portal.web import actor, db

api = Operations("attachments_v2", "Attachments")


def _id(value: str) -> str:
    if not is_id(value):
        raise refuse("The ids hold something that is not a UUID.")
    return value.lower()


class AttachmentIdsIn(In):
    """Which files."""

    ids: Annotated[list[Annotated[str, AfterValidator(_id)]], Field(min_length=1)]


class FinalizedOut(TypedDict):
    """Where the file can be got, without a key, in the next ten minutes."""

    url: str


class AttachmentsDeleted(TypedDict):
    """The ids of what was removed."""

    id: list[str]


@api.post(
    "/api/v2/attachments", "attachments.initialize", body=UploadIn, answer=UploadOut, needs=Permission.RECORD,
    errors=(502,), refresh=with_upload_address,
)  # fmt: skip
def initialize(body: UploadIn) -> Any:
    """Announce a file.

    PUT its bytes to the ``upload_url``, without a key; then say what it belongs to, by its id: ``runs.update``,
    ``units.update``, or the ``image_id`` of a revision or station. What belongs to nothing is removed after seven days.
    """
    return announced(announce_upload(db(), actor(), body.name).id, body.size, body.sha256)


@api.post(
    "/api/v2/attachments/{id}/finalize", "attachments.finalize", answer=FinalizedOut, needs=Permission.RECORD,
    errors=(404, 409), refresh=lambda answer: {"url": address(answer["id"], "download")},
)  # fmt: skip
def finalize(id: str) -> Any:  # noqa: A002  (the path's word)
    """Say that the bytes were put.

    The answer says where to get them. It makes no difference to the file, before and after it was linked.
    """
    return {"id": finalize_upload(db(), actor(), id)}


@api.delete(
    "/api/v2/attachments", "attachments.delete", query=AttachmentIdsIn, answer=AttachmentsDeleted,
    needs=Permission.RECORD, errors=(404,),
)  # fmt: skip
def remove(query: AttachmentIdsIn) -> AttachmentsDeleted:
    """Remove files, all of them or none.

    A station's key removes only files that the station itself has announced.
    """
    return {"id": remove_attachments(db(), actor(), query.ids)}
