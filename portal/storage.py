"""Where the bytes of attachments are: one small interface, and the folder on disk that is its default."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from portal.errors import StorageFull, TooLarge

PIECE = 1024 * 1024
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk, quota, or what the system lets one file grow to


@dataclass(frozen=True)
class Blob:
    """What was written. ``head``: the first bytes, to tell what it is."""

    size_bytes: int
    sha256: str
    head: bytes


class Readable(Protocol):
    """Where bytes come from."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most ``size``; empty at the end."""


class BlobStore(Protocol):
    """Keeps bytes under a name. Names are ids of ours, never what somebody sent."""

    def put(self, name: str, stream: Readable, most_bytes: int) -> Blob:
        """Write all of the stream, or nothing. Raises `TooLarge`; `StorageFull`."""

    def path(self, name: str) -> Path:
        """A file with the bytes. Raises FileNotFoundError."""

    def delete(self, name: str) -> None:
        """Remove the bytes; nothing happens when there are none."""


class FolderStore:
    """Files in a folder, two letters deep. A file appears under its name only when it is whole, and on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, stream: Readable, most_bytes: int) -> Blob:
        """See `BlobStore`."""
        try:
            return self._put(self._place(name), stream, most_bytes)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise StorageFull from error
            raise

    def path(self, name: str) -> Path:
        """See `BlobStore`."""
        place = self._place(name)
        if not place.is_file():
            raise FileNotFoundError(name)
        return place

    def delete(self, name: str) -> None:
        """See `BlobStore`."""
        self._place(name).unlink(missing_ok=True)

    def _put(self, target: Path, stream: Readable, most_bytes: int) -> Blob:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".part-", delete=False) as file:
            try:
                blob = _copy(stream, file, most_bytes)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(target)
                _flush_folder(target.parent)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        return blob

    def _place(self, name: str) -> Path:
        # The end of an id, not its beginning: that is its time, and would put all new files into one folder.
        return self._folder / name[-2:] / name


def _flush_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    if os.name == "posix":  # Windows cannot open folders, and needs no such call
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _copy(stream: Readable, file: IO[bytes], most_bytes: int) -> Blob:
    digest, size, head = hashlib.sha256(), 0, b""
    while piece := stream.read(PIECE):
        size += len(piece)
        if size > most_bytes:
            raise TooLarge(f"The file is larger than the {most_bytes} bytes that this portal takes. Nothing was kept.")
        head = head or piece[:512]
        digest.update(piece)
        file.write(piece)
    return Blob(size, digest.hexdigest(), head)
