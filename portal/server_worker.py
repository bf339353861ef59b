"""gunicorn's thread worker, with what it lacks: refusals in our shape, and a limit to how slowly a request may come.

Who sends a byte every few seconds would otherwise keep a thread for as long as they like: the socket's own limit is for
each read. So the waiting for a request is added up, headers and body together, and may come to the limit for standing
still and a second for each kilobyte that came. Time that the portal itself takes does not count.
"""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Callable
from typing import Any

from gunicorn.http import errors, get_parser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import ThreadWorker

from portal.web import portal

SLOWEST_BYTES_PER_S = 1024  # below any line that a bench could upload records over

_UNREADABLE = "This is no HTTP request that the portal can read. Nothing was done."
# By gunicorn's error: status, reason, code, and the sentence. All others of its parser are a 400.
_REFUSALS: dict[type[Exception], tuple[int, str, str, str]] = {
    errors.LimitRequestLine: (
        414, "URI Too Long", "URI_TOO_LONG",
        "The address is longer than this portal reads: ask for fewer things at once. Nothing was done.",
    ),
    errors.LimitRequestHeaders: (
        431, "Request Header Fields Too Large", "REQUEST_HEADER_FIELDS_TOO_LARGE",
        "There are more headers, or larger ones, than this portal reads. Nothing was done.",
    ),
    errors.UnsupportedTransferCoding: (
        501, "Not Implemented", "NOT_IMPLEMENTED",
        "The body has a Transfer-Encoding that the portal does not read: send it plain, or in chunks.",
    ),
    errors.ExpectationFailed: (
        417, "Expectation Failed", "EXPECTATION_FAILED", "The portal knows no other Expect than 100-continue.",
    ),
}  # fmt: skip
_OURS = (errors.ConfigurationProblem, errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Serves the portal."""

    def enqueue_req(self, conn: Any) -> None:
        """A request begins to come in, on a new connection or on one that was kept."""
        if conn.parser is None:
            conn.parser = get_parser(self.cfg, conn.sock, conn.client)
            conn.parser.unreader = PacedUnreader(conn.sock, portal(self.wsgi).settings.read_timeout_s)
        conn.parser.unreader.begin()
        super().enqueue_req(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what the parser refuses. What is nobody's fault outside goes gunicorn's way."""
        if not isinstance(exc, errors.ParseException) or isinstance(exc, _OURS):
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("Invalid request from %s: %s", (addr or ("",))[0], exc)
        try:
            client.sendall(refusal_of(exc))
        except OSError:
            self.log.debug("The refusal was not taken.")


class PacedUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads a connection for gunicorn's parser, and gives up on who is too slow. ``still_s``: the grace."""

    def __init__(self, sock: Any, still_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(sock)
        self._still_s, self._clock = still_s, clock
        self.begin()

    def begin(self) -> None:
        """A new request: its time is its own."""
        self._waited_s, self._received = 0.0, 0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """What came. Raises `ConnectionResetError` when it took too long: nothing more is read of it."""
        began = self._clock()
        found: bytes = super().chunk(size_hint)
        self._waited_s += self._clock() - began
        self._received += len(found)
        if self._waited_s > self._still_s + self._received / SLOWEST_BYTES_PER_S:
            raise ConnectionResetError(errno.ECONNRESET, "The request came in too slowly.")
        return found


def refusal_of(exc: Exception) -> bytes:
    """The whole answer. Which path was asked for is often not known: so it is in the words of both interfaces."""
    found = (400, "Bad Request", "BAD_REQUEST", _UNREADABLE)
    status, reason, code, message = _REFUSALS.get(type(exc), found)
    body = json.dumps({"message": message, "code": code, "error": {"message": message}}).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    return head.encode("latin-1") + body
