"""Who acts, and what they may do. One table says it for pages, API and live feeds alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from portal.errors import Forbidden


class Role(StrEnum):
    """What a member is in this organisation."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    VIEWER = "viewer"
    OPERATOR = "operator"

    @property
    def rank(self) -> int:
        """Who manages whom: nobody gives, or takes from others, a role above their own."""
        return _RANKS.get(self.value, 0)

    @property
    def is_scoped(self) -> bool:
        """Whether teams narrow what the role sees. Source: contract/operator-ui.md §2."""
        return self.value in ("viewer", "operator")


_RANKS = {"owner": 3, "admin": 2, "developer": 1}


class Permission(StrEnum):
    """A kind of act. The value completes: "You may not …"."""

    VIEW = "see this"
    DRIVE = "operate stations"
    EDIT = "change stations and procedures"
    RECORD = "store runs"
    ADMINISTER = "manage people and keys"


_ENGINEER = frozenset({Permission.VIEW, Permission.DRIVE, Permission.EDIT, Permission.RECORD})
BY_ROLE: dict[Role, frozenset[Permission]] = {
    Role.OWNER: _ENGINEER | {Permission.ADMINISTER},
    Role.ADMIN: _ENGINEER | {Permission.ADMINISTER},
    Role.DEVELOPER: _ENGINEER,
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.OPERATOR: frozenset({Permission.VIEW, Permission.DRIVE}),
}
# A station reads runs and stores its own; what is its own is checked where the object is known.
OF_STATIONS = frozenset({Permission.VIEW, Permission.RECORD})


@dataclass(frozen=True)
class Actor:
    """Who acts. ``id``: of the user or the station. ``installation_id``: the machine that a station's key came with.

    ``key_id``: the API key that was shown; None for a sign-in. ``address``: where the request came from; None for the
    command line. ``team_ids``: of a member who sees only the stations of their teams, in order; None for who sees every
    station (`portal.services.station_lookup`).
    """

    kind: Literal["user", "station", "system"]
    id: str
    name: str
    role: Role | None = None
    email: str | None = None
    installation_id: str | None = None
    address: str | None = None
    team_ids: tuple[str, ...] | None = None
    key_id: str | None = None

    @property
    def is_station(self) -> bool:
        """Whether it is a station's program, and no person."""
        return self.kind == "station"

    @property
    def owner_key(self) -> str:
        """Who it is, in one text that is unique among all actors."""
        return f"{self.kind}:{self.id}"

    @property
    def user_id(self) -> str | None:
        """For "created by" columns: the person, if it is one."""
        return self.id if self.kind == "user" else None

    @property
    def station_id(self) -> str | None:
        """For "created by" columns: the station, if it is one."""
        return self.id if self.kind == "station" else None


SYSTEM = Actor("system", "system", "the administrator's command line")


def can(actor: Actor, permission: Permission) -> bool:
    """Whether the actor may do this kind of act."""
    if actor.kind == "system":
        return True
    if actor.kind == "station":
        return permission in OF_STATIONS
    return actor.role is not None and permission in BY_ROLE[actor.role]


def has_rights_of(one: Actor, other: Actor) -> bool:
    """Whether both may do and see the same."""
    return (one.role, one.team_ids) == (other.role, other.team_ids)


def require(actor: Actor, permission: Permission) -> None:
    """Raises `Forbidden` unless the actor may do this kind of act."""
    if can(actor, permission):
        return
    if actor.is_station:
        raise Forbidden(f"Stations cannot {permission.value}: use a person's API key.")
    raise Forbidden(f"You do not have permission to {permission.value}: your role is {actor.role or 'none'}.")
