"""The processes that the conductor starts: each with a thread that hears it, and what it says in one inbox."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from station.child import Child

Inbox = queue.SimpleQueue[tuple[Any, dict[str, Any]]]
_LISTEN_S = 0.2


class Process:
    """A worker, a plug host or a command. Its messages come into the inbox, the last of them is ``ended``.

    Its thread starts it and stays: on Linux the end of that thread is what ends the process with the conductor.
    """

    def __init__(self, command: Sequence[str], folder: Path, inbox: Inbox, name: str) -> None:
        self.name = name
        self._inbox = inbox
        self._command, self._folder = list(command), folder
        self._child: Child | None = None
        self._has_begun = threading.Event()
        self._is_to_end = False
        self._thread = threading.Thread(target=self._follow, name=name, daemon=True)
        self._thread.start()
        self._has_begun.wait()

    def send(self, command: dict[str, Any]) -> None:
        """Queue one command. One that is gone does not get it."""
        if self._child is not None:
            self._child.send(command)

    def terminate(self) -> None:
        """Interrupt what it does."""
        if self._child is not None:
            self._child.terminate()

    def kill(self) -> None:
        """End it and all that it has started."""
        if self._child is not None:
            self._child.kill()

    def wait(self, timeout_s: float) -> bool:
        """Until it has ended and everything that it said is in the inbox. False when time is up."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _follow(self) -> None:
        try:
            child = self._child = Child(self._command, self._folder, os.environ)
        except OSError as error:
            self._inbox.put((self, {"type": "ended", "status": None, "error": f"{self._command[0]}: {error.strerror}"}))
            return
        finally:
            self._has_begun.set()
        while not child.has_ended():
            messages = child.read(_LISTEN_S)
            self._take(messages, [] if messages else child.relieve())
        self._take(*child.finish())
        self._inbox.put((self, {"type": "ended", "status": child.status, "error": None}))

    def _take(self, messages: list[bytes], output: list[tuple[Any, bytes]]) -> None:
        for line in messages:
            self._inbox.put((self, json.loads(line)))
        for stream, text in output:
            message = {"type": "output", "stream": stream, "text": text.decode("utf-8", "replace")}
            self._inbox.put((self, message))
