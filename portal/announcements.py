"""What services announce after a commit, for whoever shows it live."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StationChanged:
    """A station was made, renamed, or enrolled. ``left_team_id``: the team that it was in until now."""

    station_id: str
    left_team_id: str | None = None


@dataclass(frozen=True)
class ProceduresLinked:
    """The procedures that a station may run changed."""

    station_id: str


@dataclass(frozen=True)
class LinkRevoked:
    """Credentials of a station are worth nothing any more; ``reason`` in words.

    ``key_ids``: which of its keys; None: all of them. ``is_replaced``: another machine takes the place at once.
    """

    station_id: str
    reason: str
    key_ids: frozenset[str] | None = None
    is_replaced: bool = False


@dataclass(frozen=True)
class SignedOut:
    """A session has ended. ``token_hash``: of what the browser's cookie held."""

    token_hash: str


@dataclass(frozen=True)
class RightsChanged:
    """A member may do or see something else than before, or nothing any more; or one of their keys is gone."""

    user_id: str


@dataclass(frozen=True)
class StationEnrolled:
    """A machine was enrolled for a station."""

    station_id: str


@dataclass(frozen=True)
class PresenceChanged:
    """A station came, went, or is not known to be there any more."""

    station_id: str


@dataclass(frozen=True)
class DeliveriesQueued:
    """There is something to send to a webhook."""


@dataclass(frozen=True)
class RunStored:
    """A record has arrived. ``station_id``: None for one that a person uploaded."""

    run_id: str
    station_id: str | None
    execution_id: str | None
