"""Addresses that clients make by mistake, and mean well: answered where they are, never by a redirect.

A client that was given the portal's address without ``/api`` asks for ``/v2/…``; one that was given it with ``/api``
and adds its own, for ``/api/api/v1/…``; an address that ends in a slash gives ``//api/v1/…``. A redirect is an error
for the published clients. Source: contract/pytest-and-openhtf.md §4, v1-api.md §1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Up to the version only: behind it, an empty part of a path is an empty name, and refused as one.
_MEANT = re.compile(r"/+(?:api/+)*(v1|v2|trpc)/")


def tolerant(application: WSGIApplication) -> WSGIApplication:
    """The application, which also finds the API under those addresses."""

    def found(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith("/api/v") and (meant := _MEANT.match(path)):
            environ["PATH_INFO"] = f"/api/{meant[1]}/{path[meant.end() :]}"
        return application(environ, start_response)

    return found
