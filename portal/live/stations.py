"""The stations as they are right now: their links, their runs, and what their watchers see of them.

One `LiveStation` for each station that has a link or a watcher. Events are folded once, under the station's lock, and
the pieces of the Operator UI that changed are rendered once and sent to all watchers.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from portal.services.stations import StationFacts
from station.live_hub import Change, Hub
from station.operator_view import OperatorView, Piece, ProcedureChoice, Render, changes, frame, whole
from station.protocol import (
    AnyCommand,
    AnyRunEvent,
    Begin,
    CommandResult,
    Heartbeat,
    LocalProcedures,
    Model,
    ProceduresChanged,
    Progress,
    Resume,
    RunStarting,
    UploadNews,
)
from station.run_state import RunState, fold

COMMAND_LIMIT_S = 2.0
BEGIN_LIMIT_S = 1.5  # the station begins nothing later than this, and has half a second to say that it began


class Link(Protocol):
    """The socket of one enrolled program."""

    @property
    def key_id(self) -> str | None:
        """The API key that it was opened with."""

    def send(self, message: Model) -> bool:
        """Send without waiting; False when the socket is gone."""

    def end(self, code: int, reason: str) -> None:
        """Close it, and say why."""


@dataclass
class _Asked:
    """A command on its way, and the place for its answer."""

    is_answered: threading.Event = field(default_factory=threading.Event)
    result: CommandResult | None = None


@dataclass(frozen=True)
class Vitals:
    """How the station's machine is, as its newest heartbeat says. ``at``: the portal's time.

    ``clock_ahead_s``: its clock against the portal's, the heartbeat's time on its way included. None: not told, or not
    to be believed.
    """

    at: datetime
    cpu_percent: float | None
    memory_used_mb: int | None
    disk_free_mb: int | None
    clock_ahead_s: float | None

    @classmethod
    def of(cls, heartbeat: Heartbeat, at: datetime) -> Vitals:
        """From a heartbeat that came just now."""
        cpu_percent = heartbeat.cpu_percent
        return cls(
            at,
            cpu_percent if cpu_percent is not None and 0 <= cpu_percent <= 100 else None,
            _sane(heartbeat.memory_used_mb),
            _sane(heartbeat.disk_free_mb),
            (heartbeat.sent_at - at).total_seconds() if heartbeat.sent_at is not None else None,
        )


class LiveStation:
    """One station while somebody is linked to it or watches it."""

    def __init__(self, facts: StationFacts, hub: Hub, render: Render) -> None:
        self._hub = hub
        self._render = render
        self._lock = threading.RLock()
        self._link: Link | None = None
        self._clock_ahead_s: float | None = None  # at least so much is the station's clock ahead of ours
        self._asked: dict[str, _Asked] = {}
        self._resume_asked_for: int | None = None
        self._problems: dict[str, str | None] = {}
        self._vitals: Vitals | None = None
        self._view = OperatorView(
            station_id=facts.id,
            station_name=facts.name,
            base_path=f"/stations/{facts.id}/operate",
            is_connected=False,
            last_seen_at=None,
            procedures=(),
            run=None,
        )
        self._facts = facts
        self._view = replace(self._view, procedures=self._choices())

    @property
    def topic(self) -> str:
        """The hub's topic of the Operator UI."""
        return f"operator:{self._facts.id}"

    @property
    def view(self) -> OperatorView:
        """What the Operator UI shows now."""
        return self._view

    @property
    def facts(self) -> StationFacts:
        """What the database said last."""
        return self._facts

    @property
    def is_linked(self) -> bool:
        """Whether a program holds the link."""
        return self._link is not None

    @property
    def vitals(self) -> Vitals | None:
        """How its machine is, or was when it was last connected. Not stored: nobody needs it of last week."""
        return self._vitals

    # ── the link ──

    def attach(self, link: Link, mark_s: float | None = None) -> Link | None:
        """A program has connected. Returns the link that it replaces, which the caller ends: the newest wins."""
        with self._lock:
            replaced, self._link = self._link, link
            self._clock_ahead_s = None
            self._vitals = None  # those of another machine, perhaps
            self.on_mark(mark_s)
            self._show(replace(self._view, is_connected=True))
        return replaced

    def detach(self, link: Link, at: datetime) -> bool:
        """A link has ended. True when it was the current one."""
        with self._lock:
            if self._link is not link:
                return False
            self._link = None
            self._show(replace(self._view, is_connected=False, last_seen_at=at))
            unanswered, self._asked = self._asked, {}
        for asked in unanswered.values():
            asked.is_answered.set()
        return True

    def resume_after(self, progress: Progress | None) -> int:
        """Up to which seq this portal knows the station's execution; -1 when it knows nothing of it.

        A station that knows less than we do lost the end of its journal in a power cut, and numbers anew from there:
        what we saw of the execution is forgotten and told again from its beginning.
        """
        with self._lock:
            run = self._view.run
            if progress is None or run is None or run.execution_id != progress.execution_id:
                return -1
            if run.last_seq > progress.last_seq:
                self._show(replace(self._view, run=None))
                return -1
            return run.last_seq

    def on_run_event(self, event: AnyRunEvent) -> RunState | None:
        """Fold one event and show what changed. Returns the new state when that is news for the desk pages.

        A gap is answered by asking the station for what is missing.
        """
        with self._lock:
            run = self._view.run
            is_new = isinstance(event, RunStarting) and (run is None or run.execution_id != event.execution_id)
            if not is_new and (run is None or not run.expects(event)):
                self._ask_again(event)
                return None
            self._resume_asked_for = None
            before = self._view
            upload = None if is_new else before.upload
            record_url = None if is_new else before.record_url
            after = replace(before, run=fold(run, event), upload=upload, record_url=record_url)
            self._publish(after, lambda: changes(self._render, before, after, event))
            now = after.run
            if now is None or run is None or is_new:
                return now
            is_news = now.stage is not run.stage or now.unit != run.unit or now.done_count != run.done_count
            return now if is_news else None

    def on_local_procedures(self, news: LocalProcedures) -> None:
        """The station says which linked procedures it can run."""
        with self._lock:
            self._problems = {procedure.procedure_id: procedure.problem for procedure in news.procedures}
            self._show(replace(self._view, procedures=self._choices()))

    def on_upload(self, news: UploadNews) -> bool:
        """The station says how far a record is on its way. True when another number of records waits than before."""
        with self._lock:
            is_news = news.uploads_waiting != self._view.uploads_waiting
            run = self._view.run
            is_current = run is not None and run.execution_id == news.execution_id
            self._show(
                replace(
                    self._view,
                    upload=news if is_current else self._view.upload,
                    record_url=f"/runs/{news.run_id}" if is_current and news.run_id else self._view.record_url,
                    uploads_waiting=news.uploads_waiting,
                )
            )
        return is_news

    def on_uploads_waiting(self, count: int) -> bool:
        """How many records are not yet uploaded. True when that is another number than before."""
        with self._lock:
            is_news = count != self._view.uploads_waiting
            self._show(replace(self._view, uploads_waiting=count))
        return is_news

    def on_heartbeat(self, heartbeat: Heartbeat, at: datetime) -> None:
        """The station says how its machine is."""
        self.on_mark(heartbeat.mark_s)
        self._vitals = Vitals.of(heartbeat, at)

    def on_mark(self, mark_s: float | None) -> None:
        """The station tells its clock. None: a program that does not."""
        if mark_s is not None:
            self._clock_ahead_s = mark_s - time.monotonic()

    def on_facts(self, facts: StationFacts) -> None:
        """The station was renamed, or its procedures changed."""
        with self._lock:
            self._facts = facts
            self._show(replace(self._view, station_name=facts.name, procedures=self._choices()))
            link = self._link
        if link is not None:
            link.send(ProceduresChanged(procedures=list(facts.procedures)))

    def on_result(self, result: CommandResult) -> None:
        """The answer to a command."""
        self.on_mark(result.mark_s)
        asked = self._asked.pop(result.command_id, None)
        if asked is not None:
            asked.result = result
            asked.is_answered.set()

    def send(self, message: Model) -> bool:
        """Send to the station; False when it has no link."""
        link = self._link
        return link is not None and link.send(message)

    def end_link(
        self, code: int, reason: str, last: Model | None = None, key_ids: frozenset[str] | None = None
    ) -> bool:
        """Close the link, after a last message. ``key_ids``: only if it was opened with one of these. True if so."""
        link = self._link
        if link is None or (key_ids is not None and link.key_id not in key_ids):
            return False
        if last is not None:
            link.send(last)
        link.end(code, reason)
        return True

    def command(self, command: AnyCommand) -> CommandResult:
        """Send a command and wait for its answer, at most ``COMMAND_LIMIT_S``."""
        asked = _Asked()
        self._asked[command.command_id] = asked
        try:
            if not self._send_command(command):
                return _refusal(command, "The station is not connected: nothing was changed.")
            is_cut_off = asked.is_answered.wait(COMMAND_LIMIT_S)
            if asked.result is not None:
                return asked.result
            return _refusal(command, _LINK_BROKE if is_cut_off else _why_unanswered(command))
        finally:
            self._asked.pop(command.command_id, None)

    def snapshot(self) -> Iterable[Change]:
        """The whole page as it is now."""
        return _as_changes([whole(self._render, self._view)])

    # ── helpers ──

    def _send_command(self, command: AnyCommand) -> bool:
        with self._lock:  # another link may be another machine, with another clock
            link, ahead_s = self._link, self._clock_ahead_s
        if isinstance(command, Begin) and ahead_s is not None:
            not_after_s = time.monotonic() + ahead_s + BEGIN_LIMIT_S
            command = command.model_copy(update={"not_after_s": not_after_s})
        return link is not None and link.send(command)

    def _show(self, view: OperatorView) -> None:
        if self._view != view:
            self._publish(view, lambda: frame(self._render, view))

    def _publish(self, view: OperatorView, pieces: Callable[[], Iterable[Piece]]) -> None:
        def apply() -> None:
            self._view = view

        self._hub.publish(self.topic, lambda: _as_changes(pieces()), apply)

    def _choices(self) -> tuple[ProcedureChoice, ...]:
        return tuple(
            ProcedureChoice(p.procedure_id, p.name, self._problems.get(p.procedure_id)) for p in self._facts.procedures
        )

    def _ask_again(self, event: AnyRunEvent) -> None:
        run = self._view.run
        known = run.last_seq if run is not None and run.execution_id == event.execution_id else -1
        if event.seq <= known or self._resume_asked_for == known:
            return  # a repeat, or already asked
        self._resume_asked_for = known
        self.send(Resume(execution_id=event.execution_id, after_seq=known))


class LiveStations:
    """All of them, by id."""

    def __init__(self, hub: Hub, render: Render, find_facts: Callable[[str], StationFacts | None]) -> None:
        self.hub = hub
        self._render = render
        self._find_facts = find_facts
        self._stations: dict[str, LiveStation] = {}
        self._lock = threading.Lock()

    def get(self, station_id: str) -> LiveStation | None:
        """The live side of a station; None when the database knows no such station."""
        known = self._stations.get(station_id)
        if known is not None:
            return known
        facts = self._find_facts(station_id)
        if facts is None:
            return None
        with self._lock:
            return self._stations.setdefault(station_id, LiveStation(facts, self.hub, self._render))

    def find(self, station_id: str) -> LiveStation | None:
        """The live side of a station that has been linked or watched since the portal started."""
        return self._stations.get(station_id)

    def all(self) -> Iterator[LiveStation]:
        """Every station that has been linked or watched since the portal started."""
        return iter(list(self._stations.values()))

    def refresh(self, station_id: str) -> None:
        """The database changed: read the station's facts again."""
        known = self._stations.get(station_id)
        if known is not None:
            facts = self._find_facts(station_id)
            if facts is not None:
                known.on_facts(facts)


def new_command_id() -> str:
    """An id for a command."""
    return uuid.uuid4().hex


def _sane(megabytes: int | None) -> int | None:
    return megabytes if megabytes is not None and 0 <= megabytes < 1_000_000_000 else None


def _refusal(command: AnyCommand, reason: str) -> CommandResult:
    return CommandResult(command_id=command.command_id, is_accepted=False, reason=reason)


_LINK_BROKE = "The link to the station broke before it answered. It may have been done: look at the bench first."


def _why_unanswered(command: AnyCommand) -> str:
    """What is so when nobody answered: the command may still be on its way."""
    if isinstance(command, Begin):
        return (
            "The station did not answer within 2 seconds. What reaches it later than that is not done: "
            "look at the bench, then try again."
        )
    return (
        "The station has not answered yet. This stays on its way, and is done when the station gets it. "
        "To stop the bench now, use its own switch."
    )


def _as_changes(pieces: Iterable[Piece]) -> Iterator[Change]:
    return (Change(piece.target, piece.content, piece.swap) for piece in pieces)
