"""Keys and tokens: made at random, shown once, stored as a hash.

They carry 256 bits or more, so a plain SHA-256 is enough: there is nothing to guess, and every request checks one.
"""

from __future__ import annotations

import hashlib
import secrets
import string

PREFIX_LENGTH = 12
_LETTERS = string.ascii_letters + string.digits


def new_key(kind: str) -> str:
    """An API key: ``smu_…`` of a person, ``sms_…`` of a station."""
    return f"{kind}_{secrets.token_urlsafe(32)}"


def new_token(length: int = 64) -> str:
    """A token of letters and digits, which a double click selects whole."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def digest(secret: str) -> str:
    """What is stored and looked up instead of the secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
