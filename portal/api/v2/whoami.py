"""``GET /api/v2/whoami``. Source: contract/v2-api.md §9."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from portal.api.operations import Operations
from portal.api.v2.shapes import StationRef
from portal.web import actor

api = Operations("whoami", "Identity")

# The interface knows organisations; a portal is one.
ORGANIZATION: OrganizationOut = {"id": "stationmaster", "slug": "stationmaster", "name": "Stationmaster"}


class OrganizationOut(TypedDict):
    """The portal."""

    id: str
    slug: str
    name: str


class WhoUser(TypedDict):
    """The member whose key it is."""

    id: str
    email: str
    name: str | None


class WhoOut(TypedDict):
    """Whose key it is."""

    type: Literal["station", "user"]
    station: StationRef | None
    user: WhoUser | None
    organization: OrganizationOut


@api.get("/api/v2/whoami", "identity.whoami", answer=WhoOut)
def whoami() -> WhoOut:
    """Say whose key this is: exactly one of ``station`` and ``user`` is an object."""
    who = actor()
    return {
        "type": "station" if who.is_station else "user",
        "station": {"id": who.id, "name": who.name} if who.is_station else None,
        "user": None if who.is_station else {"id": who.id, "email": who.email or "", "name": who.name},
        "organization": ORGANIZATION,
    }
