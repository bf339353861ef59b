"""Passwords: what is accepted, and how it is stored."""

from __future__ import annotations

from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from portal.errors import Invalid

SHORTEST, LONGEST = 10, 1000  # the upper bound keeps hashing cheap; no password is that long
_HASHER = PasswordHasher()
# A hash takes 64 MiB of this process, and anybody may send a password: of a hundred at once all but a few wait.
_TURNS = BoundedSemaphore(4)


def check(password: str) -> str:
    """The password, if it is acceptable. Raises `Invalid` for one that is too short, too long or only blanks."""
    if password and not password.strip():
        raise Invalid(f"The password is only blanks: use at least {SHORTEST} characters.", "password")
    if len(password) < SHORTEST:
        raise Invalid(f"The password is too short: use at least {SHORTEST} characters.", "password")
    if len(password) > LONGEST:
        raise Invalid(f"The password is too long: at most {LONGEST} characters are possible.", "password")
    return password


def store(password: str) -> str:
    """What is kept of a password. Raises `Invalid` as `check` does."""
    check(password)
    with _TURNS:
        return _HASHER.hash(password.encode("utf-8", "surrogatepass"))


def fits(stored: str | None, password: str) -> bool:
    """Whether it is the password. ``stored`` None, for somebody unknown, takes as long and is always False."""
    try:
        with _TURNS:
            _HASHER.verify(stored or _nobodys(), password[: LONGEST + 1].encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether it was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


@cache
def _nobodys() -> str:
    return _HASHER.hash("the password of nobody")
