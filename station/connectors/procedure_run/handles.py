"""What a phase gets by the names of its parameters, besides measurements and plugs."""

from __future__ import annotations

import inspect
import logging
import mimetypes
import re
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..common.reasons import own_file
from .given import Metadata

_UNIT_FIELDS = ("serial_number", "part_number", "revision_number", "batch_number")


class Outcome(Exception):
    """How the phase ends, said by itself. ``kind``: fail, skip, retry or stop."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message or kind)
        self.kind = kind
        self.message = message


class PhaseHandle:
    """``phase``: each of its methods ends the phase at once."""

    def fail(self, message: str = "") -> None:
        """The unit is bad."""
        raise Outcome("fail", str(message))

    def skip(self, message: str = "") -> None:
        """Nothing to test here."""
        raise Outcome("skip", str(message))

    def retry(self, message: str = "") -> None:
        """Once more, as often as the phase allows."""
        raise Outcome("retry", str(message))

    def stop(self, message: str = "") -> None:
        """End the test; teardown is executed."""
        raise Outcome("stop", str(message))


class Log:
    """``log``: lines of the run's log."""

    def __init__(self, wire: Any, place: dict[str, Any], folder: str) -> None:
        self._wire, self._place, self._folder = wire, place, folder

    def debug(self, message: Any, *values: Any) -> None:
        """For who looks closely."""
        self._write("DEBUG", message, values)

    def info(self, message: Any, *values: Any) -> None:
        """For everybody."""
        self._write("INFO", message, values)

    def warning(self, message: Any, *values: Any) -> None:
        """Something is odd."""
        self._write("WARNING", message, values)

    def error(self, message: Any, *values: Any) -> None:
        """Something is wrong."""
        self._write("ERROR", message, values)

    def _write(self, level: str, message: Any, values: tuple[Any, ...]) -> None:
        text = str(message) % values if values else str(message)
        frame = inspect.currentframe()
        caller = frame.f_back.f_back if frame and frame.f_back else None
        source = {}
        if caller is not None:
            own = own_file(caller.f_code.co_filename, self._folder)
            source = {"file": own, "line": caller.f_lineno} if own else {}
        self._wire.emit("log", **self._place, level=level, message=text, **source)


class LogBridge(logging.Handler):
    """The standard library's logging, from INFO on."""

    def __init__(self, wire: Any, place: dict[str, Any], folder: str) -> None:
        super().__init__(logging.INFO)
        self._wire, self._place, self._folder = wire, place, folder

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the station."""
        known = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
        level = record.levelname if record.levelname in known else "INFO"
        own = own_file(record.pathname, self._folder)
        source = {"file": own, "line": record.lineno} if own else {}
        try:
            text = record.getMessage()
        except Exception as error:  # noqa: BLE001 - a user's arguments do not fit a user's text
            text = f"{record.msg} ({type(error).__name__}: {error})"
        self._wire.emit("log", **self._place, level=level, message=text, **source)


class Screen:
    """``ui``: setting ``ui.<component>`` changes what the operator sees."""

    _keys: frozenset[str]
    _tell: Callable[[str, Any], None]

    def __init__(self, keys: list[str], tell: Callable[[str, Any], None]) -> None:
        self.__dict__.update(_keys=frozenset(keys), _tell=tell)

    def __setattr__(self, key: str, value: Any) -> None:
        if key not in self._keys:
            raise AttributeError(f"this phase shows no component “{key}”: {', '.join(sorted(self._keys)) or 'none'}")
        self._tell(key, value)


class UnitHandle:
    """``unit``: who is tested. What is written is told at once."""

    def __init__(self, unit: dict[str, Any], metadata: Metadata, tell: Callable[[dict[str, Any]], None]) -> None:
        values = {name: unit.get(name) for name in _UNIT_FIELDS}
        self.__dict__.update(_values=values, _metadata=metadata, _tell=tell)
        self.__dict__["sub_units"] = SubUnits(unit.get("sub_units") or {}, tell)

    @property
    def metadata(self) -> Metadata:
        """Facts about the unit."""
        return self._metadata  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        if name in _UNIT_FIELDS:
            return self._values[name]
        raise AttributeError(f"a unit has no “{name}”: {', '.join(_UNIT_FIELDS)}, sub_units, metadata")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "metadata":
            self._metadata.replace(value)
        elif name in _UNIT_FIELDS:
            self._values[name] = str(value)
            self._tell({name: str(value)})
        else:
            raise AttributeError(f"a unit has no “{name}”: {', '.join(_UNIT_FIELDS)}, metadata can be set")


class SubUnits(dict):  # type: ignore[type-arg]
    """Serial numbers by key."""

    def __init__(self, known: dict[str, str], tell: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(known)
        self._tell = tell

    def __setitem__(self, key: str, serial: Any) -> None:
        super().__setitem__(key, str(serial))
        self._tell({"sub_units": {key: str(serial)}})


class Run:
    """``run``: the execution."""

    def __init__(self, run: dict[str, Any], metadata: Metadata) -> None:
        self.slot_id = run["slot_id"]
        self.job_id = run["job_id"]
        self.retry_count = run["retry_count"]
        self.retry_limit = run["retry_limit"]
        self._metadata = metadata

    @property
    def metadata(self) -> Metadata:
        """Facts about the run."""
        return self._metadata

    @metadata.setter
    def metadata(self, values: Any) -> None:
        self._metadata.replace(values)


class Attach:
    """``attach``: files of the run."""

    def __init__(self, wire: Any, place: dict[str, Any], folder: str, attachments: str) -> None:
        self._wire, self._place, self._folder, self._attachments = wire, place, folder, attachments

    def file(self, path: Any, name: str | None = None) -> None:
        """A file, as it is now."""
        source = Path(self._folder, path)
        target = self._target(name or source.name)
        shutil.copyfile(source, target)
        self._tell(name or source.name, target)

    def data(self, data: Any, name: str) -> None:
        """Bytes, or a text."""
        target = self._target(name)
        target.write_bytes(data.encode() if isinstance(data, str) else bytes(data))
        self._tell(name, target)

    def _target(self, name: str) -> Path:
        safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".")[-100:] or "attachment"
        return Path(self._attachments, f"{uuid.uuid4().hex[:8]}-{safe}")

    def _tell(self, name: str, path: Path) -> None:
        mimetype = mimetypes.guess_type(name)[0] or "application/octet-stream"
        size_bytes = path.stat().st_size
        self._wire.emit(
            "attachment", **self._place, name=name, path=str(path), mimetype=mimetype, size_bytes=size_bytes
        )


class Results:
    """What an earlier phase left: read only."""

    def __init__(self, key: str, results: dict[str, Any]) -> None:
        self.key = key
        self.outcome = results["outcome"]
        self.duration_ms = results["duration_ms"]
        self.measurements = MeasuredBefore(key, results["measurements"])


class MeasuredBefore:
    """Values by name."""

    def __init__(self, phase: str, values: dict[str, Any]) -> None:
        self.__dict__.update(_phase=phase, _values=values)

    def __getattr__(self, name: str) -> Any:
        if name not in self._values:
            raise AttributeError(f"the phase “{self._phase}” measured no “{name}”")
        return self._values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("what an earlier phase measured cannot be changed")
