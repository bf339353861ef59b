"""The station's socket to the portal: commands come down, events and answers go up.

One thread holds it: connect, greet, read, and again after a pause. Runs never wait for it, and it never gives up; only
the portal itself can end it, by saying (and confirming over HTTP) that the credentials are no longer valid, or that
another program speaks for the station. A proxy's page, a 404 or a 5xx prove nothing and are tried again.

Liveness: the heartbeat of the protocol tells the portal about us. Whether the portal is there is told by anything it
sends, its pings included; in silence the writer sends a ping, and after a minute of it the reader cuts the line. The
reader never writes, so a full send buffer cannot keep it from that.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from websockets.exceptions import ConnectionClosed

from station.credentials import Credentials, trusted_roots
from station.journal import Journal
from station.portal_api import NotOurs, PortalApi, PortalRefused, Unreachable
from station.portal_socket import LinkLimits, LinkLost, LinkRefused, PortalSocket, open_socket
from station.protocol import (
    AnyCommand,
    CommandResult,
    Goodbye,
    Hello,
    Kill,
    Model,
    PortalMessage,
    ProceduresChanged,
    Refused,
    Replaced,
    Resume,
    RunCommand,
    Stop,
    UiResponse,
    Unreadable,
    Welcome,
    read_from_portal,
    write,
)
from station.publisher import Publisher

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 60.0

log = structlog.get_logger(__name__)


def backoff_s(failures: int, chance: float) -> float:
    """The pause after so many failures in a row (from 1): full jitter, doubling. ``chance``: uniform in [0, 1).

    Source: "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), which spreads a hall of stations best.
    """
    return chance * min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(max(failures, 1) - 1, 20))


@dataclass(frozen=True)
class Parting:
    """The portal ended the link for good. ``is_revoked``: the credentials are worth nothing any more."""

    reason: str
    is_revoked: bool


class LinkOwner(Protocol):
    """What the station program does about its link. Called from the link's threads; nothing here may wait long."""

    def journal(self) -> Journal | None:
        """The journal of the current, or else the last, execution."""

    def greeting(self, journal: Journal | None) -> Hello:
        """What is said first on a new link."""

    def beat(self) -> Sequence[Model]:
        """What is said every ten seconds."""

    def welcomed(self, welcome: Welcome) -> Sequence[Model]:
        """The link is up. Returns what to answer."""

    def procedures_changed(self, message: ProceduresChanged) -> Sequence[Model]:
        """Other procedures are linked now. Returns what to answer."""

    def obey(self, command: AnyCommand) -> CommandResult:
        """Do what a person asked for."""

    def link_lost(self, reason: str) -> None:
        """The link is down, or could not be had; it is tried again."""

    def parted(self, parting: Parting) -> None:
        """The link has ended for good."""


class _Parted(Exception):
    def __init__(self, parting: Parting) -> None:
        super().__init__(parting.reason)
        self.parting = parting


class Link:
    """Holds the link from its own thread until `stop`, or until the portal parts from us."""

    def __init__(
        self,
        credentials: Credentials,
        api: PortalApi,
        owner: LinkOwner,
        pause_s: Callable[[int], float] | None = None,
        limits: LinkLimits | None = None,
    ) -> None:
        self._credentials = credentials
        self._api = api
        self._owner = owner
        self._limits = limits or LinkLimits()
        self._pause_s = pause_s or (lambda failures: backoff_s(failures, random.random()))  # noqa: S311 - no secret
        self._address = "ws" + credentials.portal_url.removeprefix("http") + "/api/station/link"
        self._tls = trusted_roots(credentials.ca_cert) if self._address.startswith("wss:") else None
        self._stopping = threading.Event()
        self._publisher: Publisher | None = None
        self._up_since: float | None = None  # monotonic
        self._has_parted = False
        self._thread = threading.Thread(target=self._work, name="link", daemon=True)

    def start(self) -> None:
        """Begin, in the background: nothing waits for the first connection."""
        self._thread.start()

    @property
    def is_working(self) -> bool:
        """Whether the link is held, or tried again. It ends only with a word to its owner."""
        return self._thread.is_alive() or self._has_parted

    def stop(self, goodbye: Goodbye, within_s: float = 3.0) -> None:
        """Say what is left to say, then goodbye, then close."""
        self._stopping.set()
        publisher = self._publisher
        if publisher is not None:
            publisher.leave(goodbye)
        self._thread.join(within_s)

    def say(self, message: Model) -> bool:
        """Send a message if the link is up. False: it is not, and the message is gone."""
        publisher = self._publisher
        return publisher is not None and publisher.say(message)

    def wake(self) -> None:
        """The journal has grown. Never waits."""
        publisher = self._publisher
        if publisher is not None:
            publisher.wake()

    # ── the thread ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._up_since = None
            try:
                reason = self._hold()
            except _Parted as error:
                self._has_parted = True
                self._owner.parted(error.parting)
                return
            except LinkLost as error:
                reason = str(error)
            except Exception as error:  # the edge of the thread: the link must come back whatever it was
                log.exception("link_failed")
                reason = str(error) or type(error).__name__
            if self._stopping.is_set():
                return
            failures = 1 if self._was_stable() else failures + 1
            self._owner.link_lost(reason)
            self._stopping.wait(self._pause_s(failures))

    def _was_stable(self) -> bool:
        return self._up_since is not None and time.monotonic() - self._up_since >= self._limits.stable_after_s

    def _hold(self) -> str:
        """One connection from handshake to end. Returns why it ended."""
        try:
            with open_socket(self._address, self._credentials.authorization(), self._tls, self._limits) as connection:
                return self._talk(connection)
        except LinkRefused as error:
            if error.status in (401, 403):
                self._part_if_revoked("the portal no longer accepts this station's credentials")
            raise

    def _part_if_revoked(self, reason: str) -> None:
        """Only the portal's own answer, asked for again over HTTP, makes us forget the credentials.

        ``reason``: what is told where that answer does not say why.
        """
        try:
            revocation = self._api.find_revocation()
        except (Unreachable, NotOurs, PortalRefused):
            return
        if revocation is not None:
            raise _Parted(Parting(revocation.reason or reason, is_revoked=True))

    def _talk(self, connection: PortalSocket) -> str:
        journal = self._owner.journal()
        connection.send(write(self._owner.greeting(journal)))
        welcome = self._await_welcome(connection)
        self._up_since = time.monotonic()
        publisher = Publisher(
            connection.send, self._owner.journal, lambda: self._beat(connection), self._limits.heartbeat_s
        )
        publisher.begin(journal, welcome.resume_after)
        for answer in self._owner.welcomed(welcome):
            publisher.say(answer)
        writer = threading.Thread(target=self._write, args=(connection, publisher), name="link-writer", daemon=True)
        self._publisher = publisher  # before it runs: what wakes nobody now is found by its first look
        writer.start()
        if self._stopping.is_set():  # `stop` came while there was no publisher to tell
            publisher.leave(Goodbye())
        try:
            return self._listen(connection, publisher)
        finally:
            self._publisher = None
            publisher.cut()
            connection.cut()  # after a goodbye it is closed already; else the writer may be stuck in it
            writer.join(self._limits.close_s)

    def _await_welcome(self, connection: PortalSocket) -> Welcome:
        deadline = time.monotonic() + self._limits.welcome_s
        while True:
            try:
                message = _read(connection.recv(timeout=max(0.0, deadline - time.monotonic())))
            except TimeoutError as error:
                raise LinkLost(
                    f"the portal did not answer the greeting within {self._limits.welcome_s:.0f} s"
                ) from error
            if isinstance(message, Welcome):
                return message
            if isinstance(message, Replaced):
                self._replaced(message)

    def _listen(self, connection: PortalSocket, publisher: Publisher) -> str:
        while True:
            try:
                frame = connection.recv(timeout=self._limits.look_every_s)
            except TimeoutError:
                if connection.silent_s >= self._limits.dead_after_s:
                    return f"the portal was silent for {self._limits.dead_after_s:.0f} s"
                continue
            message = _read(frame)
            if message is not None and not self._take(message, publisher):
                return "the portal does not take our answers"

    def _take(self, message: PortalMessage, publisher: Publisher) -> bool:
        match message:
            case RunCommand() | UiResponse() | Stop() | Kill():
                return publisher.say(self._owner.obey(message))
            case ProceduresChanged():
                return all(publisher.say(answer) for answer in self._owner.procedures_changed(message))
            case Resume():
                if not publisher.rewind(message.execution_id, message.after_seq):
                    log.info("resume_ignored", execution_id=message.execution_id)
            case Replaced():
                self._replaced(message)
            case Refused():
                log.warning("frame_refused_by_portal", reason=message.reason)
            case Welcome():
                log.warning("second_welcome_ignored")
        return True

    def _replaced(self, message: Replaced) -> None:
        self._part_if_revoked(message.reason)
        raise _Parted(Parting(message.reason, is_revoked=False))

    def _beat(self, connection: PortalSocket) -> Sequence[Model]:
        if connection.silent_s >= self._limits.ping_after_s:
            connection.ping()
        return self._owner.beat()

    def _write(self, connection: PortalSocket, publisher: Publisher) -> None:
        try:
            publisher.run()
        except ConnectionClosed:
            return  # the reader sees it too, and says why
        except Exception:  # the edge of the thread: a link without a writer is none
            log.exception("publisher_failed")
        connection.close()


def _read(frame: str | bytes) -> PortalMessage | None:
    try:
        return read_from_portal(frame)
    except Unreadable as error:
        log.warning("frame_not_understood", reason=str(error))
        return None
