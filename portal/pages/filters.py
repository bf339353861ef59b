"""What a list is narrowed to and sorted by, as it stands in the address: in the words of the API's query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Request

from portal.errors import BadRequest
from portal.services.paging import Place

PAGE_SIZE = 50
USUAL_ORDER = ("created_at", "desc")
LONGEST_VALUE = 1000  # of a filter; nothing that is stored and filtered by is longer


@dataclass(frozen=True)
class ListQuery:
    """Filters by name, the order, and behind which row the page begins.

    Blanks around a value and control characters of a scanner are no part of it; what is empty does not filter.
    """

    filters: Mapping[str, str] = field(default_factory=dict)
    sort_by: str = "created_at"
    sort_order: str = "desc"
    cursor: int = 0
    usual: tuple[str, str] = USUAL_ORDER

    @classmethod
    def of(
        cls,
        request: Request,
        names: tuple[str, ...],
        sorts: tuple[str, ...],
        choices: Mapping[str, tuple[str, ...]],
        usual: tuple[str, str] = USUAL_ORDER,
    ) -> ListQuery:
        """From the address. What is not one of a filter's ``choices`` does not filter. ``usual``: the list's own order.

        Raises `BadRequest` for a cursor that is none.
        """
        filters = {}
        for name in names:
            text = "".join(filter(str.isprintable, request.args.get(name, "")[:LONGEST_VALUE])).strip()
            if text and text in choices.get(name, (text,)):
                filters[name] = text
        sort_by = request.args.get("sort_by", usual[0])
        sort_order = request.args.get("sort_order", usual[1])
        cursor = request.args.get("cursor") or "0"
        if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 15:
            raise BadRequest("The address has no such page: begin again with the first one.", "cursor")
        return cls(
            filters,
            sort_by if sort_by in sorts else usual[0],
            sort_order if sort_order in ("asc", "desc") else usual[1],
            int(cursor),
            usual,
        )

    def __getitem__(self, name: str) -> str:
        """For templates: what is typed or chosen, else empty."""
        return self.filters.get(name, "")

    @property
    def is_set(self) -> bool:
        """Whether anything is filtered."""
        return bool(self.filters)

    @property
    def sort_args(self) -> dict[str, Any]:
        """The order, for an address: nothing when it is the usual one."""
        is_usual = (self.sort_by, self.sort_order) == self.usual
        return {} if is_usual else {"sort_by": self.sort_by, "sort_order": self.sort_order}

    @property
    def args(self) -> dict[str, Any]:
        """Filters and order, for an address."""
        return {**self.filters, **self.sort_args}

    @property
    def place(self) -> Place:
        """For the service."""
        return Place(self.sort_by, self.sort_order == "desc", PAGE_SIZE, self.cursor)

    def sorted_args(self, sort_by: str, first: str = "asc") -> dict[str, str]:
        """The same filters, for an address: sorted by this column, or the other way round when it already is."""
        order = first
        if self.sort_by == sort_by:
            order = "asc" if self.sort_order == "desc" else "desc"
        return {**self.filters, "sort_by": sort_by, "sort_order": order}

    def direction(self, sort_by: str) -> str | None:
        """``ascending`` or ``descending`` when the list is sorted by this column, for ``aria-sort``."""
        return {"asc": "ascending", "desc": "descending"}[self.sort_order] if self.sort_by == sort_by else None
