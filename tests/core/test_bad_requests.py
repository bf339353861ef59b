"""What the server itself refuses, over bare sockets: in the API's shape, in one sentence, and in bounded time."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable

import pytest

from portal.server_worker import SLOWEST_BYTES_PER_S, PacedUnreader
from tests.core.test_bad_bodies import Served, body, served

__all__ = ["served"]  # the fixture: pytest finds it here

LONG = b"x" * 70_000


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET /api/v2/runs?ids=" + LONG + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "URI_TOO_LONG"),
        (b"GET /api/v2/runs HTTP/1.1\r\nHost: x\r\nX: " + LONG + b"\r\n\r\n", 431, "REQUEST_HEADER_FIELDS_TOO_LARGE"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431, "REQUEST_HEADER_FIELDS_TOO_LARGE"),
        (b"HELLO\r\n\r\n", 400, "BAD_REQUEST"),
        (b"<script> / HTTP/1.1\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n<b>: y\r\n\r\n", 400, "BAD_REQUEST"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: tomato\r\n\r\n", 501, "NOT_IMPLEMENTED"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "BAD_REQUEST"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "BAD_REQUEST"),  # TLS on a plain port
    ],
)
def test_what_the_server_refuses_has_the_shape_of_the_api(served: Served, sent: bytes, status: int, code: str) -> None:
    found, headers, answer = served.send(sent)

    told = json.loads(answer)
    assert (found, told["code"], headers["content-type"]) == (status, code, "application/json")
    assert told["error"] == {"message": told["message"]}  # as the client of v1 reads it
    assert "<" not in told["message"]


@pytest.mark.parametrize("host", ['x"><script>alert(1)</script>', "a b", "a_b", "x/../y", "x:99999", "ä", ""])
@pytest.mark.parametrize("path", ["/api/v2/whoami", "/sign-in"])
def test_a_host_that_is_none_is_refused_and_not_repeated(served: Served, host: str, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()

    status, _, answer = served.send(head)

    assert status == 400
    assert b"Host header names no host" in answer
    assert not host or host.encode() not in answer.replace(b"Host header", b"")


@pytest.mark.parametrize("head", ["GET /healthz HTTP/1.0", "GET /healthz HTTP/1.1\r\nHost: [::1]:8000"])
def test_a_request_without_a_host_or_with_an_address_is_served(served: Served, head: str) -> None:
    assert served.send(f"{head}\r\nConnection: close\r\n\r\n".encode())[0] == 200


@pytest.mark.parametrize("part", ["head", "body"])
def test_who_drips_is_cut(served: Served, part: str) -> None:
    """Each byte comes in time, the request does not: the portal gives it 2 s here, and a second a kilobyte."""
    head = served.head("POST", "/api/v2/runs", "Content-Length: 5000", "Content-Type: application/json")
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        if part == "body":
            connection.sendall(head)

        drip(connection, head if part == "head" else b"[" * 5000)

    assert time.monotonic() - began < 10  # its bytes alone would take far longer
    assert served.post(body(served))[0] == 200


def drip(connection: socket.socket, sent: bytes) -> None:
    """Send a byte every 0.2 s until the other side answers or hangs up."""
    connection.settimeout(0.2)
    for byte in sent:
        try:
            connection.sendall(bytes([byte]))
            connection.recv(1)
        except TimeoutError:
            continue
        except OSError:  # reset
            pass
        return


class Line:
    """A socket over which so many bytes come with each read."""

    def __init__(self, size: int) -> None:
        self.size = size

    def recv(self, size: int) -> bytes:
        return b"x" * min(size, self.size)


def test_a_slow_line_is_no_drip() -> None:
    def each_read_takes_a_second() -> Callable[[], float]:
        return itertools.count().__next__

    slow = PacedUnreader(Line(SLOWEST_BYTES_PER_S), 30, each_read_takes_a_second())
    dripping = PacedUnreader(Line(1), 30, each_read_takes_a_second())

    for _ in range(500):
        slow.chunk()
    for _ in range(30):
        dripping.chunk()
    with pytest.raises(ConnectionResetError):
        dripping.chunk()
