"""The secrets that webhooks' messages are signed with: made here, kept encrypted, and used to sign.

They cannot be stored as hashes, as keys are: each message is signed with the secret itself. They are sealed with Fernet
under a key that is derived from the portal's secret key, so that a copy of the database alone signs nothing.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SIGNATURE_HEADER = "Stationmaster-Signature"


class SecretLost(Exception):
    """The portal has another secret key than when this was sealed."""


def new_secret() -> str:
    """A new one: ``whs_…``, 256 bits."""
    return f"whs_{secrets.token_urlsafe(32)}"


def seal(portal_key: str, secret: str) -> str:
    """The secret as it is stored. ``portal_key``: the portal's secret key."""
    return _box(portal_key).encrypt(secret.encode()).decode()


def unseal(portal_key: str, sealed: str) -> str:
    """The secret again. Raises `SecretLost`."""
    try:
        return _box(portal_key).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SecretLost from None


def signature(secret: str, body: bytes, at: datetime) -> str:
    """The signature's header: the time, and an HMAC of the time and the body, so that an old message shows its age."""
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, "sha256").hexdigest()
    return f"t={seconds},v1={digest}"


def _box(portal_key: str) -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"stationmaster webhook secrets").derive(portal_key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
