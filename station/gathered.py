"""What a phase prints, gathered into one entry of the log, where its framework shows it so."""

from __future__ import annotations

from collections import deque

_MOST = 10_000  # characters kept of the beginning, and as many of the end


class Gathered:
    """The lines of one phase. Of very many the first and the last are kept, and the others counted."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._last: deque[str] = deque()
        self._room = self._last_room = _MOST
        self._left_out = 0

    def add(self, line: str) -> None:
        """One more line."""
        size = len(line) + 1
        if not self._last and size <= self._room:
            self._first.append(line)
            self._room -= size
            return
        self._last.append(line)
        self._last_room -= size
        while self._last_room < 0 and len(self._last) > 1:
            self._last_room += len(self._last.popleft()) + 1
            self._left_out += 1

    @property
    def text(self) -> str:
        """All of it, with a note in the place of what was left out."""
        note = [f"… {self._left_out} lines are left out here …"] if self._left_out else []
        return "\n".join([*self._first, *note, *self._last])
