"""The bytes of attachments: addresses that carry their own proof, for uploading and for downloading.

An address is signed, names one attachment and one direction, and lives for ten minutes. No key is sent with it.
Source: contract/v2-api.md §4.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import IO, Annotated, Any, Literal

from flask import Blueprint, Response, request
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer
from pydantic import Field
from typing_extensions import TypedDict
from werkzeug.exceptions import ClientDisconnected, HTTPException

from portal.downloads import send
from portal.errors import BadRequest, Forbidden, Invalid
from portal.services.attachments import open_upload, receive_upload
from portal.services.run_input import In
from portal.services.run_views import AttachmentView
from portal.services.unit_details import UnitFile
from portal.storage import Expected
from portal.web import db, portal

api = Blueprint("uploads", __name__, url_prefix="/api")

LIFETIME_S = 600
Direction = Literal["upload", "download"]


class AttachmentIn(In):
    """A file that will be put. ``phase``, ours: the phase that it belongs to."""

    name: str
    phase: str | None = None


class UploadIn(In):
    """A file of nothing yet. ``size`` in bytes and ``sha256``, ours: bytes that are other ones are then refused."""

    name: str
    size: Annotated[int, Field(ge=0)] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None = None


class UploadOut(TypedDict):
    """The file's id, and where to PUT its bytes, without a key, in the next ten minutes."""

    id: str
    upload_url: str


@api.put("/uploads/<proof>")
def upload(proof: str) -> Response:
    """Take the bytes in, streamed to where files are."""
    attachment_id, announced = _read_upload_proof(proof)
    is_chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    if request.content_length is None and not is_chunked:
        raise BadRequest("The length of the file is missing: send Content-Length.")
    request.max_content_length = portal().settings.max_attachment_bytes
    coming = _Incoming(request.stream, None if is_chunked else request.content_length)
    receive_upload(db(), attachment_id, coming, request.content_type, _with_digest(announced))
    return Response("{}", content_type="application/json")


class _Incoming:
    """The body as it comes in; one that breaks off, or is not framed as HTTP wants, is the sender's fault."""

    def __init__(self, stream: IO[bytes], length: int | None) -> None:
        self._stream, self._rest = stream, length

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes. Raises `BadRequest`."""
        try:
            piece = self._stream.read(size)
        except ClientDisconnected as error:
            raise BadRequest(_BROKEN_OFF) from error
        except HTTPException:
            raise
        except Exception as error:  # servers have their own kinds, which share no parent
            raise BadRequest(_BROKEN_OFF) from error
        if self._rest is not None:
            self._rest -= len(piece)
            # The server just ends the stream where the connection has ended.
            if not piece and self._rest > 0:
                raise BadRequest(_BROKEN_OFF)
        return piece


_BROKEN_OFF = "The upload broke off, or its chunks are not HTTP's. Nothing was kept."
_DIGEST = re.compile(r"(?:^|,)\s*sha-256\s*=\s*:([A-Za-z0-9+/=]*):")


def _with_digest(announced: Expected) -> Expected:
    """What was announced, and what this request's headers say. Source: RFC 9530 (Content-Digest)."""
    given = request.headers.get("X-Content-SHA256", "").strip().lower()
    found = _DIGEST.search(request.headers.get("Content-Digest", ""))
    if found is not None:
        try:
            given = base64.b64decode(found[1], validate=True).hex()
        except binascii.Error as error:
            raise BadRequest("The Content-Digest is not valid Base64.", "Content-Digest") from error
    if not given:
        return announced
    if not re.fullmatch(r"[0-9a-f]{64}", given):
        raise BadRequest("The SHA-256 in the headers is none: it has 32 bytes.", "sha256")
    if announced.sha256 not in (None, given):
        raise Invalid("The SHA-256 in the headers is not the one that was announced. Nothing was kept.", "sha256")
    return Expected(announced.size_bytes, given)


@api.get("/downloads/<proof>")
def download(proof: str) -> Response:
    """Hand the file out: always as a download, and so that nothing in it can act in a browser."""
    return send(open_upload(db(), str(_read_proof(proof, "download"))))


def address(attachment_id: str, direction: Direction) -> str:
    """The absolute address under which the attachment can be put, or got, for the next ten minutes."""
    return _signed(attachment_id, direction)


def shown_file(file: AttachmentView | UnitFile) -> dict[str, Any]:
    """A file in an answer. Its address is null while there are no bytes."""
    return {
        "id": file.id,
        "name": file.name,
        "size": file.size_bytes,
        "content_type": file.content_type,
        "download_url": address(file.id, "download") if file.size_bytes is not None else None,
    }


def announced(attachment_id: str, size: int | None, sha256: str | None) -> dict[str, Any]:
    """The answer to an announced file, as it is kept for a repeated request; `with_upload_address` completes it."""
    return {"id": attachment_id, "expected": [size, sha256.lower() if sha256 is not None else None]}


def with_upload_address(answer: Any) -> Any:
    """The answer to an announced file, with a new address: also when it is given again, to a repeated request."""
    return {"id": answer["id"], "upload_url": upload_address(answer)}


def upload_address(answer: Any) -> str:
    """Where the file that was `announced` can be put. What was said of it is in the address: nobody can change it."""
    return _signed([answer["id"], *answer.get("expected", (None, None))], "upload")


def _signed(content: Any, direction: Direction) -> str:
    base = (portal().settings.public_url or request.url_root).rstrip("/")
    return f"{base}/api/{direction}s/{_serializer(direction).dumps(content)}"


def _read_upload_proof(proof: str) -> tuple[str, Expected]:
    match _read_proof(proof, "upload"):
        case [str(attachment_id), size, sha256]:
            return attachment_id, Expected(size, sha256)
        case attachment_id:
            return str(attachment_id), Expected()


def _read_proof(proof: str, direction: Direction) -> Any:
    try:
        return _serializer(direction).loads(proof, max_age=LIFETIME_S)
    except SignatureExpired as error:
        raise Forbidden("This address has expired: ask for the attachment again, and use the new one.") from error
    except BadData as error:
        raise Forbidden("This address is not valid: it was changed, or was not made by this portal.") from error


def _serializer(direction: Direction) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(portal().settings.secret_key, salt=f"attachment-{direction}")
