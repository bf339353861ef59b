"""What a list is narrowed to and sorted by, as it stands in the address: in the words of the API's query.

The address is the state: each filter that is set is a chip that leads to the same list without it, and a name may be
repeated for several values, as in the API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar

from flask import Request
from pydantic import BaseModel, TypeAdapter, ValidationError

from portal.errors import BadRequest, Issue
from portal.query_fields import list_fields
from portal.services.paging import Place
from portal.services.refusal_words import sentence_of
from portal.services.run_input import Instant

PAGE_SIZE = 50
LONGEST_VALUE = 1000  # of a filter; nothing that is stored and filtered by is longer
MOST_VALUES = 50  # of one filter; each is a chip
OUTCOMES = ("PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED")
SAMPLES = ("production", "golden", "failing", "ignored")

T = TypeVar("T", bound=BaseModel)
W = TypeVar("W")
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


@dataclass(frozen=True)
class Filter:
    """A field that a list is filtered by. ``choices``: its values, each with its words; none where any text may be.

    is_open: other values than the choices filter too, such as the id of a station that is archived.
    """

    name: str
    label: str
    kind: Literal["text", "search", "choice", "time", "number", "flag"] = "text"
    choices: Mapping[str, str] = field(default_factory=dict)
    is_open: bool = False
    placeholder: str = ""

    def may_be(self, value: str) -> bool:
        """Whether it filters by this."""
        return self.is_open or not self.choices or value in self.choices

    def words(self, value: str) -> str:
        """What a chip says of a value."""
        return self.choices.get(value, value)

    def instant(self, value: str) -> datetime | None:
        """The value of a time, for showing it; None where it is none."""
        try:
            return _INSTANT.validate_python(value) if self.kind == "time" and value else None
        except ValidationError:
            return None


@dataclass(frozen=True)
class FilterGroup:
    """Filters that belong together, under ``More filters``."""

    title: str
    filters: Sequence[Filter]
    has_times: bool = False


def words(name: str, label: str, choices: Iterable[str]) -> Filter:
    """A filter by one of some words."""
    return Filter(name, label, "choice", {one: one for one in choices})


def things(name: str, label: str, choices: Iterable[tuple[str, str]]) -> Filter:
    """A filter by one of the portal's things, by id, with what they are called."""
    return Filter(name, label, "choice", dict(choices), is_open=True)


@dataclass(frozen=True)
class ListQuery:
    """Filters by name, the order, and behind which row the page begins.

    Blanks around a value and control characters of a scanner are no part of it; what is empty does not filter.
    ``usual`` and ``usual_order``: how the list is sorted when nobody says; mostly the newest first.
    """

    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sort_by: str = "created_at"
    sort_order: str = "desc"
    cursor: int = 0
    usual: str = "created_at"
    usual_order: str = "desc"

    @classmethod
    def of(
        cls, request: Request, filters: Iterable[Filter], sorts: tuple[str, ...], *, usual: str = "created_at",
        usual_order: str = "desc", older: Mapping[str, str] | None = None,
    ) -> ListQuery:  # fmt: skip
        """From the address. What is not one of a filter's ``choices`` does not filter.

        older: names that addresses had before, by the present ones. Raises `BadRequest` for a cursor that is none.
        """
        found = {}
        for one in filters:
            given = request.args.getlist(one.name) or request.args.getlist((older or {}).get(one.name, one.name))
            texts = dict.fromkeys(map(_cleaned, given[:MOST_VALUES]))
            if values := tuple(text for text in texts if text and one.may_be(text)):
                found[one.name] = values
        sort_by = request.args.get("sort_by", usual)
        sort_order = request.args.get("sort_order", usual_order)
        cursor = request.args.get("cursor") or "0"
        if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 15:
            raise BadRequest("The address has no such page: begin again with the first one.", "cursor")
        return cls(
            found,
            sort_by if sort_by in sorts else usual,
            sort_order if sort_order in ("asc", "desc") else usual_order,
            int(cursor),
            usual,
            usual_order,
        )

    def __getitem__(self, name: str) -> str:
        """For templates: what is typed or chosen, the first value of several, else empty."""
        return self.values(name)[0] if name in self.filters else ""

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a filter."""
        return self.filters.get(name, ())

    def read(self, model: type[T]) -> T:
        """The filters as the API's query has them. Raises `BadRequest` with an issue for each that cannot be read."""
        lists = list_fields(model)
        given = {name: list(values) if name in lists else values[-1] for name, values in self.filters.items()}
        for name in ("duration_min", "duration_max"):
            if (number := given.get(name)) and str(number).replace(".", "", 1).isdecimal():
                given[name] = f"PT{number}S"
        try:
            return model.model_validate(given)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
            raise BadRequest([Issue(sentence_of(one), tuple(one["loc"])) for one in found]) from error

    def attempt(self, read: Callable[[], W]) -> tuple[W | None, list[Issue]]:
        """What reading the filters gives, or what is wrong with them: the page then shows them as they are."""
        try:
            return read(), []
        except BadRequest as refusal:
            return None, refusal.issues

    @property
    def is_set(self) -> bool:
        """Whether anything is filtered."""
        return bool(self.filters)

    @property
    def sort_args(self) -> dict[str, Any]:
        """The order, for an address: nothing when it is the usual one."""
        is_usual = (self.sort_by, self.sort_order) == (self.usual, self.usual_order)
        return {} if is_usual else {"sort_by": self.sort_by, "sort_order": self.sort_order}

    @property
    def args(self) -> dict[str, Any]:
        """Filters and order, for an address."""
        return {**self.filters, **self.sort_args}

    @property
    def place(self) -> Place:
        """For the service."""
        return Place(self.sort_by, self.sort_order == "desc", PAGE_SIZE, self.cursor)

    def without(self, name: str, value: str) -> dict[str, Any]:
        """For an address: the same less one value of a filter."""
        rest = tuple(one for one in self.values(name) if one != value)
        return {**self.filters, name: rest, **self.sort_args}

    def sorted_args(self, sort_by: str, first: str = "asc") -> dict[str, Any]:
        """The same filters, for an address: sorted by this column, or the other way round when it already is."""
        order = first
        if self.sort_by == sort_by:
            order = "asc" if self.sort_order == "desc" else "desc"
        return {**self.filters, "sort_by": sort_by, "sort_order": order}

    def direction(self, sort_by: str) -> str | None:
        """``ascending`` or ``descending`` when the list is sorted by this column, for ``aria-sort``."""
        return {"asc": "ascending", "desc": "descending"}[self.sort_order] if self.sort_by == sort_by else None


def _cleaned(text: str) -> str:
    return "".join(filter(str.isprintable, text[:LONGEST_VALUE])).strip()
