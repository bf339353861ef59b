"""The stations' socket: ``/api/station/link``.

The handler authenticates, greets, and reads; all sending goes through `LiveSocket`. What cannot be read is answered and
counted; a program that sends nothing but garbage is cut.
"""

from __future__ import annotations

from typing import Any

import structlog
from flask import Blueprint, Response, jsonify, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed

from portal import web
from portal.errors import NotFound, PortalError, Unauthorized
from portal.live.fleet import Fleet
from portal.live.stations import LiveStation
from portal.services import api_keys, installations
from portal.services.actors import Actor
from station.live_socket import GOING_AWAY, POLICY_VIOLATION, TRY_AGAIN_LATER, LiveSocket, text_frame
from station.protocol import (
    MAX_FRAME_BYTES,
    CommandResult,
    Goodbye,
    Heartbeat,
    Hello,
    LocalProcedures,
    Model,
    Refused,
    Replaced,
    RunEvent,
    StationMessage,
    Unreadable,
    UploadNews,
    Welcome,
    read_from_station,
    write,
)

GARBAGE_LIMIT = 20  # unreadable frames on one link before it is cut
HELLO_LIMIT_S = 10.0

log = structlog.get_logger(__name__)


class StationLink:
    """One enrolled program's socket."""

    def __init__(self, sock: LiveSocket, key_id: str | None) -> None:
        self._sock = sock
        self.key_id = key_id

    def send(self, message: Model) -> bool:
        """Send without waiting; False when the socket is gone."""
        return self._sock.send_frame(text_frame(write(message)))

    def end(self, code: int, reason: str) -> None:
        """Close it, and say why."""
        self._sock.end(code, reason)


def register(blueprint: Blueprint, sock: Sock, fleet: Fleet) -> None:
    """Add the route to the blueprint."""

    def check() -> tuple[Response, int] | None:
        """Refuse before the handshake: a wrong key, a full portal."""
        try:
            header = request.headers.get("Authorization", "")
            actor = api_keys.authenticate_key(web.db(), header.removeprefix("Bearer ").strip(), request.remote_addr)
            if actor.kind != "station":
                raise Unauthorized("This key is not a station's: enrol the station with a setup token.")
        except PortalError as error:
            return jsonify(message=error.message, code=error.code), error.status
        if fleet.is_full():
            return jsonify(message="The portal has no free connection. Try again later.", code="BUSY"), 503
        web.set_actor(actor)
        return None

    @blueprint.before_request
    def before_handshake() -> tuple[Response, int] | None:
        return check() if request.endpoint == f"{blueprint.name}.link" else None

    @sock.route("/api/station/link", bp=blueprint, endpoint="link")  # type: ignore[untyped-decorator]
    def link(ws: Any) -> None:
        actor = web.actor()
        address = request.remote_addr
        web.close_db()  # the socket lives for days: it must not hold a connection of the pool
        _hold_link(fleet, actor, LiveSocket(ws, fleet.writer), address)


def _hold_link(fleet: Fleet, actor: Actor, sock: LiveSocket, address: str | None) -> None:
    station = fleet.stations.get(actor.id)
    link = StationLink(sock, actor.key_id)
    if station is None:
        link.end(POLICY_VIOLATION, "this station is gone")
        return
    garbage = 0
    is_greeted = False
    try:
        while True:
            frame = sock.receive(timeout_s=None if is_greeted else HELLO_LIMIT_S)
            if frame is None:
                link.end(TRY_AGAIN_LATER, "no greeting")
                return
            try:
                message = _read(frame)
            except Unreadable as error:
                garbage += 1
                log.warning("frame_refused", station_id=actor.id, reason=str(error), count=garbage)
                link.send(Refused(reason=f"This frame was not understood: {error}"))
                if garbage >= GARBAGE_LIMIT:
                    link.end(POLICY_VIOLATION, "too many frames that are not messages")
                    return
                continue
            if is_greeted:
                fleet.presence.heard(actor.id)
            elif not isinstance(message, Hello):
                link.send(Refused(reason="The first message must be a hello."))
                continue
            if isinstance(message, Goodbye):
                fleet.leave(station, link, message.reason)
                return
            try:
                if isinstance(message, Hello):
                    _greet(fleet, station, actor, link, message, address)
                    is_greeted = True
                elif message is not None:
                    _take(fleet, station, message)
            except PortalError as error:  # such as a full disk: the link stays, and the program may say it again
                log.warning("message_refused", station_id=actor.id, why=error.message)
                link.send(Refused(reason=error.message))
            except Exception:  # one message that cannot be dealt with must not cost the bench its link
                log.exception("message_failed", station_id=actor.id)
                link.send(Refused(reason="The portal could not deal with this message; its log says why."))
    except ConnectionClosed:
        pass
    finally:
        fleet.lost(station, link)


def _read(frame: str | bytes) -> StationMessage | None:
    if len(frame) > 2 * MAX_FRAME_BYTES:
        raise Unreadable(f"longer than {MAX_FRAME_BYTES} bytes")
    return read_from_station(frame)


def _greet(
    fleet: Fleet, station: LiveStation, actor: Actor, link: StationLink, hello: Hello, address: str | None
) -> None:
    with fleet.database.open() as db:
        try:
            installations.record_hardware(db, actor.id, actor.installation_id, hello.hardware, address)
        except NotFound:  # since its key was checked
            _refuse_key(link)
            return
    replaced = station.attach(link, hello.mark_s)
    with fleet.database.open() as db:
        is_gone = not api_keys.is_valid(db, actor.key_id)
    if is_gone:  # revoked since it was checked: whoever revoked it has seen no link to cut
        _refuse_key(link)
        if replaced is not None:  # it has lost its place to a program that may not have it: it comes back at once
            replaced.end(TRY_AGAIN_LATER, "another program was taken for this one")
        return
    if replaced is not None and replaced is not link:
        reason = "another program with the same credentials took over"
        replaced.send(Replaced(reason=reason))
        replaced.end(GOING_AWAY, reason)
    if station.on_uploads_waiting(hello.uploads_waiting):
        fleet.uploads_waiting_changed(station, hello.uploads_waiting)
    link.send(
        Welcome(
            station_id=station.facts.id,
            station_name=station.facts.name,
            procedures=list(station.facts.procedures),
            resume_after=station.resume_after(hello.progress),
            heartbeat_s=fleet.settings.heartbeat_s,
        )
    )
    fleet.arrived(station)


def _refuse_key(link: StationLink) -> None:
    reason = "the portal no longer accepts this station's credentials"
    link.send(Replaced(reason=reason))  # the program asks over HTTP whether that is so, and ends
    link.end(POLICY_VIOLATION, reason)


def _take(fleet: Fleet, station: LiveStation, message: StationMessage) -> None:
    match message:
        case RunEvent():
            if station.on_run_event(message) is not None:
                fleet.run_changed(station)
        case CommandResult():
            station.on_result(message)
        case Heartbeat():
            station.on_heartbeat(message, fleet.presence.now())
            fleet.machine_changed(station)
            if station.on_uploads_waiting(message.uploads_waiting):
                fleet.uploads_waiting_changed(station, message.uploads_waiting)
        case LocalProcedures():
            station.on_local_procedures(message)
        case UploadNews():
            if station.on_upload(message):
                fleet.uploads_waiting_changed(station, message.uploads_waiting)
        case _:
            log.info("message_ignored", station_id=station.facts.id, type=message.type)
