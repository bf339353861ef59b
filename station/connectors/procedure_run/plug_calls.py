"""Calls from a phase to a plug, which lives in a process of its own. Any value that can be pickled goes through."""

from __future__ import annotations

import pickle
import threading
from multiprocessing.connection import Client
from typing import Any


class PlugFailed(RuntimeError):
    """The plug raised something that this process does not know."""


class PlugHandle:
    """A plug as a phase sees it: attributes and methods, positional and keyword arguments."""

    def __init__(self, key: str, access: dict[str, Any]) -> None:
        self.__dict__.update(_key=key, _access=access, _connection=None, _lock=threading.Lock())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        is_method, value = self._ask("get", name)
        return PlugMethod(self, name) if is_method else value

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", name, value)

    def _ask(self, *request: Any) -> Any:
        with self._lock:
            if self._connection is None:
                self.__dict__["_connection"] = Client(
                    self._access["address"], authkey=bytes.fromhex(self._access["authkey"])
                )
            try:
                self._connection.send_bytes(pickle.dumps(request))
                reply = pickle.loads(self._connection.recv_bytes())  # noqa: S301 - from the plug that we started
            except (EOFError, OSError) as error:
                raise PlugFailed(f"The plug {self._key} has died.") from error
        if reply["is_ok"]:
            return pickle.loads(reply["value"])  # noqa: S301
        raise _raised(self._key, reply)


class PlugMethod:
    """A method of a plug."""

    def __init__(self, plug: PlugHandle, name: str) -> None:
        self._plug, self._name = plug, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there; what it raises there is raised here."""
        return self._plug._ask("call", self._name, args, kwargs)


def _raised(key: str, reply: dict[str, Any]) -> BaseException:
    """What the plug raised, with the plug's own traceback as its cause."""
    cause = PlugFailed(f"In the plug {key}:\n{reply['traceback']}")
    try:
        error = pickle.loads(reply["error"])  # noqa: S301
    except Exception:  # noqa: BLE001 - a class that only the plug's process knows
        error = PlugFailed(f"{key}: {reply['words']}")
    error.__cause__ = cause
    return error  # type: ignore[no-any-return]
