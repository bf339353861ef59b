"""The kiosk of one station program, put together."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Protocol

import structlog

from station.home import Home
from station.kiosk.access import Door, load_key, renew_key
from station.kiosk.operator import BenchOperator
from station.kiosk.screen import KioskScreen, ScreenOwner
from station.kiosk.server import KioskServer, bind
from station.kiosk.web import add_routes, create_app, guard
from station.live_hub import Hub
from station.live_socket import RESTARTING, Writer
from station.operator_view import renderer
from station.outbox import Outbox
from station.protocol import AnyCommand, CommandResult
from stationmaster.cli_errors import Refusal

log = structlog.get_logger(__name__)


class KioskOwner(ScreenOwner, Protocol):
    """The station program."""

    def obey(self, command: AnyCommand) -> CommandResult:
        """Do what a person asked for."""


class KioskProgram:
    """Has its port from the beginning, serves from `start` to `stop`. Raises `Refusal` when it cannot have the port."""

    def __init__(
        self,
        home: Home,
        port: int,
        owner: KioskOwner,
        outbox: Outbox,
        person: BenchOperator,
        on_retry: Callable[[], None],
    ) -> None:
        listening = bind(port)
        try:
            load_key(home) or renew_key(home)
            self._owner = owner
            self._outbox = outbox
            self._person = person
            self._on_retry = on_retry
            self._writer = Writer()
            hub = Hub()
            app = create_app()
            self._screen = KioskScreen(owner, outbox, hub, renderer(app.jinja_env))
            self._server = KioskServer(listening, app)
            self.port = self._server.port
            guard(app, self.port, Door(lambda: _key_now(home)))
            add_routes(app, self._screen, hub, self._writer, self)
        except BaseException:
            listening.close()
            raise

    def start(self) -> None:
        """Serve, in the background."""
        self._screen.start()
        self._server.begin()

    def stop(self) -> None:
        """Close the port and the feeds: the pages say so, and come back by themselves."""
        self._server.stop()
        self._writer.end_all(RESTARTING, "the station program stops")
        self._screen.stop()
        self._writer.stop()

    def wake(self) -> None:
        """The journal has grown. Never waits."""
        self._screen.wake()

    def look(self) -> None:
        """The queue or the link has changed. Never waits."""
        self._screen.look()

    # ── for the forms ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def operator(self) -> str | None:
        """Who is at the bench."""
        return self._person.name

    def obey(self, command: AnyCommand) -> CommandResult:
        """Do what a person asked for."""
        return self._owner.obey(command)

    def change_operator(self, text: str) -> None:
        """Somebody else is at the bench."""
        self._person.change(text)
        self._screen.look()

    def retry_upload(self, execution_id: str) -> bool:
        """Send a record on its way at once. False: there is nothing to retry."""
        try:
            is_queued = self._outbox.retry(execution_id)
        except sqlite3.Error:
            log.exception("outbox_not_usable")
            return False
        if is_queued:
            self._on_retry()
            self._screen.look()
        return is_queued


def _key_now(home: Home) -> bytes | None:
    try:
        return load_key(home)
    except Refusal as refusal:
        log.warning("kiosk_key_not_usable", reason=refusal.message)
        return None
