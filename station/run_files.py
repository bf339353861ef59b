"""The files of an execution: its folder under ``runs/``, and proof of what is in a file."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

HASH_CHUNK = 1024 * 1024


def delete_files(runs: Path, execution_id: str) -> None:
    """Delete the folder of one execution, if it is one: an id is never a path."""
    folder = runs / execution_id
    if folder.parent == runs and execution_id not in ("", ".", ".."):
        shutil.rmtree(folder, ignore_errors=True)


def fingerprint(path: Path) -> tuple[str, int]:
    """SHA-256 (hex) and size of a file whose bytes are on the disk when this returns. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        os.fsync(file.fileno())
        while chunk := file.read(HASH_CHUNK):
            digest.update(chunk)
        return digest.hexdigest(), file.tell()
