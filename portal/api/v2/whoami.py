"""``GET /api/v2/whoami``. Source: contract/v2-api.md §9."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from portal.api import keys
from portal.web import actor

api = Blueprint("whoami", __name__, url_prefix="/api/v2")
keys.required(api)

# The interface knows organisations; a portal is one.
ORGANIZATION = {"id": "stationmaster", "slug": "stationmaster", "name": "Stationmaster"}


@api.get("/whoami")
def whoami() -> Response:
    """Whose key this is: exactly one of ``station`` and ``user`` is an object."""
    who = actor()
    station = {"id": who.id, "name": who.name} if who.is_station else None
    user = None if who.is_station else {"id": who.id, "email": who.email, "name": who.name}
    kind = "station" if who.is_station else "user"
    return jsonify(type=kind, station=station, user=user, organization=ORGANIZATION)
