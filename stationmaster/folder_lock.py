"""One program at a time in a folder: a lock that the kernel frees however the program ends.

POSIX only (``flock``). A process that is forked holds the lock as well, until it ends too.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType


class Held(Exception):
    """Another program holds the lock. ``holder``: its process number, or "unknown"."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"held by process {holder}")
        self.holder = holder


def find_holder(path: Path) -> str | None:
    """The process that holds the lock, or "unknown"; None when nobody does. Raises OSError.

    To look, the lock is held for a moment: who wants to have it must be ready to try twice.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
    finally:
        os.close(descriptor)
    return None


class FolderLock:
    """Held from `acquire` to `release`, or to the end of a ``with`` around what `acquire` returned."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def acquire(self) -> FolderLock:
        """Take it. Raises `Held`; OSError when the file cannot be written."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise Held(holder) from error
        os.ftruncate(descriptor, 0)
        with contextlib.suppress(OSError):  # a full disk: the lock holds, only its holder's number is not known
            os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        self._descriptor = descriptor
        return self

    def release(self) -> None:
        """Let others in."""
        os.close(self._descriptor)  # the file stays: deleting it would let two programs lock two different files

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()
