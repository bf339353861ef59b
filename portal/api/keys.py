"""API keys on requests: ``Authorization: Bearer …``."""

from __future__ import annotations

from flask import request

from portal.errors import BadRequest, Unauthorized
from portal.services.actors import Actor
from portal.services.api_keys import authenticate_key
from portal.services.names import is_id
from portal.web import db, set_actor

WHO_ACTS = "stationmaster.who_acts"  # in the environment of calls from within; headers come in as HTTP_…


def authenticate() -> None:
    """Say who acts in this request. Raises `Unauthorized`."""
    if isinstance(known := request.environ.get(WHO_ACTS), Actor):
        set_actor(known)
        return
    key = given_key()
    if key is None:
        raise Unauthorized("Send an API key: Authorization: Bearer <key>.")
    set_actor(authenticate_key(db(), key, request.remote_addr))


def given_key() -> str | None:
    """The key that this request brings, valid or not; None when it brings none."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return (key.strip() or None) if scheme.lower() == "bearer" else None


def require_uuid(value: str, name: str) -> str:
    """An id out of a path. Raises `BadRequest` for what is none, before anything is looked up."""
    if not is_id(value):
        raise BadRequest(f"The {name} is not a UUID.", name)
    return value.lower()
