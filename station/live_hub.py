"""Who watches what: topics, and the frames that go to all of a topic's watchers.

A frame is encoded once for all. Joining sends the whole current state and subscribes in one step, so that no change
falls between the two. In one process; the same two calls over Redis serve several.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from station.live_socket import LiveSocket, text_frame


@dataclass(frozen=True)
class Change:
    """One piece of a page to put in place of another: ``content`` goes to the element(s) that ``target`` selects."""

    target: str
    content: str
    swap: str = "outerMorph"


@dataclass
class _Topic:
    lock: threading.Lock = field(default_factory=threading.Lock)
    watchers: set[LiveSocket] = field(default_factory=set)
    seq: int = 0


class Hub:
    """The topics of one portal."""

    def __init__(self) -> None:
        self._topics: defaultdict[str, _Topic] = defaultdict(_Topic)
        self._lock = threading.Lock()

    def join(self, topic: str, sock: LiveSocket, snapshot: Callable[[], Iterable[Change]]) -> None:
        """Send the whole current state, and from then on every change."""
        known = self._topic(topic)
        with known.lock:
            for change in snapshot():
                sock.send_frame(_encode(known.seq, change))
            known.watchers.add(sock)

    def leave(self, topic: str, sock: LiveSocket) -> None:
        """Send nothing more of this topic."""
        known = self._topic(topic)
        with known.lock:
            known.watchers.discard(sock)

    def publish(
        self, topic: str, make: Callable[[], Iterable[Change]], apply: Callable[[], None] | None = None
    ) -> None:
        """Send changes to all watchers. ``make`` is only called when somebody watches.

        ``apply`` makes the change itself. It runs under the topic's lock, so that who joins at this moment gets either
        the state before and the change, or the state after it, and never both the state after and the change.
        """
        known = self._topic(topic)
        with known.lock:
            if apply is not None:
                apply()
            if not known.watchers:
                return
            for change in make():
                known.seq += 1
                frame = _encode(known.seq, change)
                for sock in [sock for sock in known.watchers if not sock.send_frame(frame)]:
                    known.watchers.discard(sock)

    def watcher_count(self, topic: str) -> int:
        """How many sockets watch the topic."""
        known = self._topic(topic)
        with known.lock:
            return len(known.watchers)

    def _topic(self, name: str) -> _Topic:
        with self._lock:
            return self._topics[name]


def _encode(seq: int, change: Change) -> bytes:
    envelope = {"seq": seq, "target": change.target, "swap": change.swap, "content": change.content}
    return text_frame(json.dumps(envelope, ensure_ascii=False, separators=(",", ":")))
