"""A list as a page, or as its table alone: what all of them have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response, request, url_for

from portal.errors import Issue
from portal.pages.filters import ListQuery
from portal.pages.hx import render, standing_at
from portal.services.paging import CountedPage
from portal.web import portal


def show_list(
    area: str, query: ListQuery, found: CountedPage[Any], problems: Sequence[Issue] = (), **data: Any
) -> Response:
    """``<area>/index.html`` or ``<area>/_table.html`` with the page that was found, under the name of the area.

    problems: with filters that cannot be read; the page is then told as refused. The browser's address becomes that of
    what is shown.
    """
    endpoint = f"{area}.index"
    answer = render(
        f"{area}/index.html",
        f"{area}/_table.html",
        status=422 if problems else 200,
        query=query,
        problems=problems,
        next_url=url_for(endpoint, **query.args, cursor=found.next_cursor) if found.next_cursor else None,
        first_url=url_for(endpoint, **query.args) if query.cursor else None,
        api_url=(portal().settings.public_url or request.url_root).rstrip("/") + f"/api/v2/{area}",
        **{area: found.items},
        **data,
    )
    return standing_at(answer, url_for(endpoint, **query.args))
