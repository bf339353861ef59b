"""What services raise, and what becomes of it: one family, one handler for pages and one for the API."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong with what was given. ``path`` leads to it: field names and list positions."""

    message: str
    path: Sequence[str | int] = ()


class PortalError(Exception):
    """A refusal. ``status``: HTTP; ``code``: the contract's word; ``message``: one sentence for people."""

    status = 500
    code = "INTERNAL_SERVER_ERROR"
    retry_after_s: int | None = None

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.message = message
        self.issues: list[Issue] = [Issue(message, path)] if path else []


class Invalid(PortalError):
    """What was given does not hold. One issue a problem."""

    status = 422
    code = "UNPROCESSABLE_CONTENT"

    def __init__(self, what: str | Iterable[Issue], *path: str | int) -> None:
        issues = [Issue(what, path)] if isinstance(what, str) else list(what)
        super().__init__(issues[0].message if issues else "What was given does not hold.")
        self.issues = issues


class BadRequest(Invalid):
    """The same towards API clients that expect 400 for it."""

    status = 400
    code = "BAD_REQUEST"


class Unauthorized(PortalError):
    """Nobody is known to be acting."""

    status = 401
    code = "UNAUTHORIZED"

    def __init__(self, message: str = "Sign in first, or send a valid API key.") -> None:
        super().__init__(message)


class Forbidden(PortalError):
    """Known, and not allowed."""

    status = 403
    code = "FORBIDDEN"

    def __init__(self, message: str = "You do not have permission for this.") -> None:
        super().__init__(message)


class NotFound(PortalError):
    """There is no such thing, or it may not be seen."""

    status = 404
    code = "NOT_FOUND"

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}.")


class Conflict(PortalError):
    """It does not go together with what is there."""

    status = 409

    code = "CONFLICT"


class PreconditionFailed(PortalError):
    """It is not any more as the sender last saw it."""

    status = 412
    code = "PRECONDITION_FAILED"


class UnsupportedMediaType(PortalError):
    """A form of body that is not read."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"


class TooLarge(PortalError):
    """More bytes than allowed."""

    status = 413
    code = "PAYLOAD_TOO_LARGE"


class BadGateway(PortalError):
    """Something behind the portal, such as the storage of files, does not answer it."""

    status = 502
    code = "BAD_GATEWAY"


class Busy(PortalError):
    """The database cannot be had just now; nothing was changed."""

    status = 503
    code = "SERVICE_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("The portal's database is busy or cannot be reached. Nothing was changed; try again.")


class StorageFull(PortalError):
    """There is no room for it on the portal's disk, or the database's; nothing was changed."""

    status = 507
    code = "INSUFFICIENT_STORAGE"

    def __init__(self) -> None:
        super().__init__("The portal's disk is full. Nothing was stored: make room on it, then try again.")


class TooManyRequests(PortalError):
    """Too many tries; ``retry_after_s`` seconds until the next is welcome."""

    status = 429
    code = "TOO_MANY_REQUESTS"

    def __init__(self, retry_after_s: float, what: str = "tries") -> None:
        wait_s = max(1, math.ceil(retry_after_s))
        super().__init__(f"Too many {what}. Wait {wait_s} second{'s' * (wait_s != 1)}, then try again.")
        self.retry_after_s: int = wait_s


class NoFreeConnection(PortalError):
    """All connections that may stay open are taken; ``retry_after_s`` seconds until another try is welcome."""

    status = 503
    code = "SERVICE_UNAVAILABLE"
    retry_after_s = 10

    def __init__(self) -> None:
        super().__init__("The portal has no free connection: too many stations, pages and streams are open. Try again.")
