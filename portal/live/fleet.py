"""The live side of the whole portal: links, presence and the pages that show every station.

Made once by `create_app`; background threads start with `start`, in the process that serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from flask import Flask
from jinja2 import Environment

from portal import announcements
from portal.database import Database
from portal.live.chores import Chores
from portal.live.deliveries import Deliveries
from portal.live.hub import Change, Hub
from portal.live.presence import PresenceWatch
from portal.live.run_events import RunEvents
from portal.live.socket import POLICY_VIOLATION, RESTARTING, RIGHTS_CHANGED, SIGNED_OUT, Writer
from portal.live.stations import Link, LiveStation, LiveStations, Vitals
from portal.services import installations
from portal.services import stations as station_services
from portal.services.actors import SYSTEM, Actor, has_rights_of
from portal.services.station_lookup import find_station, is_visible, sees_team, visible_ids
from portal.services.stations import StationFacts, StationRow
from portal.services.users import find_actor
from portal.settings import Settings
from station.operator_view import dom_id, renderer
from station.protocol import Replaced
from station.run_state import RunState, Stage

FLEET_TOPIC = "fleet"
MACHINE_PARTS = ("machine", "enrolment")  # the same of the pages that show one station's machine
STATION_PARTS = ("status", "now", "run", "live")  # one template each, and one element on the pages that show it

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Activity:
    """What a station does now, for the desk pages. ``done`` of ``planned`` phases have a verdict."""

    procedure_name: str
    serial_number: str | None
    stage: Stage
    outcome: str
    done: int
    planned: int

    @classmethod
    def of(cls, run: RunState | None) -> Activity | None:
        """From a run that is going on; None when the station is idle."""
        if run is None or run.is_over:
            return None
        serial = run.unit.serial_number
        return cls(run.procedure_name, serial, run.stage, run.outcome.value, run.done_count, len(run.plan))


class Fleet:
    """Everything live in one portal."""

    def __init__(self, app: Flask, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self.hub = Hub()
        self.writer = Writer()
        self.stations = LiveStations(self.hub, renderer(app.jinja_env), self._find_facts)
        self.presence = PresenceWatch(
            database,
            offline_after_s=settings.offline_after_s,
            alive_every_s=settings.alive_every_s,
            on_change=self._show_station,
            on_silence=self._cut_silent,
        )
        self.chores = Chores(database)
        self._scopes: dict[str, Actor] = {}  # somebody for each topic of a part of the fleet
        self.run_events = RunEvents(database, self.is_full)
        self.deliveries = Deliveries(database)
        self._env: Environment = app.jinja_env
        database.listen(self._on_announcement)

    def start(self) -> None:
        """Begin to watch. Call once, in the serving process."""
        self.presence.start()
        self.chores.start()
        self.deliveries.start()

    def stop(self) -> None:
        """Close every socket with 1012, so that all come back to the new process, and end the threads."""
        self.run_events.stop()
        self.writer.end_all(RESTARTING, "the portal restarts")
        self.presence.stop()
        self.chores.stop()
        self.deliveries.stop()

    def is_full(self) -> bool:
        """Whether another socket or stream would take the last threads from the pages."""
        return self.writer.count() + self.run_events.count() >= self.settings.max_sockets

    # ── what the links report ──

    def arrived(self, station: LiveStation) -> None:
        """A program has greeted."""
        self.presence.connected(station.facts.id)
        self._show_station(station.facts.id)

    def leave(self, station: LiveStation, link: Link, reason: str) -> None:
        """A program has said good-bye."""
        if station.detach(link, self.presence.now()):
            self.presence.said_goodbye(station.facts.id, reason)

    def lost(self, station: LiveStation, link: Link) -> None:
        """A link has ended, with or without a good-bye before. Silence is noticed by the presence watch."""
        if station.detach(link, self.presence.now()):
            self._show_station(station.facts.id)

    def run_changed(self, station: LiveStation) -> None:
        """The run of a station began, ended or moved on."""
        self._show_station(station.facts.id)

    def uploads_waiting_changed(self, station: LiveStation, count: int) -> None:
        """Another number of records waits on a station: kept for the desk pages."""
        with self.database.open() as db:
            installations.note_uploads_waiting(db, station.facts.id, count)
        self._show_station(station.facts.id)

    def activity(self, station_id: str) -> Activity | None:
        """What the station does now, as far as its link tells."""
        live = self.stations.find(station_id)
        return Activity.of(live.view.run) if live is not None and live.is_linked else None

    def topic_for(self, actor: Actor) -> str:
        """The topic with the stations that the actor sees: one for all who see the same."""
        if actor.team_ids is None:
            return FLEET_TOPIC
        topic = f"{FLEET_TOPIC}:{','.join(actor.team_ids)}"
        self._scopes[topic] = actor
        return topic

    def active_ids(self) -> list[str]:
        """The stations that test now."""
        return [live.facts.id for live in self.stations.all() if self.activity(live.facts.id) is not None]

    def procedure_in_flight(self, station_id: str) -> str | None:
        """The id of the procedure that the station runs now, as far as its link tells; None while it is idle."""
        live = self.stations.find(station_id)
        run = live.view.run if live is not None and live.is_linked else None
        return run.procedure_id if run is not None and not run.is_over else None

    def snapshot(self, actor: Actor, station_ids: Sequence[str] | None = None) -> list[Change]:
        """Current states, for a page that has just joined: of the stations that it shows, and the actor sees.

        None: of all with a live side. Who shows a page of a long list names them, and pays for no others.
        """
        if station_ids is None:
            station_ids = [live.facts.id for live in self.stations.all()]
        with self.database.open() as db:
            rows = station_services.rows_of(db, visible_ids(db, actor, station_ids))
        return [change for row in rows for change in self._changes(row)]

    def machine_changed(self, station: LiveStation) -> None:
        """The machine of a station has told how it is."""
        self._show_machine(station.facts.id)

    def vitals(self, station_id: str) -> Vitals | None:
        """How the station's machine is, or was when it was last connected; None when it has not told."""
        live = self.stations.find(station_id)
        return live.vitals if live is not None else None

    def machine_topic(self, station_id: str) -> str:
        """The hub's topic of the pages that show the station's machine."""
        return f"machine:{station_id}"

    def machine_snapshot(self, station_id: str) -> list[Change]:
        """The machine as it is now, for a page that has just joined."""
        with self.database.open() as db:
            row = station_services.find_row(db, station_id)
            found = installations.list_installations(db, station_id) if row is not None else []
        if row is None:
            return []
        machine = next((one for one in found if one.revoked_at is None), None)
        former = [one for one in found if one.revoked_at is not None]
        return [
            Change(
                f"#{dom_id('station', station_id, part)}",
                self._render(
                    f"stations/_{part}.html",
                    station=row, machine=machine, former=former, vitals=self.vitals(station_id),
                ),
            )
            for part in MACHINE_PARTS
        ]  # fmt: skip

    # ── helpers ──

    def _show_station(self, station_id: str) -> None:
        self.hub.publish(FLEET_TOPIC, lambda: self._station_changes(station_id))
        for topic, actor in list(self._scopes.items()):
            self.hub.publish(topic, partial(self._station_changes, station_id, actor))
        self._show_machine(station_id)

    def _show_machine(self, station_id: str) -> None:
        self.hub.publish(self.machine_topic(station_id), lambda: self.machine_snapshot(station_id))

    def _station_changes(self, station_id: str, actor: Actor = SYSTEM) -> list[Change]:
        with self.database.open() as db:
            row = station_services.find_row(db, station_id) if is_visible(db, actor, station_id) else None
        return self._changes(row) if row is not None else []

    def _changes(self, row: StationRow) -> list[Change]:
        activity = self.activity(row.id)
        return [
            Change(
                f"#{dom_id('station', row.id, part)}",
                self._render(f"stations/_{part}.html", station=row, activity=activity),
            )
            for part in STATION_PARTS
        ]

    def _render(self, name: str, **inputs: object) -> str:
        return self._env.get_template(name).render(**inputs)

    def _find_facts(self, station_id: str) -> StationFacts | None:
        with self.database.open() as db:
            return station_services.find_facts(db, station_id)

    def _cut_silent(self, station_id: str) -> None:
        live = self.stations.find(station_id)
        if live is not None:
            live.end_link(POLICY_VIOLATION, "silent for too long")

    def _end_changed(self, user_id: str) -> None:
        """Pages of a member that were opened with other rights than those of now load again, as far as they may."""
        with self.database.open() as db:
            now = find_actor(db, user_id)
        self.writer.end_each(
            lambda sock: (
                sock.watcher is not None
                and sock.watcher.user_id == user_id
                and (now is None or not has_rights_of(sock.watcher, now))
            ),
            RIGHTS_CHANGED,
            "rights have changed",
        )

    def _refresh(self, station_id: str) -> None:
        self.stations.refresh(station_id)
        self._show_station(station_id)

    def _end_hidden(self, station_id: str, left_team_id: str | None) -> None:
        """The station may be in another team now: who watches it and may not any more is sent away.

        Lists of who saw it by its team load again, without it.
        """
        live = self.stations.find(station_id)
        topics = {self.machine_topic(station_id), *([live.topic] if live is not None else [])}
        topics |= {topic for topic, actor in list(self._scopes.items()) if left_team_id in (actor.team_ids or ())}
        if not any(self.hub.watcher_count(topic) for topic in topics):
            return
        with self.database.open() as db:
            station = find_station(db, station_id)
        team_id = station.team_id if station is not None else None
        self.writer.end_each(
            lambda sock: (
                not sock.topics.isdisjoint(topics) and sock.watcher is not None and not sees_team(sock.watcher, team_id)
            ),
            RIGHTS_CHANGED,
            "the station is in another team now",
        )

    def _on_announcement(self, event: object) -> None:
        match event:
            case announcements.StationChanged(station_id, left_team_id):
                self._refresh(station_id)
                self._end_hidden(station_id, left_team_id)
            case announcements.ProceduresLinked(station_id):
                self._refresh(station_id)
            case announcements.RunStored(_run_id, station_id) if station_id:
                self._show_station(station_id)
            case announcements.LinkRevoked(station_id, reason, key_ids, is_replaced):
                live = self.stations.find(station_id)
                last = Replaced(reason=reason)
                is_cut = live is not None and live.end_link(POLICY_VIOLATION, reason, last, key_ids)
                if is_cut and not is_replaced:  # the new machine has as long as any silence may last
                    self.presence.revoked(station_id)
            case announcements.SignedOut(token_hash):
                self.writer.end_each(lambda sock: sock.session == token_hash, SIGNED_OUT, "signed out")
            case announcements.RightsChanged(user_id):
                self._end_changed(user_id)
            case _:
                pass
