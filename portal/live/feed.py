"""The browsers' sockets: ``/live/fleet`` for the desk pages, ``/live/stations/<id>`` for the Operator UI.

A feed only sends: a browser's commands come as ordinary forms. The handler waits for the end, and for that of the
session: who has signed out sees nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from flask import Blueprint, Response, request
from flask_login import current_user
from flask_sock import Sock
from simple_websocket import ConnectionClosed

from portal import web
from portal.errors import PortalError
from portal.live.fleet import Fleet
from portal.pages.security import same_origin
from portal.services import secrets, sign_ins
from portal.services import stations as station_services
from portal.services.actors import Permission, has_rights_of, require
from station.live_hub import Change
from station.live_socket import RIGHTS_CHANGED, SIGNED_OUT, LiveSocket

MOST_SHOWN = 100  # stations of which a page of a list wants the state when it joins
SESSION_CHECK_S = 60.0  # a session that expires, or is ended by another program on the same data


def register(blueprint: Blueprint, sock: Sock, fleet: Fleet) -> None:
    """Add the routes to the blueprint."""
    feeds = {f"{blueprint.name}.{name}" for name in ("fleet", "machine", "operator")}

    @blueprint.before_request
    def before_handshake() -> Response | None:
        if request.endpoint not in feeds:
            return None
        if not same_origin(request):
            return Response("This page is not from this portal.\n", 403, content_type="text/plain")
        if not current_user.is_authenticated:
            return Response("Sign in first.\n", 401, content_type="text/plain")
        if fleet.is_full():
            return Response("The portal has no free connection.\n", 503, content_type="text/plain")
        try:
            require(web.actor(), Permission.VIEW)
            if request.view_args:
                station_services.get_station(web.db(), web.actor(), request.view_args["station_id"])
        except PortalError as error:
            return Response(f"{error.message}\n", error.status, content_type="text/plain")
        return None

    @sock.route("/live/fleet", bp=blueprint, endpoint="fleet")  # type: ignore[untyped-decorator]
    def fleet_feed(ws: Any) -> None:
        who = web.actor()
        shown = request.args.getlist("station")[:MOST_SHOWN] if "station" in request.args else None
        _watch(fleet, ws, (fleet.topic_for(who), partial(fleet.snapshot, who, shown)))

    @sock.route("/live/fleet/<station_id>", bp=blueprint, endpoint="machine")  # type: ignore[untyped-decorator]
    def machine_feed(ws: Any, station_id: str) -> None:
        """The station's part of the fleet, and its machine: on one socket."""
        who = web.actor()
        machine = (fleet.machine_topic(station_id), lambda: fleet.machine_snapshot(station_id))
        _watch(fleet, ws, (fleet.topic_for(who), partial(fleet.snapshot, who, [station_id])), machine)

    @sock.route("/live/stations/<station_id>", bp=blueprint, endpoint="operator")  # type: ignore[untyped-decorator]
    def operator_feed(ws: Any, station_id: str) -> None:
        station = fleet.stations.get(station_id)
        if station is not None:
            _watch(fleet, ws, (station.topic, station.snapshot))


def _watch(fleet: Fleet, ws: Any, *topics: tuple[str, Callable[[], Iterable[Change]]]) -> None:
    web.close_db()  # a feed is open for hours: it must not hold a connection of the pool
    token, who = current_user.token, web.actor()
    watcher = LiveSocket(ws, fleet.writer)
    # From here on a sign-out, or a change of rights, closes it; one just before is seen by the first look.
    watcher.session, watcher.watcher = secrets.digest(token), who
    watcher.topics = frozenset(topic for topic, _snapshot in topics)
    is_joined = False
    try:
        while True:
            with fleet.database.open() as db:
                now = sign_ins.peek(db, token)
            if now is None:
                watcher.end(SIGNED_OUT, "signed out")
                return
            if not has_rights_of(who, now):
                watcher.end(RIGHTS_CHANGED, "rights have changed")
                return
            if not is_joined:
                for topic, snapshot in topics:
                    fleet.hub.join(topic, watcher, snapshot)
                is_joined = True
            watcher.receive(SESSION_CHECK_S)
    except ConnectionClosed:
        pass
    finally:
        for topic, _snapshot in topics:
            fleet.hub.leave(topic, watcher)
