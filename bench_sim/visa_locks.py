"""VISA locks of a bench's resources. Source: VPP-4.3, 3.6 (locking mechanism)."""

from __future__ import annotations

import threading
import time

from pyvisa.constants import StatusCode

POLL_S = 0.01


class Locks:
    """VISA locks: per resource one exclusive holder, or sharers of one key. Held by sessions, nested by count."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: dict[str, tuple[str | None, dict[int, int]]] = {}  # resource → key, session → depth

    def acquire(self, resource: str, session: int, key: str | None, timeout_s: float) -> StatusCode:
        """``key`` None: exclusive. Waits until the lock is free; error_resource_locked when it stays taken."""
        deadline = time.monotonic() + timeout_s
        while True:
            with self._guard:
                held_key, holders = self._held.get(resource, (key, {}))
                if not holders or set(holders) == {session} or (key is not None and key == held_key):
                    holders[session] = holders.get(session, 0) + 1
                    self._held[resource] = (held_key if holders[session] > 1 else key, holders)
                    return StatusCode.success if holders[session] == 1 else StatusCode.success_nested_exclusive
            if time.monotonic() >= deadline:
                return StatusCode.error_resource_locked
            time.sleep(POLL_S)

    def release(self, resource: str, session: int, *, all_of_it: bool = False) -> StatusCode:
        """Give one level back; or all, when the session closes."""
        with self._guard:
            _, holders = self._held.get(resource, (None, {}))
            if session not in holders:
                return StatusCode.error_session_not_locked
            holders[session] -= 1
            if all_of_it or holders[session] == 0:
                del holders[session]
            return StatusCode.success

    def allows(self, resource: str, session: int) -> bool:
        """True unless another session holds the resource."""
        with self._guard:
            _, holders = self._held.get(resource, (None, {}))
            return not holders or session in holders
