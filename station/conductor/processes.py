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
# Starts what runs in the procedure's own interpreter.
START = (str(Path(__file__).parent.parent / "connectors" / "start.py"), "procedure_run")
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
        self._fault: str | None = None
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

    def refuse(self, why: str) -> None:
        """End it, because what it says makes no sense. ``why``: for people, told with its end."""
        self._fault = self._fault or why
        self.kill()

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
        try:
            while not child.has_ended():
                messages = child.read(_LISTEN_S)
                self._take(messages, [] if messages else child.relieve())
            self._take(*child.finish())
        finally:  # whatever happens in here, the conductor must not wait for it for ever
            child.finish()
            self._inbox.put((self, {"type": "ended", "status": child.status, "error": self._fault}))

    def _take(self, messages: list[bytes], output: list[tuple[Any, bytes]]) -> None:
        for line in messages:
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if isinstance(message, dict) and isinstance(message.get("type"), str):
                self._inbox.put((self, message))
            else:  # what else was on its way is lost: nothing that comes now can be trusted
                self.refuse("It wrote into the pipe to the station, which is not its own.")
        for stream, text in output:
            message = {"type": "output", "stream": stream, "text": text.decode("utf-8", "replace")}
            self._inbox.put((self, message))
