"""What the program tells the service manager that started it: systemd's notification protocol, without its library.

One datagram a message, to the socket that NOTIFY_SOCKET names; a name that begins with @ is in the abstract namespace.
Without a manager that listens, everything here does nothing. Source: sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import MutableMapping

_BEATS_IN_TIME = 3  # messages in each period that the manager waits: two may come late


class ServiceNotifier:
    """Speaks to one service manager. ``beat_s``: how often `beat` is to be called; None: nobody waits for it."""

    def __init__(self, address: str | None, beat_s: float | None = None) -> None:
        self._address = None if address is None else "\0" + address[1:] if address.startswith("@") else address
        self.beat_s = beat_s

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> ServiceNotifier:
        """What the manager has set, taken out of the environment: a test's process is not to speak for the program."""
        address = environment.pop("NOTIFY_SOCKET", None)
        period_us = environment.pop("WATCHDOG_USEC", "")
        for_whom = environment.pop("WATCHDOG_PID", "")
        is_ours = for_whom in ("", str(os.getpid()))
        beat_s = int(period_us) / 1e6 / _BEATS_IN_TIME if is_ours and period_us.isdecimal() and int(period_us) else None
        return cls(address, beat_s if address else None)

    def ready(self) -> None:
        """The program has started."""
        self._send("READY=1")

    def beat(self, status: str) -> None:
        """The program works: its main loop has come round. ``status``: one line for people."""
        self._send(f"WATCHDOG=1\nSTATUS={' '.join(status.split())}")

    def stopping(self) -> None:
        """The program is ending, by its own will or because it was told to."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        # A manager that cannot be reached, or is behind, is no reason to stop testing.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
            to.setblocking(False)
            to.sendto(message.encode(), self._address)
