"""The current request's database handle and actor. Nothing below ``pages/``, ``api/`` and ``live/`` needs them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app, g, request

from portal.errors import Unauthorized
from portal.services.actors import Actor

if TYPE_CHECKING:
    from portal.database import Database, Db
    from portal.live.fleet import Fleet
    from portal.settings import Settings


@dataclass(frozen=True)
class Portal:
    """What one application is made of: everything that lives as long as its process does."""

    settings: Settings
    database: Database
    fleet: Fleet


def portal(app: Flask | None = None) -> Portal:
    """The parts of the application that serves this request."""
    return cast("Portal", (app or current_app).extensions["stationmaster"])


def db() -> Db:
    """The request's database handle, opened when first asked for and closed when the request ends."""
    if "db" not in g:
        g.db = portal().database.open()
    return cast("Db", g.db)


def set_actor(actor: Actor) -> None:
    """Say who acts in this request. Called once, where the key or the sign-in was checked."""
    g.actor = replace(actor, address=request.remote_addr)


def actor() -> Actor:
    """Who acts in this request. Raises `Unauthorized` when nobody has been recognised."""
    if "actor" not in g:
        raise Unauthorized
    return cast("Actor", g.actor)


def close_db(_error: BaseException | None = None) -> None:
    """End of the request: give the connection back."""
    handle = g.pop("db", None)
    if handle is not None:
        handle.close()
