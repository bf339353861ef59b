"""The bench's time: real, real but faster, or moved by hand in tests."""

from __future__ import annotations

import math
import threading
import time
from typing import Protocol

LONGEST_NAP_S = 0.02  # so that a device clear from another thread is noticed


class Clock(Protocol):
    """Seconds since the bench was opened."""

    def now(self) -> float:
        """Bench time in seconds."""

    def wait_until(self, at: float, within_s: float) -> bool:
        """Let time pass towards bench time ``at``, for at most ``within_s`` seconds of the program's own time.

        Returns True when it is reached. May return False earlier than that, so that the caller looks again.
        """


class RealClock:
    """Bench time runs with the monotonic clock, ``speed`` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._started_at = time.monotonic()

    def now(self) -> float:
        """See `Clock`."""
        return (time.monotonic() - self._started_at) * self._speed

    def wait_until(self, at: float, within_s: float) -> bool:
        """See `Clock`."""
        rest_s = (at - self.now()) / self._speed
        if rest_s > 0:
            time.sleep(max(0.0, min(rest_s, within_s, LONGEST_NAP_S)))
        return self.now() >= at


class ManualClock:
    """Bench time stands still until it is moved, or until somebody waits for an answer: then it jumps there."""

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """See `Clock`."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._now += seconds

    def wait_until(self, at: float, within_s: float) -> bool:
        """See `Clock`. Never takes real time."""
        with self._lock:
            target = min(at, self._now + within_s) if math.isfinite(within_s) else at
            if math.isfinite(target):
                self._now = max(self._now, target)
            return self._now >= at
