"""A WebSocket to the portal, and why there is none, in words for people."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.protocol import Event
from websockets.sync.client import ClientConnection, connect

from station.portal_api import say_why_unreachable
from station.protocol import HEARTBEAT_S
from stationmaster import __version__

MOST_INCOMING_BYTES = 1024 * 1024


@dataclass(frozen=True)
class LinkLimits:
    """Time limits of a link, in seconds. ``stable_after_s``: what held so long was good; the next pause is short."""

    handshake_s: float = 10.0
    welcome_s: float = 10.0
    close_s: float = 2.0
    heartbeat_s: float = HEARTBEAT_S
    ping_after_s: float = 20.0
    dead_after_s: float = 60.0
    stable_after_s: float = 10.0
    look_every_s: float = 1.0


class LinkLost(Exception):
    """The link cannot be had, or has broken. The text is for people."""


class LinkRefused(LinkLost):
    """The handshake was answered with an HTTP status, by the portal or by what stands before it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the portal answered with status {status}")
        self.status = status


class PortalSocket(ClientConnection):
    """Notes when anything came from the portal, pings and pongs included."""

    heard_at = 0.0

    def process_event(self, event: Event) -> None:
        """See `ClientConnection`."""
        if isinstance(event, Frame | Response):
            self.heard_at = time.monotonic()
        super().process_event(event)

    @property
    def silent_s(self) -> float:
        """How long nothing has come."""
        return time.monotonic() - self.heard_at

    def cut(self) -> None:
        """End it without a word. Wakes whoever waits on it, also a writer in the middle of a frame."""
        with contextlib.suppress(OSError):  # gone already
            self.socket.shutdown(socket.SHUT_RDWR)


@contextmanager
def open_socket(
    address: str, authorization: dict[str, str], tls: ssl.SSLContext | None, limits: LinkLimits
) -> Iterator[PortalSocket]:
    """Connect, and close at the end. Raises `LinkLost`, also when the connection ends while it is used."""
    try:
        with connect(
            address,
            additional_headers=authorization,
            user_agent_header=f"stationmaster-station/{__version__}",
            ssl=tls,
            compression=None,
            open_timeout=limits.handshake_s,
            close_timeout=limits.close_s,
            ping_interval=None,  # the protocol's heartbeat, and a ping only in silence
            max_size=MOST_INCOMING_BYTES,
            create_connection=PortalSocket,
        ) as connection:
            assert isinstance(connection, PortalSocket)  # noqa: S101 - made by create_connection
            _cut_when_unacknowledged(connection.socket, limits.dead_after_s)
            yield connection
    except InvalidStatus as error:
        raise LinkRefused(error.response.status_code) from error
    except (InvalidMessage, InvalidURI, InvalidHandshake) as error:
        raise LinkLost(say_why_unreachable(error, address)) from error
    except ConnectionClosed as error:
        raise LinkLost(_say_why_closed(error)) from error
    except OSError as error:
        raise LinkLost(say_why_unreachable(error, address)) from error


def _say_why_closed(error: ConnectionClosed) -> str:
    received = error.rcvd
    if received is None:
        return "the connection broke off"
    return f"the portal closed it ({received.code}{': ' + received.reason if received.reason else ''})"


def _cut_when_unacknowledged(sock: socket.socket, dead_after_s: float) -> None:
    """A portal that vanished without a word is noticed by the kernel too (Linux)."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(dead_after_s * 1000))
