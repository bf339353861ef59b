"""The public client, in the generations that are in use, each in a process of its own: all are called ``tofupilot``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

GENERATIONS = ("2.2.4", "2.24.0", "2.26.1")
OLDEST, NEWEST = GENERATIONS[0], GENERATIONS[-1]
FOLDER = Path(sys.prefix) / "clients"


class Refused(Exception):
    """What the client raised: ``kind`` is the name of its class, such as ErrorNOTFOUND or APIError."""

    def __init__(self, kind: str, message: str, status: int | None) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message, self.status = kind, message, status


class Generation:
    """One version of the client, in its process."""

    def __init__(self, version: str) -> None:
        self.version = version
        self._operations: list[str] | None = None
        place = FOLDER / version
        assert place.is_dir(), f"the client {version} is not installed: run the tests through `make test`"
        environment = {**os.environ, "PYTHONPATH": str(place), "DISABLE_TELEMETRY": "true", "PYTHONWARNINGS": "ignore"}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("driver.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
        )  # fmt: skip

    def call(self, server: str, key: str, call: str, positional: tuple[Any, ...], arguments: dict[str, Any]) -> Any:
        asked = {"server": server, "key": key, "call": call, "positional": positional, "arguments": arguments}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked, default=_mark) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise Refused(answer["error"], answer["message"], answer["status"])
        return _opened(answer["result"])

    def operations(self) -> list[str]:
        """The names of all operations that it has."""
        if self._operations is None:
            self._operations = self.call("http://127.0.0.1", "", "", (), {})
        return self._operations

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()


class Client:
    """Somebody with a key and one generation of the client: ``client.runs.create(…)`` as in a user's script.

    Results are read by attribute; what the client leaves out is absent.
    """

    def __init__(self, generation: Generation, server: str, key: str, path: str = "") -> None:
        self._generation, self._server, self._key, self._path = generation, server, key, path

    @property
    def version(self) -> str:
        return self._generation.version

    def __getattr__(self, name: str) -> Client:
        return Client(self._generation, self._server, self._key, f"{self._path}.{name}".lstrip("."))

    def __call__(self, *positional: Any, **arguments: Any) -> Any:
        return self._generation.call(self._server, self._key, self._path, positional, arguments)


def _mark(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$at": value.isoformat()}
    if isinstance(value, SimpleNamespace):
        return {"$like": vars(value)}
    return str(value)


def _opened(value: Any) -> Any:
    if isinstance(value, list):
        return [_opened(item) for item in value]
    if isinstance(value, dict):
        return SimpleNamespace(**{key: _opened(item) for key, item in value.items()})
    return value
