"""A line between station and portal that can be frozen: bytes stop, and nobody is told."""

from __future__ import annotations

import contextlib
import socket
import threading


class FreezableLine:
    """Forwards one port to another until `freeze`. Use as a context manager."""

    def __init__(self, port: int) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._target = port
        self._may_flow = threading.Event()
        self._may_flow.set()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def freeze(self) -> None:
        self._may_flow.clear()

    def thaw(self) -> None:
        self._may_flow.set()

    def __enter__(self) -> FreezableLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._may_flow.set()
        for one in [self._server, *self._sockets]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        try:
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()
        except OSError:
            return

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while True:
                self._may_flow.wait()
                data = source.recv(65536)
                self._may_flow.wait()
                sink.sendall(data)
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
        except OSError:
            return
