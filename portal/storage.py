"""Where the bytes of attachments are: one small interface, and behind it a folder or S3-compatible storage.

Bytes come in as a draft and get their name once the database knows of them: so an upload that breaks off, or that lost
against another one of the same file, leaves nothing and damages nothing. Drafts that a crash has left are swept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from portal.errors import Invalid, TooLarge
from portal.settings import Settings

PIECE = 1024 * 1024
HEAD = 4096


class Readable(Protocol):
    """Where bytes come from."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most ``size``; empty at the end."""


class Opened(Readable, Protocol):
    """Bytes on their way out."""

    def close(self) -> None:
        """Let go of them, read or not."""


class BlobStore(Protocol):
    """Keeps bytes under a name. Names are ids of ours, never what somebody sent.

    A place that cannot be reached raises `BadGateway`, wherever it is needed.
    """

    def write(self, draft: str, stream: Readable) -> None:
        """Write all of the stream as a draft, or nothing. Raises `StorageFull`."""

    def keep(self, draft: str, name: str) -> None:
        """Give the draft its name, under which it is from then on."""

    def drop(self, draft: str) -> None:
        """Remove a draft; nothing happens when there is none."""

    def open(self, name: str, start: int, length: int) -> Opened:
        """``length`` bytes from ``start`` on. Raises FileNotFoundError."""

    def delete(self, name: str) -> None:
        """Remove the bytes; nothing happens when there are none."""

    def sweep(self, before: datetime) -> None:
        """Remove drafts that are older: what wrote them is gone."""

    def check(self) -> None:
        """Raises `BadGateway` where bytes could not be kept now."""


@dataclass(frozen=True)
class Expected:
    """What the sender said of a file before it came. ``sha256``: in hexadecimal digits."""

    size_bytes: int | None = None
    sha256: str | None = None


class Measured:
    """Passes a stream on and takes note of it: its size, its hash, and its first bytes, to tell what it is.

    Reading raises `TooLarge`, and `Invalid` where the bytes are not the expected ones: before a store has seen the end.
    """

    def __init__(self, stream: Readable, most_bytes: int, expected: Expected) -> None:
        self.size_bytes = 0
        self.head = b""
        self._stream, self._most_bytes, self._expected = stream, most_bytes, expected
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of what was read so far."""
        return self._digest.hexdigest()

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        piece = self._stream.read(size)
        self.size_bytes += len(piece)
        self.head += piece[: HEAD - len(self.head)]
        self._digest.update(piece)
        self._compare(is_end=not piece)
        return piece

    def _compare(self, *, is_end: bool) -> None:
        announced = self._expected
        if self.size_bytes > self._most_bytes:
            raise TooLarge(
                f"The file is larger than the {self._most_bytes} bytes that this portal takes. Nothing was kept."
            )
        if announced.size_bytes is not None and (
            self.size_bytes > announced.size_bytes or (is_end and self.size_bytes != announced.size_bytes)
        ):
            came = self.size_bytes if is_end else "more"
            raise Invalid(f"{announced.size_bytes} bytes were announced, and {came} came. Nothing was kept.", "size")
        if is_end and announced.sha256 not in (None, self.sha256):
            raise Invalid("The bytes do not have the SHA-256 that was announced. Nothing was kept.", "sha256")


def open_store(settings: Settings) -> BlobStore:
    """The place that the settings name. Nothing is contacted yet."""
    # Imported here: each place knows this module's interface, and the S3 one needs a library that not all install.
    from portal.storage_folder import FolderStore
    from portal.storage_s3 import BucketStore

    if settings.s3_bucket is not None:
        return BucketStore(settings)
    return FolderStore(settings.data_dir / "attachments")
