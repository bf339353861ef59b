"""The kiosk's HTTP server: Werkzeug's, with threads, on 127.0.0.1 only, and with limits.

Werkzeug's own way of binding ends the program with a print when the port is taken, so the socket is made here. A thread
serves a connection; how many there may be is bounded, and a connection that says nothing gives its thread back.
"""

from __future__ import annotations

import errno
import socket
import threading
from typing import Any

import structlog
from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from station.kiosk.access import ADDRESS
from stationmaster.cli_errors import Refusal

MOST_CONNECTIONS = 48  # a browser makes up to six at once, and one for the feed
SILENT_LIMIT_S = 15.0

log = structlog.get_logger(__name__)


def bind(port: int) -> socket.socket:
    """The listening socket. Raises `Refusal` when the port cannot be had."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart need not wait for old connections
        listening.bind((ADDRESS, port))
        listening.listen(64)
    except OSError as error:
        listening.close()
        why = "is used by another program" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        raise Refusal(
            f"The kiosk's port {port} on this computer {why}. Choose another one as kiosk_port in station.json, or "
            "start without the kiosk: stationmaster station run --no-kiosk"
        ) from error
    return listening


class _Handler(WSGIRequestHandler):
    timeout = SILENT_LIMIT_S
    protocol_version = "HTTP/1.1"
    server_version = "Stationmaster"
    sys_version = ""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:  # noqa: ARG002 - Werkzeug's
        """Wait for no other request on it: an ended feed has no time limit, and would keep its thread."""
        self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: a bench's log is not for requests."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002, ARG002 - Werkzeug's
        log.debug("kiosk_connection", note=message % args if args else message)


class KioskServer(ThreadedWSGIServer):
    """Serves until `stop`."""

    daemon_threads = True

    def __init__(self, listening: socket.socket, app: Flask) -> None:
        host, port = listening.getsockname()
        super().__init__(host, port, app, handler=_Handler, fd=listening.fileno())
        listening.close()  # the server has its own copy
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.2,), name="kiosk", daemon=True)

    def begin(self) -> None:
        """Serve, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections. Those that are open end with the program."""
        self.shutdown()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """One more connection, or none when there are too many: nobody here may take the memory of the test."""
        if not self._free.acquire(blocking=False):
            log.warning("kiosk_is_full")
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, from its thread's beginning to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002, ARG002 - Werkzeug's
        """Into our log; Werkzeug would print."""
        log.warning("kiosk_request_failed", note=message % args if args else message)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's
        """A connection that broke is no news."""
        log.debug("kiosk_connection_failed", exc_info=True)
