"""What a station's program asks of the portal besides its link: to be enrolled, whether it still is, and to leave."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict

from portal.api import bodies, keys
from portal.errors import Forbidden, Issue, Unauthorized
from portal.services import installations
from portal.services.api_keys import why_revoked
from portal.services.setup_tokens import MachineFacts, redeem_setup_token
from portal.web import actor, db
from station.protocol import PORTAL_HEADER
from stationmaster import __version__

api = Blueprint("station_api", __name__, url_prefix="/api/station")


@api.after_request
def _sign(response: Response) -> Response:
    """Say who answers: a station forgets its credentials only on this portal's own word, not on a gateway's 401."""
    response.headers[PORTAL_HEADER] = __version__
    return response


class EnrolIn(BaseModel):
    """A setup token, and what the machine is."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    token: str
    hostname: str
    os: str
    platform: str
    program_version: str
    mac_address: str | None = None


@api.post("/enrol")
def enrol() -> Response:
    """Exchange a setup token for the station's key, once."""
    given = bodies.read_body(EnrolIn)
    facts = MachineFacts(**given.model_dump(exclude={"token"}), address=request.remote_addr)
    enrolment = redeem_setup_token(db(), given.token, facts)
    return jsonify(
        api_key=enrolment.api_key,
        station={"id": enrolment.station.id, "name": enrolment.station.name},
        installation_id=enrolment.installation_id,
        replaced_installations=enrolment.replaced_installations,
    )


@api.post("/leave")
def leave() -> Response:
    """The program is being removed from its machine: its key stops working."""
    keys.authenticate()
    installations.leave(db(), actor())
    return jsonify(station={"id": actor().id, "name": actor().name})


@api.get("/whoami")
def whoami() -> Response:
    """Which station the key is of; 401 once it was revoked, with what became of the machine where that is known."""
    try:
        keys.authenticate()
    except Unauthorized as refusal:
        reason = why_revoked(db(), keys.given_key() or "")
        refusal.issues = [Issue(reason)] if reason is not None else []
        raise
    if not actor().is_station:
        raise Forbidden("This key is a person's: a station's key is needed here.")
    return jsonify(station={"id": actor().id, "name": actor().name}, installation_id=actor().installation_id)
