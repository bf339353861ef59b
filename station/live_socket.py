"""One WebSocket to which any thread may send without ever waiting for the peer.

flask-sock's socket writes with a single blocking ``send``: one peer that stops reading freezes every publisher, and a
short write corrupts the stream. Here a frame is sent at once as far as the kernel takes it (``MSG_DONTWAIT``); the rest
goes to the socket's bounded buffer, which one `Writer` thread drains for all sockets. Who stays behind for too long,
or falls behind the bound, is cut and comes back to a fresh state: nobody waits for the slowest.

Writing a thread per socket was measured and falls apart between 100 and 500 sockets.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

BUFFER_BYTES = 2 * 1024 * 1024  # a whole page of a long run fits several times
STALLED_AFTER_S = 8.0
PING_EVERY_S = 20.0
PEER_TIMEOUT_MS = 15_000  # unacknowledged data for so long: the peer is gone, its thread is freed

RESTARTING = 1012
TRY_AGAIN_LATER = 1013
POLICY_VIOLATION = 1008
GOING_AWAY = 1001
SIGNED_OUT = 4401  # of our own: the browser does not come back by itself
RIGHTS_CHANGED = 4403  # of our own: the browser loads its page again, as far as it still may

_CLOSE = 0x88
_PING = b"\x89\x00"


def text_frame(text: str) -> bytes:
    """One unmasked, uncompressed WebSocket text frame (RFC 6455 §5.2), ready for any number of sockets."""
    return _frame(0x1, text.encode())


def _frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, size)
    elif size < 65_536:
        head = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    return head + payload


class LiveSocket:
    """A WebSocket accepted by flask-sock, with sending that never blocks.

    Takes the place of the raw socket inside simple-websocket, so that its own frames (pong, close) pass through the
    same buffer and can never land in the middle of one of ours.
    """

    def __init__(self, ws: Any, writer: Writer) -> None:
        self._ws = ws
        self._raw: socket.socket = ws.sock
        self._writer = writer
        self.session: str | None = None  # hash of the browser's token; None for a station's program
        self.watcher: object = None  # whose browser this is (the portal: with the rights it was admitted by)
        self.topics: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._pending: deque[memoryview] = deque()
        self._pending_bytes = 0
        self._stalled_since: float | None = None
        self._is_closed = False
        self._is_ending = False
        with contextlib.suppress(OSError):  # the peer may be gone already, as its reader will notice
            self._raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A socket may be silent for as long as it likes; the limit is for requests (portal.server).
            self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 0))
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                self._raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, PEER_TIMEOUT_MS)
        ws.sock = self
        writer.add(self)

    def receive(self, timeout_s: float | None = None) -> str | bytes | None:
        """The next message; None when the time passed. Raises simple_websocket.ConnectionClosed at the end."""
        message: str | bytes | None = self._ws.receive(timeout=timeout_s)
        return message

    def send_frame(self, frame: bytes) -> bool:
        """Send an encoded frame, now or as soon as the peer takes it. False when the socket is, or is now, cut."""
        with self._lock:
            if self._is_closed or self._is_ending:
                return False
            self._is_ending = frame[0] == _CLOSE  # the last one: a browser that gets another reports a broken line
            rest = memoryview(frame)
            if not self._pending:
                rest = rest[self._send_now(rest) :]
            if rest:
                self._pending.append(rest)
                self._pending_bytes += len(rest)
                self._stalled_since = self._stalled_since or time.monotonic()
            is_over = self._pending_bytes > BUFFER_BYTES
            has_rest = bool(rest)
        if is_over:
            self.cut()
            return False
        if has_rest:
            self._writer.wake(self)
        return True

    def end(self, code: int, reason: str) -> None:
        """Send a close frame with the code and let the handler's thread go."""
        self.send_frame(_frame(0x8, struct.pack("!H", code) + reason.encode()[:120]))
        self._ws.connected = False
        self._ws.event.set()

    def cut(self) -> None:
        """Drop the connection at once; the handler's thread and the reader's wake up."""
        self._ws.connected = False
        with contextlib.suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)
        self._ws.event.set()

    # ── for the writer ──

    def drain(self) -> bool:
        """Send what the kernel takes now. True when something is left. Raises OSError when the peer is gone."""
        with self._lock:
            while self._pending and not self._is_closed:
                rest = self._pending[0]
                sent = self._send_now(rest)
                self._pending_bytes -= sent
                if sent:
                    self._stalled_since = time.monotonic()
                if sent < len(rest):
                    self._pending[0] = rest[sent:]
                    return True
                self._pending.popleft()
            self._stalled_since = None
            return False

    def is_stalled(self, now: float) -> bool:
        """Whether the peer has taken nothing for too long although something is waiting."""
        since = self._stalled_since
        return since is not None and now - since > STALLED_AFTER_S

    # ── for simple-websocket, in place of the raw socket ──

    def send(self, data: bytes) -> int:
        """Queue the library's own frame like any other."""
        self.send_frame(data)
        return len(data)

    def recv(self, size: int) -> bytes:
        """Read from the peer."""
        return self._raw.recv(size)

    def fileno(self) -> int:
        """The descriptor of the raw socket, -1 once closed."""
        return self._raw.fileno()

    def close(self) -> None:
        """End of the library's reader: nothing is sent any more, and the writer forgets this socket."""
        with self._lock:
            self._is_closed = True
            self._pending.clear()
        self._writer.remove(self)
        self._raw.close()

    def _send_now(self, data: memoryview) -> int:
        try:
            return self._raw.send(data, socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self._is_closed = True  # the reader sees the same error and closes
            return len(data)


class Writer:
    """One thread that sends what did not fit at once, pings everybody, and cuts who has stalled."""

    def __init__(self) -> None:
        self._sockets: set[LiveSocket] = set()
        self._waiting: set[LiveSocket] = set()
        self._lock = threading.Lock()
        self._bell, self._clapper = socket.socketpair()
        self._bell.setblocking(False)
        self._clapper.setblocking(False)
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="live-writer", daemon=True)
        self._thread.start()

    def add(self, sock: LiveSocket) -> None:
        """Ping this socket from now on."""
        with self._lock:
            self._sockets.add(sock)

    def remove(self, sock: LiveSocket) -> None:
        """Forget a socket that is being closed."""
        with self._lock:
            self._sockets.discard(sock)
            self._waiting.discard(sock)

    def wake(self, sock: LiveSocket) -> None:
        """The socket has something that did not fit."""
        with self._lock:
            self._waiting.add(sock)
        with contextlib.suppress(BlockingIOError):
            self._clapper.send(b"!")

    def count(self) -> int:
        """How many sockets are open."""
        with self._lock:
            return len(self._sockets)

    def end_all(self, code: int, reason: str) -> None:
        """Close every socket with the code: the portal restarts."""
        with self._lock:
            open_sockets = list(self._sockets)
        for sock in open_sockets:
            sock.end(code, reason)

    def end_each(self, is_meant: Callable[[LiveSocket], bool], code: int, reason: str) -> None:
        """Close the sockets that are meant."""
        with self._lock:
            ended = [sock for sock in self._sockets if is_meant(sock)]
        for sock in ended:
            sock.end(code, reason)

    def stop(self) -> None:
        """End the thread; sockets stay as they are."""
        self._is_stopped = True
        with contextlib.suppress(OSError):
            self._clapper.send(b"!")
        self._thread.join(timeout=5)
        self._bell.close()
        self._clapper.close()

    def _run(self) -> None:
        next_ping = time.monotonic() + PING_EVERY_S
        while not self._is_stopped:
            self._wait_until_writable()
            now = time.monotonic()
            with self._lock:
                waiting = list(self._waiting)
            for sock in waiting:
                self._serve(sock, now)
            if now >= next_ping:
                next_ping = now + PING_EVERY_S
                with self._lock:
                    everybody = list(self._sockets)
                for sock in everybody:
                    sock.send_frame(_PING)

    def _wait_until_writable(self) -> None:
        # A fresh selector each time: sockets come, close and have their descriptors reused by others at any moment,
        # which a long-lived epoll set would confuse. Only those with a backlog are in it: none, nearly always.
        with self._lock:
            waiting = [sock for sock in self._waiting if sock.fileno() >= 0]
        with selectors.DefaultSelector() as selector:
            selector.register(self._bell, selectors.EVENT_READ)
            for sock in waiting:
                with contextlib.suppress(ValueError, KeyError, OSError):
                    selector.register(sock, selectors.EVENT_WRITE)
            selector.select(timeout=1.0)
        with contextlib.suppress(BlockingIOError):
            self._bell.recv(4096)

    def _serve(self, sock: LiveSocket, now: float) -> None:
        if sock.is_stalled(now):
            self.remove(sock)
            sock.cut()
            return
        # Forgotten before it is drained: a sender that adds more meanwhile puts it back, and no wake-up is lost.
        with self._lock:
            self._waiting.discard(sock)
        if sock.drain():
            with self._lock:
                self._waiting.add(sock)
