"""A secret on its way from the request that made it to the page that shows it once.

It is handed over in memory and dropped when shown: it is in no cookie, no address and no cache.
"""

from __future__ import annotations

import threading
import time
from typing import Generic, TypeVar

T = TypeVar("T")

HAND_OVER_S = 60.0  # the browser follows a redirect within a second; a page nobody fetched must not keep the secret


class HandOver(Generic[T]):
    """Secrets by person and by what they are for."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[float, T]] = {}
        self._lock = threading.Lock()

    def put(self, key: tuple[str, str], secret: T) -> None:
        """Keep a secret for the next page, and drop those that were never fetched."""
        now = time.monotonic()
        with self._lock:
            self._kept = {at: kept for at, kept in self._kept.items() if now - kept[0] < HAND_OVER_S}
            self._kept[key] = (now, secret)

    def take(self, key: tuple[str, str]) -> T | None:
        """The secret, once; None when there is none, or it waited for too long."""
        with self._lock:
            found = self._kept.pop(key, None)
        return found[1] if found is not None and time.monotonic() - found[0] < HAND_OVER_S else None
