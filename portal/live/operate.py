"""The Operator UI's page and its forms: each form is one command to the station.

A command is answered within two seconds: accepted (the feed shows what follows), or refused with the reason. Without
JavaScript the same forms come back to the page with the reason on it.
"""

from __future__ import annotations

from urllib.parse import urlencode

import structlog
from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_login import current_user

from portal import web
from portal.errors import NotFound, PortalError, Unauthorized
from portal.live.fleet import Fleet
from portal.live.stations import LiveStation, new_command_id
from portal.pages import operators
from portal.pages.errors import as_page
from portal.pages.hx import is_partial
from portal.services import live_acts
from portal.services import stations as station_services
from portal.services.actors import Permission, Role, can, require
from station.protocol import AnyCommand, CommandResult, Kill, RunCommand, Stop, UiResponse

log = structlog.get_logger(__name__)

SIGNED_OUT = "Not sent: you are signed out. The bench goes on; to stop it now, use its own switch."


def register(blueprint: Blueprint, fleet: Fleet) -> None:
    """Add the routes to the blueprint."""

    def live(station_id: str) -> LiveStation:
        station_services.get_station(web.db(), web.actor(), station_id)
        station = fleet.stations.get(station_id)
        assert station is not None  # noqa: S101  (it is in the database)
        return station

    @blueprint.get("/stations/<station_id>/operate")
    def operate(station_id: str) -> str:
        station = live(station_id)
        return render_template(
            "operator/page.html",
            view=station.view,
            may_drive=can(web.actor(), Permission.DRIVE),
            has_desk=web.actor().role is not Role.OPERATOR,
            refusal=request.args.get("refusal"),
        )

    @blueprint.post("/stations/<station_id>/operate/run")
    def run(station_id: str) -> Response:
        station = live(station_id)
        serial_number = request.form.get("serial_number", "").strip() or None
        procedure_id = request.form.get("procedure_id", "")
        command = RunCommand(
            command_id=new_command_id(), asked_by=_who(), procedure_id=procedure_id, serial_number=serial_number
        )
        return _send(station, command)

    @blueprint.post("/stations/<station_id>/operate/answer")
    def answer(station_id: str) -> Response:
        station = live(station_id)
        values = {key.removeprefix("value-"): text for key, text in request.form.items() if key.startswith("value-")}
        request_id = request.form.get("request_id", "")
        command = UiResponse(command_id=new_command_id(), asked_by=_who(), request_id=request_id, values=values)
        return _send(station, command)

    @blueprint.post("/stations/<station_id>/operate/stop")
    def stop(station_id: str) -> Response:
        command = Stop(command_id=new_command_id(), asked_by=_who(), reason=request.form.get("reason"))
        return _send(live(station_id), command)

    @blueprint.post("/stations/<station_id>/operate/kill")
    def kill(station_id: str) -> Response:
        return _send(live(station_id), Kill(command_id=new_command_id(), asked_by=_who()))

    @blueprint.errorhandler(PortalError)
    def refused(error: PortalError) -> Response:
        if request.method != "POST" and isinstance(error, NotFound) and current_user.is_authenticated:
            return operators.gone()
        if request.method != "POST" or not is_partial(request):
            return as_page(error)
        # The bench stays in sight: nobody who presses STOP is sent to another page.
        is_signed_out = isinstance(error, Unauthorized)
        here = url_for("live.operate", **(request.view_args or {}))
        fragment = render_template(
            "operator/_refusal.html",
            reason=SIGNED_OUT if is_signed_out else error.message,
            sign_in=url_for("sign_in.show", next=here) if is_signed_out else None,
        )
        return make_response(fragment, error.status)


def _who() -> str | None:
    actor = web.actor()
    return actor.email or actor.name


def _send(station: LiveStation, command: AnyCommand) -> Response:
    require(web.actor(), Permission.DRIVE)
    web.close_db()  # up to two seconds of waiting: not while holding a connection of the pool
    result = station.command(command)
    _note(station, command, result)
    return _reply(station, result)


def _note(station: LiveStation, command: AnyCommand, result: CommandResult) -> None:
    """Who started or ended a run; after the fact, and whatever the database does: nothing may hold up a stop."""
    details: dict[str, str] = {}
    match command:
        case RunCommand():
            action = "station:run_started"
            linked = {one.procedure_id: one.name for one in station.facts.procedures}
            details["procedure"] = linked.get(command.procedure_id, command.procedure_id[:36])
            details["unit"] = f" with the unit {command.serial_number[:60]}" if command.serial_number else ""
        case Stop():
            action = "station:run_stopped"
        case Kill():
            action = "station:run_killed"
        case _:
            return  # answers are part of the run, not of its beginning or end
    details["result"] = "" if result.is_accepted else f", without success: {result.reason}"
    try:
        live_acts.note_act(web.db(), web.actor(), station.facts.id, action, details)
    except Exception:
        log.exception("act_not_noted", station_id=station.facts.id, action=action)


def _reply(station: LiveStation, result: CommandResult) -> Response:
    page = url_for("live.operate", station_id=station.facts.id)
    if not is_partial(request):
        return make_response(redirect(page if result.is_accepted else f"{page}?{_query(result)}", 303))
    if result.is_accepted:
        # The feed has the rest; a page whose feed is late gets its state here.
        return make_response("", 204)
    fragment = render_template("operator/_refusal.html", reason=result.reason, field=result.field)
    return make_response(fragment, 422)


def _query(result: CommandResult) -> str:
    return urlencode({"refusal": result.reason or "The station refused."})
