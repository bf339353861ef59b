"""What all reports say of their unit, brought into the form that records have."""

from __future__ import annotations

import re
from typing import Any

from portal.services.imports.drafts import text
from portal.services.metadata import LONGEST_TEXT

_NOT_BATCH = re.compile(r"[^A-Za-z0-9_-]+")
MOST_FACTS = 45  # of the 50 that metadata may have, so that ours fit beside them


def batch_number(given: object) -> str | None:
    """A lot's name as a batch number, which has letters, digits, ``_`` and ``-`` only."""
    found = text(given)
    return _NOT_BATCH.sub("-", found)[:100] if found is not None else None


def facts(**given: Any) -> dict[str, Any]:
    """Metadata of what is known. Keys are ours, so they are good."""
    found = {key: text(value, LONGEST_TEXT) if isinstance(value, str) else value for key, value in given.items()}
    return {key: value for key, value in list(found.items())[:MOST_FACTS] if value is not None}


def file_stem(path: str | None) -> str | None:
    """A file's own name without its folders and its ending; None for none."""
    own = (path or "").replace("\\", "/").rpartition("/")[2]
    stem = own.rpartition(".")[0] or own
    return stem.strip() or None
