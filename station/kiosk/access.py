"""Who may use the kiosk: whoever can read the file ``kiosk.key`` in the station's home (mode 0600).

The key itself never leaves the file. ``station kiosk`` makes a link from it that works once and for a minute, because a
browser's command line can be read by everybody on the machine. Opening the link gives the browser a cookie, which is
worth something as long as the key: a kiosk that was let in once works after each boot. `renew_key` ends all of them.

A cookie is not bound to a port: another server on 127.0.0.1 that this browser visits sees it. It is therefore only half
of what a command needs; the other half, the browser's own word for where the request comes from, no page can forge.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable

from station.home import Home, write_privately
from stationmaster.cli_errors import Refusal

ADDRESS = "127.0.0.1"  # never another: whoever is at the bench needs no network
KEY_LENGTH = 64
LINK_LIVES_S = 60
MOST_SPENT = 1000  # links that were used, and could be tried again within their minute


def load_key(home: Home) -> bytes | None:
    """The key; None when this home has none that is whole. Raises `Refusal` when it cannot be read."""
    try:
        text = home.kiosk_key_file.read_text("ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"The kiosk's key {home.kiosk_key_file} cannot be read: {error}.") from error
    return text.encode() if len(text) == KEY_LENGTH else None


def renew_key(home: Home) -> bytes:
    """A new key in place of the old one: every browser must be let in again. Raises `Refusal`."""
    key = secrets.token_hex(KEY_LENGTH // 2)
    try:
        write_privately(home.kiosk_key_file, key + "\n")
    except OSError as error:
        raise Refusal(f"The kiosk's key {home.kiosk_key_file} cannot be written: {error}.") from error
    return key.encode()


def entrance(key: bytes, now_s: float | None = None) -> str:
    """What follows ``/enter/`` in a link that works once, for a minute."""
    until = int((time.time() if now_s is None else now_s) + LINK_LIVES_S)
    words = f"{until}.{secrets.token_urlsafe(16)}"
    return f"{words}.{_seal(key, 'enter', words)}"


class Door:
    """Lets browsers in, and knows them again. ``key``: reads the key, which may have been renewed meanwhile."""

    def __init__(self, key: Callable[[], bytes | None], clock_s: Callable[[], float] = time.time) -> None:
        self._key = key
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._spent: dict[str, int] = {}

    def enter(self, code: str) -> str | None:
        """The cookie of a browser that came with a good link; None for any other."""
        key = self._key()
        words, _, seal = code.rpartition(".")
        if key is None or not hmac.compare_digest(seal.encode(), _seal(key, "enter", words).encode()):
            return None
        until = int(words.partition(".")[0])  # sealed: we wrote it
        now = self._clock_s()
        with self._lock:
            self._spent = {spent: end for spent, end in self._spent.items() if end >= now}
            if not now <= until <= now + LINK_LIVES_S + 1 or words in self._spent or len(self._spent) >= MOST_SPENT:
                return None
            self._spent[words] = until
        name = secrets.token_urlsafe(16)
        return f"{name}.{_seal(key, 'browser', name)}"

    def knows(self, cookie: str | None) -> bool:
        """Whether this door gave out the cookie."""
        key = self._key()
        name, _, seal = (cookie or "").rpartition(".")
        return key is not None and hmac.compare_digest(seal.encode(), _seal(key, "browser", name).encode())


def _seal(key: bytes, purpose: str, words: str) -> str:
    return hmac.new(key, f"{purpose}:{words}".encode(), hashlib.sha256).hexdigest()
