"""What answers are made of, in the interface's words: types for the reference, and the small pieces many answers share.

Every nullable key is always there: a client takes a missing one for something else. Source: contract/v2-api.md §1.8.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict

from portal.services.paging import CountedPage, Place
from portal.services.refs import Maker, Person, Ref
from portal.services.run_input import In

T = TypeVar("T")

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Outcome = Literal["PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED"]
PhaseOutcome = Literal["PASS", "FAIL", "SKIP", "ERROR"]
Verdict = Literal["PASS", "FAIL", "UNSET"]
Sample = Literal["golden", "failing", "ignored"]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LARGEST_PAGE = 500


class IdOut(TypedDict):
    """What was made, changed or removed."""

    id: str


class PageMeta(TypedDict):
    """Whether there is more, and where it goes on. The cursor is a number to be handed back unchanged."""

    has_more: bool
    next_cursor: int | None


class MemberRef(TypedDict):
    """A member."""

    id: str
    name: str | None
    email: str | None


class StationRef(TypedDict):
    """A station."""

    id: str
    name: str


class NumberRef(TypedDict):
    """A part's revision, or a batch, by its number."""

    id: str
    number: str


class PartRef(TypedDict):
    """A part with one of its revisions."""

    id: str
    number: str
    name: str
    revision: NumberRef


class UnitRef(TypedDict):
    """A unit."""

    id: str
    serial_number: str


class ProcedureRef(TypedDict):
    """A procedure."""

    id: str
    name: str


def _whole(value: Any) -> Any:
    """Clients of the first generation send whole numbers as ``50.0``."""
    return value[:-2] if isinstance(value, str) and value.endswith(".0") else value


class PageIn(In):
    """How much of a list, in which direction, from where on. ``cursor``: ``next_cursor`` of the page before."""

    limit: Annotated[int, BeforeValidator(_whole), Field(ge=1, le=LARGEST_PAGE)] = 50
    cursor: Annotated[int, BeforeValidator(_whole), Field(ge=0, le=2**53)] = 0
    sort_order: Literal["asc", "desc"] = "desc"

    def place(self, sort_by: str = "created_at") -> Place:
        """For the service."""
        return Place(sort_by, self.sort_order == "desc", self.limit, self.cursor)


def page_out(page: CountedPage[T], entry: Callable[[T], Any]) -> Any:
    """A page as every list answers it."""
    return {
        "data": [entry(one) for one in page.items],
        "meta": {"has_more": page.next_cursor is not None, "next_cursor": page.next_cursor},
    }


def instant(at: datetime) -> str:
    """ISO 8601, UTC, microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def duration(duration_ms: int) -> str:
    """ISO 8601, in seconds."""
    seconds, rest_ms = divmod(max(0, duration_ms), 1000)
    return f"PT{seconds}.{rest_ms:03d}S" if rest_ms else f"PT{seconds}S"


def made_by(maker: Maker) -> dict[str, Any]:
    """The two keys that say who made something: one of them null, or both."""
    return {"created_by_user": member(maker.user), "created_by_station": station(maker.station)}


def member(person: Person | None) -> Any:
    """A member, or a name that was only declared."""
    return {"id": person.id, "name": person.name, "email": person.email} if person is not None else None


def station(ref: Ref | None) -> Any:
    """A station."""
    return {"id": ref.id, "name": ref.name} if ref is not None else None


def number(ref: Ref | None) -> Any:
    """Something that has a number: a revision, a batch."""
    return {"id": ref.id, "number": ref.name} if ref is not None else None


def part(ref: Ref, name: str, revision: Ref) -> PartRef:
    """A part with the revision that is meant."""
    return {"id": ref.id, "number": ref.name, "name": name, "revision": {"id": revision.id, "number": revision.name}}
