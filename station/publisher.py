"""The one writer of a link: answers and news first, then the journal, then silence until there is more.

The journal is the buffer. An engine that emits an event only sets a flag here, so a slow or dead link never holds up a
run, and nothing is kept in memory for a portal that does not read: the writer goes on in the file where it was.
Only the current (or the last) execution is streamed. An older one is history, and its uploaded record is the truth.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from station.journal import Journal
from station.protocol import HEARTBEAT_S, AnyRunEvent, Goodbye, Model, fit, write

BATCH = 50  # events between two looks at answers and heartbeat
MOST_QUEUED = 1000  # answers that the portal does not take; its commands come one by one


class Publisher:
    """Writes one link from its own thread. Made anew for each connection.

    ``send`` raises when the link is gone, which ends `run`; ``journal`` gives the current journal, ``beat`` what is
    due every ``beat_every_s``.
    """

    def __init__(
        self,
        send: Callable[[str], None],
        journal: Callable[[], Journal | None],
        beat: Callable[[], Sequence[Model]],
        beat_every_s: float = HEARTBEAT_S,
    ) -> None:
        self._send = send
        self._current_journal = journal
        self._beat = beat
        self._beat_every_s = beat_every_s
        self._lock = threading.Lock()
        self._queue: deque[Model] = deque()
        self._streamed: Journal | None = None
        self._after_seq = -1
        self._goodbye: Goodbye | None = None
        self._is_cut = False
        self._woken = threading.Event()

    def begin(self, journal: Journal | None, after_seq: int) -> None:
        """Stream this journal from the event after ``after_seq`` on; before `run`."""
        self._streamed = journal
        self._after_seq = after_seq

    def rewind(self, execution_id: str, after_seq: int) -> bool:
        """Stream the execution again from there. False when it is not the one that is streamed."""
        with self._lock:
            if self._streamed is None or self._streamed.execution_id != execution_id:
                return False
            self._after_seq = after_seq
        self._woken.set()
        return True

    def say(self, message: Model) -> bool:
        """Queue a message that is not of the journal. False when the portal takes none of them any more."""
        with self._lock:
            if len(self._queue) >= MOST_QUEUED:
                return False
            self._queue.append(message)
        self._woken.set()
        return True

    def wake(self) -> None:
        """The journal has grown. Never waits."""
        self._woken.set()

    def leave(self, goodbye: Goodbye) -> None:
        """End `run` when everything has been said, the goodbye last."""
        self._goodbye = goodbye
        self._woken.set()

    def cut(self) -> None:
        """End `run` without another word."""
        self._is_cut = True
        self._woken.set()

    def run(self) -> None:
        """Write until `leave` or `cut`. Raises what ``send`` raises."""
        next_beat_at = time.monotonic()  # the first one at once: the portal wants to know the load of who came
        while not self._is_cut:
            if time.monotonic() >= next_beat_at:
                next_beat_at = time.monotonic() + self._beat_every_s
                self._say_all(self._beat())
            is_last_round = self._goodbye is not None  # asked before the rest is sent, so that all of it is
            self._say_all(self._take_queue())
            if self._stream():
                continue
            if is_last_round and self._goodbye is not None:
                self._send(write(self._goodbye))
                return
            self._woken.wait(max(0.0, next_beat_at - time.monotonic()))
            self._woken.clear()

    def _say_all(self, messages: Sequence[Model]) -> None:
        for message in messages:
            self._send(write(message))

    def _take_queue(self) -> list[Model]:
        with self._lock:
            taken = list(self._queue)
            self._queue.clear()
        return taken

    def _stream(self) -> bool:
        """Send the next events. False when there is none."""
        with self._lock:
            journal, after_seq = self._streamed, self._after_seq
        events = [] if journal is None else list(islice(journal.read_after(after_seq), BATCH))
        for event in events:
            self._send(write(fit(event)))
            if not self._note_sent(event):
                return True  # a rewind came between: go on from there
        return bool(events) or self._turn_to_newest(journal)

    def _note_sent(self, event: AnyRunEvent) -> bool:
        with self._lock:
            if self._after_seq != event.seq - 1:
                return False
            self._after_seq = event.seq
            return True

    def _turn_to_newest(self, streamed: Journal | None) -> bool:
        newest = self._current_journal()
        if newest is None or (streamed is not None and newest.execution_id == streamed.execution_id):
            return False
        with self._lock:
            self._streamed, self._after_seq = newest, -1
        return True
