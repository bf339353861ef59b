"""One seed for a whole bench, and independent streams of chance for its parts.

A stream depends on nothing but the seed and its names, so a new part never changes the numbers of the others.
"""

from __future__ import annotations

import hashlib
import random


class Seed:
    """The bench's seed; any text or number."""

    def __init__(self, value: str | int) -> None:
        self.value = str(value)

    def stream(self, *names: str) -> random.Random:
        """A generator for one purpose, such as ``stream("instrument", "dmm")``."""
        digest = hashlib.sha256("\x1f".join((self.value, *names)).encode()).digest()
        return random.Random(int.from_bytes(digest[:16], "big"))  # noqa: S311 - noise, not secrets
