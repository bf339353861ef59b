"""What becomes of a process whose parent has died."""

from __future__ import annotations

import sys


def die_with_parent(signal_number: int) -> None:
    """On Linux: let this process get the signal when the thread that started it ends."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(1, signal_number)  # PR_SET_PDEATHSIG
