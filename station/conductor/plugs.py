"""The plugs of a run: a process each, made before the first phase and taken down after the last."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from station.conductor.processes import START, Inbox, Process
from station.procedure_file.models import Plug

TAKE_DOWN_LIMIT_S = 5.0


class PlugProcess(Process):
    """The process of one plug. ``error``: why it cannot be used; ``is_ready``: calls are served."""

    def __init__(self, plug: Plug, python: str, folder: Path, sockets: Path, inbox: Inbox) -> None:
        self.plug = plug
        self.is_ready = False
        self.error: str | None = None
        self.access = {"address": str(sockets / plug.id), "authkey": secrets.token_hex(16)}
        super().__init__([python, *START, str(folder), "plug"], folder, inbox, f"plug-{plug.id}")
        self.send({"type": "make", "python": plug.python, "config": plug.config or {}, **self.access})

    def take(self, message: dict[str, Any]) -> bool:
        """Note what the process says of itself. False when it is nothing of that."""
        if message["type"] == "plug_ready":
            self.is_ready = True
        elif message["type"] == "plug_failed":
            self.error = message["error"]
        elif message["type"] == "ended":
            if not self.is_ready and self.error is None:
                self.error = message["error"] or f"its process ended with status {message['status']}"
        else:
            return False
        return True


class Plugs:
    """All plugs of one run."""

    def __init__(self, declared: Sequence[Plug], python: str, folder: Path, inbox: Inbox) -> None:
        # Short: the address of a socket has room for a hundred letters.
        self._sockets = Path(tempfile.mkdtemp(prefix="sm-"))
        self.processes = [PlugProcess(plug, python, folder, self._sockets, inbox) for plug in declared]

    @property
    def are_settled(self) -> bool:
        """Whether each is ready or has failed."""
        return all(one.is_ready or one.error is not None for one in self.processes)

    @property
    def error(self) -> str | None:
        """Why the run cannot go on; None when all are well so far."""
        failed = [f"The plug {one.plug.name} could not be made: {one.error}" for one in self.processes if one.error]
        return "\n".join(failed) or None

    def access(self) -> dict[str, dict[str, str]]:
        """How a worker reaches each, by key."""
        return {one.plug.id: one.access for one in self.processes}

    def take_down(self) -> list[str]:
        """End all, each by its own way. Returns what is to be said of those that did not."""
        for one in self.processes:
            one.send({"type": "take_down"})
        deadline = time.monotonic() + TAKE_DOWN_LIMIT_S
        late = []
        for one in self.processes:
            if not one.wait(max(0.0, deadline - time.monotonic())):
                late.append(f"The plug {one.plug.name} was not taken down within {TAKE_DOWN_LIMIT_S:g} s: killed.")
                one.kill()
                one.wait(TAKE_DOWN_LIMIT_S)
        shutil.rmtree(self._sockets, ignore_errors=True)
        return late
