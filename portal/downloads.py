"""Files handed out, by the API and by pages: always so that nothing in them can act in the name of this portal."""

from __future__ import annotations

import io
from collections.abc import Iterator

from flask import Response, request, send_file
from werkzeug.http import parse_range_header

from portal.services.attachments import OpenedFile
from portal.storage import PIECE, Opened


def send(file: OpenedFile, *, is_inline: bool = False) -> Response:
    """The file, or the one range of it that was asked for. ``is_inline``: shown in a page; only for pictures.

    Several ranges at once, and ranges that are none, are answered with the whole. Source: RFC 9110 §13, §14.
    """
    response = send_file(
        io.BytesIO(), mimetype=file.content_type, as_attachment=not is_inline, download_name=file.name,
        conditional=False, etag=False, max_age=0,
    )  # fmt: skip
    response.content_length = file.size_bytes
    response.set_etag(file.sha256)
    response.make_conditional(request.environ, accept_ranges=_takes_range(), complete_length=file.size_bytes)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-cache"
    if request.method == "GET" and response.status_code in (200, 206):
        start = response.content_range.start or 0
        length = response.content_length or 0
        response.response = _Pieces(file.open(start, length))
    else:
        response.response = ()
    return response


class _Pieces:
    """What the server sends, piece by piece; closed when it is done, or when the reader has left."""

    def __init__(self, source: Opened) -> None:
        self._source = source

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._source.read(PIECE):
            yield piece

    def close(self) -> None:
        self._source.close()


def _takes_range() -> bool:
    wanted = parse_range_header(request.headers.get("Range"))
    return request.method == "GET" and wanted is not None and wanted.units == "bytes" and len(wanted.ranges) == 1
