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
    """A refusal. ``status``: HTTP; ``code``: the contract's word; ``message``: one sentence for people.

    A kind of refusal names its status and code where it is declared, and ``says`` where it always says the same.
    """

    status = 500
    code = "INTERNAL_SERVER_ERROR"
    says = ""
    retry_after_s: int | None = None

    def __init_subclass__(cls, *, status: int | None = None, code: str | None = None, says: str | None = None) -> None:
        """What is not given is that of the kind above."""
        super().__init_subclass__()
        cls.status, cls.code, cls.says = status or cls.status, code or cls.code, says or cls.says

    def __init__(self, message: str | None = None, *path: str | int) -> None:
        self.message = message if message is not None else self.says
        self.issues: list[Issue] = [Issue(self.message, path)] if path else []
        super().__init__(self.message)


class Invalid(PortalError, status=422, code="UNPROCESSABLE_CONTENT"):
    """What was given does not hold. One issue a problem."""

    def __init__(self, what: str | Iterable[Issue], *path: str | int) -> None:
        issues = [Issue(what, path)] if isinstance(what, str) else list(what)
        super().__init__(issues[0].message if issues else "What was given does not hold.")
        self.issues = issues


class BadRequest(Invalid, status=400, code="BAD_REQUEST"):
    """The same towards API clients that expect 400 for it."""


class Unauthorized(PortalError, status=401, code="UNAUTHORIZED", says="Sign in first, or send a valid API key."):
    """Nobody is known to be acting."""


class Forbidden(PortalError, status=403, code="FORBIDDEN", says="You do not have permission for this."):
    """Known, and not allowed."""


class NotFound(PortalError, status=404, code="NOT_FOUND"):
    """There is no such thing, or it may not be seen."""

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}.")


class Conflict(PortalError, status=409, code="CONFLICT"):
    """It does not go together with what is there."""


class PreconditionFailed(PortalError, status=412, code="PRECONDITION_FAILED"):
    """It is not any more as the sender last saw it."""


class TooLarge(PortalError, status=413, code="PAYLOAD_TOO_LARGE"):
    """More bytes than allowed."""


class UnsupportedMediaType(PortalError, status=415, code="UNSUPPORTED_MEDIA_TYPE"):
    """A form of body that is not read."""


class TooManyRequests(PortalError, status=429, code="TOO_MANY_REQUESTS"):
    """Too many tries; ``retry_after_s`` seconds until the next is welcome."""

    def __init__(self, retry_after_s: float, what: str = "tries") -> None:
        wait_s = max(1, math.ceil(retry_after_s))
        super().__init__(f"Too many {what}. Wait {wait_s} second{'s' * (wait_s != 1)}, then try again.")
        self.retry_after_s: int = wait_s


class BadGateway(PortalError, status=502, code="BAD_GATEWAY"):
    """Something behind the portal, such as the storage of files, does not answer it."""


class Busy(
    PortalError, status=503, code="SERVICE_UNAVAILABLE",
    says="The portal's database is busy or cannot be reached. Nothing was changed; try again.",
):  # fmt: skip
    """The database cannot be had just now; nothing was changed."""


class Overtaken(
    Busy, says="Somebody else has changed or removed the same at this moment. Nothing was changed; try again."
):
    """Another transaction came first; nothing was changed. Once more, it is known what is so now."""


class NoFreeConnection(
    PortalError, status=503, code="SERVICE_UNAVAILABLE",
    says="The portal has no free connection: too many stations, pages and streams are open. Try again.",
):  # fmt: skip
    """All connections that may stay open are taken; ``retry_after_s`` seconds until another try is welcome."""

    retry_after_s = 10


class StorageFull(
    PortalError, status=507, code="INSUFFICIENT_STORAGE",
    says="The portal's disk is full. Nothing was stored: make room on it, then try again.",
):  # fmt: skip
    """There is no room for it on the portal's disk, or the database's; nothing was changed."""
