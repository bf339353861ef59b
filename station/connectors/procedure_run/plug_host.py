"""Holds one plug: makes it, serves its calls one at a time, takes it down. Started by `run`.

The first command is ``make``: the reference of the class and the keyword arguments of its constructor, the address to
listen on and its key. ``take_down`` calls the plug's own ``tear_down``, ``tearDown`` or ``close``, and ends it all.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import signal
import threading
from multiprocessing.connection import Listener
from typing import Any

from ..common import reasons
from ..common.output import LoosePipes, Printing
from ..common.wire import Wire
from . import jobs

_TAKE_DOWN = ("tear_down", "tearDown", "close")


class PlugHost:
    """One plug. ``place`` is that of no phase: a plug's lines are its own."""

    def __init__(self, pipes: list[int], folder: str) -> None:
        events_fd, commands_fd, stdout_fd, stderr_fd = pipes
        self.place: dict[str, Any] = {"phase": "", "attempt": 1}
        self._folder = folder
        self._wire = Wire(events_fd, commands_fd)
        self._printing = Printing(self._wire, self, folder)
        self._loose = LoosePipes(self._wire, self, stdout_fd, stderr_fd)
        self._commands: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._turn = threading.Lock()
        self._plug: Any = None

    def run(self) -> int:
        """Until the plug is to be taken down, or the conductor is gone."""
        signal.signal(signal.SIGTERM, lambda *_: self._commands.put({"type": "take_down"}))
        self._printing.install()
        self._wire.listen(self._commands.put)
        command = self._commands.get()
        if command["type"] == "make" and self._make(command):
            while self._commands.get()["type"] == "make":
                pass
            self._take_down()
        self._loose.drain()
        self._wire.finish(1.0)
        os._exit(0)  # threads that serve calls may still wait in one

    def _make(self, command: dict[str, Any]) -> bool:
        try:
            self._plug = jobs.find(command["python"], self._folder)(**command["config"])
        except BaseException as error:  # noqa: BLE001 - a user's constructor
            words = reasons.exception_in_words(error, self._folder)
            self._wire.emit("plug_failed", error=words, traceback=reasons.traceback_in_words(error))
            return False
        listener = Listener(command["address"], authkey=bytes.fromhex(command["authkey"]))
        threading.Thread(target=self._serve, args=(listener,), name="calls", daemon=True).start()
        self._wire.emit("plug_ready")
        return True

    def _serve(self, listener: Listener) -> None:
        while True:
            try:
                connection = listener.accept()
            except Exception:  # noqa: BLE001, S112 - a wrong key, a caller that died: the next one is served
                continue
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Any) -> None:
        while True:
            try:
                request = pickle.loads(connection.recv_bytes())  # noqa: S301 - from a worker with the key
                connection.send_bytes(pickle.dumps(self._do(request)))
            except (EOFError, OSError):
                return

    def _do(self, request: tuple[Any, ...]) -> dict[str, Any]:
        act, name, *more = request
        with self._turn:
            try:
                if act == "get":
                    found = getattr(self._plug, name)
                    value: Any = (True, None) if callable(found) else (False, found)
                elif act == "set":
                    setattr(self._plug, name, more[0])
                    value = None
                else:
                    value = getattr(self._plug, name)(*more[0], **more[1])
                return {"is_ok": True, "value": _pickled(value, name)}
            except BaseException as error:  # noqa: BLE001 - what a plug raises, its caller gets
                return {
                    "is_ok": False,
                    "error": _pickled_error(error),
                    "words": f"{type(error).__name__}: {error}",
                    "traceback": reasons.traceback_in_words(error),
                }

    def _take_down(self) -> None:
        """By the plug's own method; else by letting go of it, for a class that relies on ``__del__``."""
        method = next((name for name in _TAKE_DOWN if callable(getattr(self._plug, name, None))), None)
        try:
            if method is not None:
                getattr(self._plug, method)()
            self._plug = None
            gc.collect()
        except BaseException as error:  # noqa: BLE001 - told, and the process ends all the same
            words = reasons.exception_in_words(error, self._folder)
            self._wire.emit("log", **self.place, level="ERROR", message=f"{method or '__del__'} failed: {words}")


def _pickled(value: Any, name: str) -> bytes:
    try:
        return pickle.dumps(value)
    except Exception as error:
        raise TypeError(f"“{name}” gives a {type(value).__name__}, which cannot be handed to a phase") from error


def _pickled_error(error: BaseException) -> bytes:
    try:
        data = pickle.dumps(error)
        pickle.loads(data)  # noqa: S301 - some can be written and not read again
    except Exception:  # noqa: BLE001
        return b""
    return data
