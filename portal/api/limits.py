"""How many requests a key may make: a bucket of tokens for each, which protects the others from a script gone wild.

The buckets are in the memory of this process. In the database, as for tries to sign in, each request would cost a
write, which is more than most requests cost. So a restart fills them all, and where several processes serve, each
counts for itself: a protection, and no quota that anybody pays for.

Answers carry the fields of draft-ietf-httpapi-ratelimit-headers-10 (``RateLimit-Policy``, ``RateLimit``), and those of
its earlier versions, which are in wider use (``RateLimit-Limit``, ``-Remaining``, ``-Reset``).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from flask import Flask, Response, current_app, g

from portal.api import keys
from portal.errors import TooManyRequests
from portal.settings import Settings

MOST_BUCKETS = 10_000  # then the full ones are dropped: a key without a bucket has a full one


@dataclass(frozen=True)
class Standing:
    """What is left to a key: ``remaining`` requests at once; all of ``burst`` again in ``reset_s``."""

    burst: int
    per_s: float
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """For the answer."""
        window_s = math.ceil(self.burst / self.per_s)
        return {
            "RateLimit-Policy": f'"key";q={self.burst};w={window_s}',
            "RateLimit": f'"key";r={self.remaining};t={self.reset_s}',
            "RateLimit-Limit": str(self.burst),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }


@dataclass
class _Bucket:
    tokens: float
    at: float


class KeyLimits:
    """The buckets of one portal. ``clock``: seconds that never go back."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._buckets: dict[bytes, _Bucket] = {}
        self._lock = threading.Lock()

    def take(self, key: bytes) -> tuple[Standing, float]:
        """Use up one request, if there is one. What is left; and the seconds until one is there, 0 when it was."""
        now = self._clock()
        with self._lock:
            bucket = self._buckets.get(key)
            if bucket is None:
                self._make_room(now)
                bucket = self._buckets[key] = _Bucket(float(self._burst), now)
            tokens = self._level(bucket, now)
            wait_s = 0.0 if tokens >= 1 else (1 - tokens) / self._per_s
            bucket.tokens, bucket.at = tokens - (wait_s == 0.0), now
            left = bucket.tokens
        return Standing(self._burst, self._per_s, int(left), math.ceil((self._burst - left) / self._per_s)), wait_s

    def _level(self, bucket: _Bucket, now: float) -> float:
        return min(float(self._burst), bucket.tokens + (now - bucket.at) * self._per_s)

    def _make_room(self, now: float) -> None:
        if len(self._buckets) >= MOST_BUCKETS:
            self._buckets = {
                key: bucket for key, bucket in self._buckets.items() if self._level(bucket, now) < self._burst
            }


def register(app: Flask, settings: Settings) -> None:
    """Keep the buckets, and say on each answer what is left."""
    if settings.key_rate_per_s:
        app.extensions["stationmaster.key_limits"] = KeyLimits(settings.key_rate_per_s, settings.key_rate_burst)
        app.after_request(_add_headers)


def take() -> None:
    """Count this request against its key, which is valid. Raises `TooManyRequests`."""
    limits: KeyLimits | None = current_app.extensions.get("stationmaster.key_limits")
    key = keys.given_key()
    if limits is None or key is None:
        return
    g.rate_standing, wait_s = limits.take(blake2b(key.encode(), digest_size=16).digest())
    if wait_s:
        raise TooManyRequests(wait_s, "requests with this key")


def _add_headers(response: Response) -> Response:
    standing: Standing | None = g.get("rate_standing")
    if standing is not None:
        response.headers.update(standing.headers())
    return response
