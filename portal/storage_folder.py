"""Attachments in a folder on this machine's disk."""

from __future__ import annotations

import errno
import os
from datetime import datetime
from pathlib import Path
from typing import IO

from portal.errors import StorageFull
from portal.storage import PIECE, Opened, Readable

DRAFTS = "drafts"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk, quota, or what the system lets one file grow to


class FolderStore:
    """Files in a folder, two letters deep. A file appears under its name only when it is whole, and on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, draft: str, stream: Readable) -> None:
        """See `BlobStore`."""
        path = self._draft(draft)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                while piece := stream.read(PIECE):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise StorageFull from error
            raise

    def keep(self, draft: str, name: str) -> None:
        """See `BlobStore`."""
        target = self._place(name)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._draft(draft).replace(target)
        _flush_folder(target.parent)

    def drop(self, draft: str) -> None:
        """See `BlobStore`."""
        self._draft(draft).unlink(missing_ok=True)

    def open(self, name: str, start: int, length: int) -> Opened:
        """See `BlobStore`."""
        file = self._place(name).open("rb")
        file.seek(start)
        return _Slice(file, length)

    def delete(self, name: str) -> None:
        """See `BlobStore`."""
        self._place(name).unlink(missing_ok=True)

    def sweep(self, before: datetime) -> None:
        """See `BlobStore`."""
        for path in (self._folder / DRAFTS).glob("*"):
            if path.stat().st_mtime < before.timestamp():
                path.unlink(missing_ok=True)

    def check(self) -> None:
        """See `BlobStore`: the data directory was made when the settings were read."""

    def _draft(self, draft: str) -> Path:
        return self._folder / DRAFTS / draft

    def _place(self, name: str) -> Path:
        # The end of an id, not its beginning: that is its time, and would put all new files into one folder.
        return self._folder / name[-2:] / name


class _Slice:
    """A file from where it stands, at most so many bytes."""

    def __init__(self, file: IO[bytes], length: int) -> None:
        self._file, self._rest = file, length

    def read(self, size: int = -1, /) -> bytes:
        piece = self._file.read(self._rest if size < 0 else min(size, self._rest))
        self._rest -= len(piece)
        return piece

    def close(self) -> None:
        self._file.close()


def _flush_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    if os.name == "posix":  # Windows cannot open folders, and needs no such call
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
