"""Connecting a machine to a station: the page with the command, and fresh setup tokens.

A token is in exactly one page: it is handed from the request that made it to the next one in memory, and dropped when
shown. It is in no cookie, no address and no cache; a page that is loaded again offers to make a new one.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Blueprint, current_app, redirect, url_for
from flask import Response as FlaskResponse
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from portal.pages.hand_over import HandOver
from portal.pages.hx import render
from portal.pages.installer import portal_address, powershell_quote
from portal.pages.sign_in import signed_in_only
from portal.services import setup_tokens
from portal.services import stations as station_services
from portal.services.actors import Permission, can
from portal.services.setup_tokens import IssuedToken
from portal.web import actor, db

pages = signed_in_only(Blueprint("enrolment", __name__))


@pages.record
def _prepare(state: BlueprintSetupState) -> None:
    state.app.extensions["stationmaster.fresh_tokens"] = HandOver[IssuedToken]()


def hand_over(station_id: str, token: IssuedToken) -> None:
    """Keep the token for the enrolment page that this person opens next."""
    _fresh_tokens().put((actor().id, station_id), token)


@pages.get("/stations/<station_id>/enrol")
def show(station_id: str) -> FlaskResponse:
    """The commands, with a token that was made just now; without one, the button that makes one."""
    station = station_services.show_station(db(), actor(), station_id)
    token = _fresh_tokens().take((actor().id, station_id))
    address = portal_address()
    response = render(
        "stations/enrol.html",
        station=station,
        machine=station.installation,
        token=token,
        systems=_systems(address, token.token) if token else [],
        address=address,
        is_only_here=_is_loopback(address),
        may_enrol=can(actor(), Permission.EDIT),
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@pages.post("/stations/<station_id>/setup-token")
def issue(station_id: str) -> ResponseReturnValue:
    """Make a new setup token; an older unused one stops working."""
    hand_over(station_id, setup_tokens.issue_setup_token(db(), actor(), station_id))
    return redirect(url_for("enrolment.show", station_id=station_id), 303)


@dataclass(frozen=True)
class System:
    """The command for one kind of machine: it installs the program, enrols the machine and starts it.

    ``enrol``: for a machine that has the program already.
    """

    key: str
    name: str
    install: str
    enrol: str


def _is_loopback(address: str) -> bool:
    """Whether the address leads each machine to itself."""
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _systems(portal_url: str, token: str) -> list[System]:
    """The command for each kind of machine. Each quotes as its shell wants it."""
    unix = f"curl -fsSL {shlex.quote(portal_url + '/install')} | sh -s -- --token {token}"
    script = powershell_quote(portal_url + "/install.ps1")
    windows = f"& ([scriptblock]::Create((irm {script}))) -Token '{token}'"
    enrol = f"stationmaster station enrol --portal {shlex.quote(portal_url)} --token {token}"
    return [
        System("linux", "Linux", unix, enrol),
        System("macos", "macOS", unix, enrol),
        System("windows", "Windows", windows, enrol),
    ]


def _fresh_tokens() -> HandOver[IssuedToken]:
    tokens: HandOver[IssuedToken] = current_app.extensions["stationmaster.fresh_tokens"]
    return tokens
