"""The production server: gunicorn ``gthread``, one worker, a thread for each socket.

Why so: flask-sock's other servers corrupt large messages or cannot upgrade at all, and threads are the capacity: with
all of them held by sockets the next page hangs. So there are as many as sockets are allowed, and 32 more; they are made
lazily and cost nothing idle.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import struct
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
from flask import Flask

from portal import logs, migrations
from portal.app import create_app, start, stop
from portal.errors import PortalError
from portal.settings import BadSetting, Settings
from portal.storage import open_store
from stationmaster.cli_errors import Refusal

PAGE_THREADS = 32
LONGEST_REQUEST_LINE = 65_536  # a list is asked for by as many as a thousand ids, 41 bytes each

log = structlog.get_logger(__name__)


def serve(settings: Settings) -> None:
    """Migrate, then serve until SIGTERM or SIGINT. Raises `Refusal` when data or address cannot be had."""
    if sys.platform == "win32":
        raise Refusal("the portal runs on Linux and macOS; on Windows run it in WSL")
    with contextlib.ExitStack() as held:
        if not settings.database_url:
            held.enter_context(_lock(settings.data_dir))
        listener = _listen(settings.host, settings.port, settings.read_timeout_s)
        logs.configure(as_json=settings.log_json)
        migrations.upgrade(settings)
        _check_storage(settings)
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        print(f"Stationmaster portal on http://{shown}:{port}", flush=True)
        _run(settings, listener)


def _lock(data_dir: Path) -> contextlib.AbstractContextManager[object]:
    """One portal at a time on SQLite: two would race for the writes, and each show only half of the stations."""
    # Imported here: it is POSIX-only, and Windows must be told so in words.
    from stationmaster.folder_lock import FolderLock, Held

    try:
        return FolderLock(data_dir / "lock").acquire()
    except Held as held:
        raise Refusal(
            f"another portal (process {held.holder}) already serves the data in {data_dir}: use that one, "
            "or choose other data with --data-dir"
        ) from None
    except OSError as error:
        raise Refusal(f"the data directory {data_dir} cannot be used: {error.strerror or error}") from None


def _check_storage(settings: Settings) -> None:
    """Say at the start, not at the first upload, that files could not be kept."""
    try:
        open_store(settings).check()
    except BadSetting as error:
        raise Refusal(str(error)) from error
    except PortalError as error:
        raise Refusal(error.message) from error


def _listen(host: str, port: int, read_timeout_s: int) -> socket.socket:
    """The listening socket; ours and not gunicorn's, which tries five times and then prints a traceback."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections take these over. A request that stands still, of a bench that lost its network or of somebody who
        # means ill, must not keep its thread: gunicorn has no limit of its own (and `server_worker` one for who drips).
        # Sockets lift it for themselves.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", read_timeout_s, 0))
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        if error.errno in (98, 48):
            why = f"port {port} on {host} is taken by another program: choose one with --port"
        else:
            why = f"cannot listen on {host}:{port}: {error.strerror or error}"
        raise Refusal(why) from None
    return listener


def _run(settings: Settings, listener: socket.socket) -> None:
    # Imported here: gunicorn is Unix-only, and the commands that do not serve start faster without it.
    from gunicorn.app.base import BaseApplication
    from gunicorn.http import message

    message.MAX_REQUEST_LINE = LONGEST_REQUEST_LINE  # the setting alone cannot exceed it, and it is 8190
    threads = settings.max_sockets + PAGE_THREADS

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            options = {
                "bind": f"fd://{listener.fileno()}",
                "workers": 1,
                "worker_class": "portal.server_worker.Worker",
                "threads": threads,
                "worker_connections": threads + 200,
                "timeout": 60,
                "graceful_timeout": 5,
                "keepalive": 5,
                "control_socket_disable": True,
                "secure_scheme_headers": {},  # whom to believe is a setting of ours
                "limit_request_line": LONGEST_REQUEST_LINE,
                "loglevel": "warning",
                "post_worker_init": _begin,
                "worker_int": _interrupted,
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            return create_app(settings)

    Server().run()


def _begin(worker: Any) -> None:
    """In the worker, after the application was made: start its threads, and end them before gunicorn waits."""
    app: Flask = worker.app.callable or worker.wsgi
    start(app)
    graceful = signal.getsignal(signal.SIGTERM)

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        # Sockets first: each holds a thread for which gunicorn would wait its whole grace time. In a thread of its
        # own, because the signal may have interrupted code that holds a lock which closing needs.
        threading.Thread(target=stop, args=(app,), name="shutdown").start()
        if callable(graceful):
            graceful(number, frame)

    signal.signal(signal.SIGTERM, on_sigterm)
    _die_with_parent()
    # What is there now stays: to look through all of it takes 0.1 s, in which every request would stand still. And a
    # record brings thousands of objects that are no garbage yet: to look at each few hundred costs 8 % of its time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _interrupted(worker: Any) -> None:
    """Ctrl-C reaches master and worker at once: the worker ends its sockets as on SIGTERM."""
    stop(worker.app.callable or worker.wsgi)


def _die_with_parent() -> None:
    """Linux: when the master is killed, the worker gets SIGTERM instead of serving on without one."""
    if sys.platform.startswith("linux"):
        import ctypes

        with contextlib.suppress(OSError):
            ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM)
        if os.getppid() == 1:
            os.kill(os.getpid(), signal.SIGTERM)
