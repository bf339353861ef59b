"""``GET /api/v2/runs/events``: new runs as they are stored. Ours, not of the published interface."""

from __future__ import annotations

import socket

from flask import Response, request

from portal.api import keys
from portal.api.operations import Operations
from portal.errors import BadRequest, PortalError, Unauthorized
from portal.services.actors import Actor, Permission, require
from portal.services.api_keys import authenticate_key
from portal.services.run_input import In
from portal.services.run_notices import Filter
from portal.web import actor, portal

api = Operations("events_v2", "Runs")

LARGEST_ORDINAL = 2**53


class EventsIn(In):
    """Which runs."""

    procedure_ids: list[str] = []
    created_by_station_ids: list[str] = []


@api.get(
    "/api/v2/runs/events", "runs.events", query=EventsIn, answer=str, answer_media="text/event-stream", errors=(503,),
    is_ours=True,
)  # fmt: skip
def follow(query: EventsIn) -> Response:
    """Follow new runs as server-sent events.

    Each is an event ``run.finished`` with the run in short as JSON; its id is the run's ordinal. After a break send the
    last id as ``Last-Event-ID`` and you are told what you have missed; a run may then come twice, never not at all.
    A comment every 15 seconds says that the stream is alive. A reader that does not keep up is cut. 503: the portal has
    no free connection, try again after ``Retry-After``.
    """
    key = keys.given_key()
    if key is None:
        raise Unauthorized("A stream is followed with an API key, which is looked at again while it is open.")
    stream = portal().fleet.run_events.follow(
        Filter(
            frozenset(keys.require_uuid(one, "procedure_ids") for one in query.procedure_ids),
            frozenset(keys.require_uuid(one, "created_by_station_ids") for one in query.created_by_station_ids),
            actor(),
        ),
        _last_event_id(),
        _Admission(key, actor()),
        _raw_socket(),
    )
    # X-Accel-Buffering: nginx would collect events until its buffer is full.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(stream, content_type="text/event-stream; charset=utf-8", headers=headers)


class _Admission:
    """Whether a key is still good for following, and shows what it did. Asked outside of any request."""

    def __init__(self, key: str, reader: Actor) -> None:
        self._key = key
        self._reader = reader
        self._database = portal().database

    def __call__(self) -> bool:
        try:
            with self._database.open() as own:
                reader = authenticate_key(own, self._key)
                require(reader, Permission.VIEW)
                return reader.team_ids == self._reader.team_ids
        except PortalError as error:
            return error.status >= 500  # a busy database says nothing about the key


def _last_event_id() -> int | None:
    given = request.headers.get("Last-Event-ID", "").strip()
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or int(given[:20]) > LARGEST_ORDINAL:
        raise BadRequest("The Last-Event-ID is none that this stream has sent.", "Last-Event-ID")
    return int(given)


def _raw_socket() -> socket.socket | None:
    """The connection below, to cut it where its reader does not read. Each server has its own name for it."""
    found: socket.socket | None = request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
    return found
