"""The clock of one execution: real time, as it was at the start, moved on by the monotonic clock.

A clock that is set during a run (by a time server, by hand) must not make a phase last minus two seconds. The
monotonic clock is the machine's own, so instants read in the procedure's process fit as well.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class RunClock:
    """Turns monotonic seconds into UTC."""

    def __init__(self) -> None:
        self._anchor = datetime.now(UTC)
        self._anchor_s = time.monotonic()

    def at(self, monotonic_s: float) -> datetime:
        """The instant at which the machine's monotonic clock showed ``monotonic_s``."""
        return self._anchor + timedelta(seconds=monotonic_s - self._anchor_s)

    def now(self) -> datetime:
        """This instant."""
        return self.at(time.monotonic())
