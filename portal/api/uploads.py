"""The bytes of attachments: addresses that carry their own proof, for uploading and for downloading.

An address is signed, names one attachment and one direction, and lives for ten minutes. No key is sent with it.
Source: contract/v2-api.md §4.
"""

from __future__ import annotations

from typing import IO, Any, Literal

from flask import Blueprint, Response, request, send_file
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer
from typing_extensions import TypedDict
from werkzeug.exceptions import HTTPException

from portal.errors import BadRequest, Forbidden
from portal.services.attachments import open_upload, receive_upload
from portal.services.run_input import In
from portal.web import db, portal

api = Blueprint("uploads", __name__, url_prefix="/api")

LIFETIME_S = 600
Direction = Literal["upload", "download"]


class AttachmentIn(In):
    """A file that will be put. ``phase``, ours: the phase that it belongs to."""

    name: str
    phase: str | None = None


class UploadOut(TypedDict):
    """The file's id, and where to PUT its bytes, without a key, in the next ten minutes."""

    id: str
    upload_url: str


@api.put("/uploads/<proof>")
def upload(proof: str) -> Response:
    """Take the bytes in, streamed to disk."""
    attachment_id = _read_proof(proof, "upload")
    is_chunked = bool(request.environ.get("wsgi.input_terminated"))
    if request.content_length is None and not is_chunked:
        raise BadRequest("The length of the file is missing: send Content-Length.")
    request.max_content_length = portal().settings.max_attachment_bytes
    receive_upload(db(), attachment_id, _Incoming(request.stream), request.content_type)
    return Response("{}", content_type="application/json")


class _Incoming:
    """The body as it comes in; one that breaks off, or is not framed as HTTP wants, is the sender's fault."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises `BadRequest`."""
        try:
            return self._stream.read(size)
        except HTTPException:
            raise
        except Exception as error:  # servers have their own kinds, which share no parent
            raise BadRequest("The upload broke off, or its chunks are not HTTP's. Nothing was kept.") from error


@api.get("/downloads/<proof>")
def download(proof: str) -> Response:
    """Hand the file out: always as a download, and so that nothing in it can act in a browser."""
    file = open_upload(db(), _read_proof(proof, "download"))
    response = send_file(
        file.path,
        mimetype=file.content_type,
        as_attachment=True,
        download_name=file.name,
        conditional=True,
        etag=file.sha256,
        max_age=0,
    )
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def address(attachment_id: str, direction: Direction) -> str:
    """The absolute address under which the attachment can be put, or got, for the next ten minutes."""
    base = (portal().settings.public_url or request.url_root).rstrip("/")
    return f"{base}/api/{direction}s/{_serializer(direction).dumps(attachment_id)}"


def with_upload_address(answer: Any) -> Any:
    """The answer to an announced file, with a new address: also when it is given again, to a repeated request."""
    return {**answer, "upload_url": address(answer["id"], "upload")}


def _read_proof(proof: str, direction: Direction) -> str:
    try:
        attachment_id = _serializer(direction).loads(proof, max_age=LIFETIME_S)
    except SignatureExpired as error:
        raise Forbidden("This address has expired: ask for the attachment again, and use the new one.") from error
    except BadData as error:
        raise Forbidden("This address is not valid: it was changed, or was not made by this portal.") from error
    return str(attachment_id)


def _serializer(direction: Direction) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(portal().settings.secret_key, salt=f"attachment-{direction}")
