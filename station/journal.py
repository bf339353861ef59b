"""The journal of an execution: every event, in a file, before anyone else sees it.

One JSON object per line. Events are numbered from 0 without holes, so line n holds the event with ``seq`` n and a
reader finds its place by counting lines. An event is written before `Journal.append` returns, which a crash of this
program survives; it is forced to the disk (fsync) at phase boundaries, which a power cut survives: that loses at most
the running phase. A power cut may leave a torn last line: readers stop before it, and `JournalShelf.open` cuts it off.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from station.protocol import (
    AnyRunEvent,
    IdentifyResolved,
    PhaseComplete,
    RunComplete,
    RunStarting,
    RunStopping,
    Unreadable,
    read_run_event,
    write,
)

_DURABLE = (RunStarting, IdentifyResolved, PhaseComplete, RunStopping, RunComplete)
_MARK_EVERY = 128  # lines between two remembered offsets: memory stays small, a reader skips at most this many
_TAIL_BYTES = 65_536  # holds the last line of a complete journal many times over
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Journal:
    """The events of one execution. Appending is for one thread at a time, reading for any."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.execution_id = path.stem
        self.is_complete = False
        self.last_seq = -1
        self._offsets: list[int] = [0]
        self._size = 0
        self._lock = Lock()
        self._fd: int | None = None

    def append(self, event: AnyRunEvent) -> None:
        """Write the next event. Raises ValueError when it is not the next one, OSError when the disk refuses."""
        with self._lock:
            if event.seq != self.last_seq + 1 or self.is_complete:
                raise ValueError(f"event {event.seq} cannot follow {self.last_seq} in the journal {self.path.name}")
            fd = self._open_for_writing()
            line = write(event).encode() + b"\n"
            try:
                _write_all(fd, line)
            except OSError:
                os.ftruncate(fd, self._size)  # a full disk took half of it: the next event must begin a line
                raise
            self._count(event.seq, len(line))
            self.is_complete = isinstance(event, RunComplete)
            if isinstance(event, _DURABLE):
                os.fsync(fd)

    def read_after(self, seq: int) -> Iterator[AnyRunEvent]:
        """The events after ``seq`` (-1: all) that are there when the reading begins, oldest first."""
        with self._lock:
            last = self.last_seq
            mark = min(max(seq + 1, 0) // _MARK_EVERY, len(self._offsets) - 1)
            offset = self._offsets[mark]
        if seq >= last:
            return
        with self.path.open("rb") as lines:
            lines.seek(offset)
            for number in range(mark * _MARK_EVERY, last + 1):
                line = lines.readline()
                if number > seq:
                    yield read_run_event(line)

    def close(self) -> None:
        """Give the file back. The journal can still be read."""
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None

    def load(self) -> None:
        """Learn from the file how far the execution came, and cut off what a power cut left half written."""
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines):
                event = _event(line)
                if event is None or event.seq != number:
                    break
                self._count(number, len(line))
                self.is_complete = isinstance(event, RunComplete)
        if self.path.stat().st_size > self._size:
            os.truncate(self.path, self._size)

    def _count(self, seq: int, size: int) -> None:
        self.last_seq = seq
        self._size += size
        if (seq + 1) % _MARK_EVERY == 0:
            self._offsets.append(self._size)

    def _open_for_writing(self) -> int:
        if self._fd is None:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._fd


class JournalShelf:
    """The journals of one station. Keeps the newest ``keep`` complete ones."""

    def __init__(self, folder: Path, keep: int = 200) -> None:
        self.folder = folder
        self._keep = keep

    def create(self, execution_id: str) -> Journal:
        """An empty journal for a new execution. Raises FileExistsError when there is one."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(execution_id)
        path.touch(mode=0o600, exist_ok=False)
        _sync_folder(self.folder)
        return Journal(path)

    def open(self, execution_id: str) -> Journal:
        """The journal of an execution. Raises FileNotFoundError when there is none (any more)."""
        path = self._path(execution_id)
        if not path.is_file():
            raise FileNotFoundError(f"there is no journal of the execution {execution_id}")
        journal = Journal(path)
        journal.load()
        return journal

    def unfinished(self) -> list[Journal]:
        """The journals without an end, oldest first: what a crash or a power cut left."""
        return [self.open(path.stem) for path in self._paths() if not _ends_with_run_complete(path)]

    def latest(self) -> Journal | None:
        """The journal written last, None when there is none."""
        paths = self._paths()
        return self.open(paths[-1].stem) if paths else None

    def prune(self) -> None:
        """Remove the oldest complete journals above the number to keep."""
        complete = [path for path in self._paths() if _ends_with_run_complete(path)]
        for path in complete[: max(0, len(complete) - self._keep)]:
            path.unlink(missing_ok=True)

    def _path(self, execution_id: str) -> Path:
        if not _NAME.fullmatch(execution_id):
            raise FileNotFoundError(f"{execution_id!r} is not the id of an execution")
        return self.folder / f"{execution_id}.jsonl"

    def _paths(self) -> list[Path]:
        """Oldest first."""
        times = {}
        for path in self.folder.glob("*.jsonl"):
            try:
                times[path] = path.stat().st_mtime_ns
            except FileNotFoundError:  # pruned by another thread just now
                continue
        return sorted(times, key=lambda path: (times[path], path.name))


def _event(line: bytes) -> AnyRunEvent | None:
    """The event of a whole, readable line."""
    if not line.endswith(b"\n"):
        return None
    try:
        return read_run_event(line)
    except Unreadable:
        return None


def _ends_with_run_complete(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            tail = file.read()
    except FileNotFoundError:
        return True
    lines = tail.split(b"\n")
    event = _event(lines[-2] + b"\n") if len(lines) > 1 and not lines[-1] else None
    return isinstance(event, RunComplete)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file survive a power cut, not only its content."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
