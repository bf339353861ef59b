"""Sends what is queued for webhooks. Source of the rules: `portal.services.webhook_deliveries`, docs/webhooks.md.

One thread looks what is due; each webhook that has something is sent it by a thread of its own, one message after the
other, so that one that hangs holds up nobody else. A webhook that has just failed is left alone for a while, instead of
trying on it everything that waits.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property

import httpx
import structlog

from portal.announcements import DeliveriesQueued
from portal.database import Database
from portal.services import webhook_deliveries as queue
from portal.services.webhook_deliveries import Claimed
from portal.services.webhook_secrets import SIGNATURE_HEADER, SecretLost, signature, unseal
from stationmaster import __version__

LIMIT_S = 10.0  # for the whole of one try, from the name's look-up to the answer's first line
NO_ANSWER = f"No answer within {LIMIT_S:.0f} s."
PAUSE = timedelta(seconds=10)  # after a failure, for the whole webhook
MOST_AT_ONCE = 8
LONGEST_SLEEP_S = 60.0
PRUNE_EVERY_S = 3600.0
STOP_WITHIN_S = 1.0

log = structlog.get_logger(__name__)


class Deliveries:
    """The sending threads of one portal."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._lock = threading.Lock()
        self._sending: dict[str, threading.Thread] = {}
        self._left_alone_until: dict[str, datetime] = {}
        self._prune_at = 0.0
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)
        database.listen(self._on_announcement)

    def start(self) -> None:
        """Begin to send, with what an earlier process has left."""
        self._thread.start()

    def stop(self) -> None:
        """End the threads. A message that is being sent is not waited for: it is sent again by the next process."""
        self._stop.set()
        self._woken.set()
        deadline = time.monotonic() + STOP_WITHIN_S
        with self._lock:
            threads = [self._thread, *self._sending.values()]
        for thread in threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _on_announcement(self, event: object) -> None:
        if isinstance(event, DeliveriesQueued):
            self._woken.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._woken.clear()
            try:
                wait_s = self._look(datetime.now(UTC))
                self._prune(time.monotonic())
            except Exception:  # a busy or broken database must not end sending for ever
                log.exception("deliveries_turn_failed")
                wait_s = 5.0
            self._woken.wait(wait_s)

    def _look(self, now: datetime) -> float:
        """Send what is due. Seconds until the next look, unless something wakes us."""
        with self._database.open() as db:
            due = queue.next_tries(db)
        wait_s = LONGEST_SLEEP_S
        with self._lock:
            self._left_alone_until = {one: until for one, until in self._left_alone_until.items() if until > now}
            for webhook_id, next_try_at in due.items():
                at = max(next_try_at, self._left_alone_until.get(webhook_id, next_try_at))
                if webhook_id in self._sending or (at <= now and len(self._sending) >= MOST_AT_ONCE):
                    continue  # whoever ends wakes us
                if at <= now:
                    self._begin(webhook_id)
                else:
                    wait_s = min(wait_s, (at - now).total_seconds())
        return wait_s

    def _begin(self, webhook_id: str) -> None:
        thread = threading.Thread(target=self._send_all, args=(webhook_id,), name="delivery", daemon=True)
        self._sending[webhook_id] = thread
        thread.start()

    def _send_all(self, webhook_id: str) -> None:
        has_failed = True
        try:
            while not self._stop.is_set():
                with self._database.open() as db:
                    claimed = queue.claim_next(db, webhook_id, datetime.now(UTC))
                if claimed is None or not self._send(claimed):
                    has_failed = claimed is not None
                    break
        except Exception:  # the claim ends by itself, and then it is tried again
            log.exception("delivery_failed", webhook_id=webhook_id)
        finally:
            with self._lock:
                del self._sending[webhook_id]
                if has_failed:
                    self._left_alone_until[webhook_id] = datetime.now(UTC) + PAUSE
            self._woken.set()

    def _send(self, claimed: Claimed) -> bool:
        """One try. Whether it was taken."""
        status, error = self._try(claimed)
        with self._database.open() as db:
            queue.note_outcome(db, claimed, status, error, datetime.now(UTC))
        if error is not None:
            log.warning("delivery_not_taken", delivery_id=claimed.id, attempt=claimed.attempt, why=error)
        return error is None

    def _try(self, claimed: Claimed) -> tuple[int | None, str | None]:
        try:
            secret = unseal(self._database.settings.secret_key, claimed.secret_sealed)
        except SecretLost:
            return None, "Its secret cannot be read: the portal's secret key was changed. Make a new webhook."
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"stationmaster/{__version__}",
            "Stationmaster-Event": claimed.event,
            "Stationmaster-Delivery": claimed.id,
            SIGNATURE_HEADER: signature(secret, claimed.body, datetime.now(UTC)),
        }
        try:
            status = asyncio.run(asyncio.wait_for(_post(claimed.url, claimed.body, headers, self._tls), LIMIT_S))
        except TimeoutError:
            return None, NO_ANSWER
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            log.info("delivery_broke", delivery_id=claimed.id, what=f"{type(error).__name__}: {error}")
            return None, why_not_sent(error)
        if 200 <= status < 300:
            return status, None
        return status, f"It answered {status}" + (
            ", a redirect, which is not followed." if 300 <= status < 400 else "."
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Trusts what this machine trusts: there a plant adds its own authority."""
        return ssl.create_default_context()

    def _prune(self, now: float) -> None:
        if now >= self._prune_at:
            self._prune_at = now + PRUNE_EVERY_S
            with self._database.open() as db:
                queue.prune_deliveries(db, datetime.now(UTC))


def why_not_sent(error: BaseException) -> str:
    """Why there was no answer, in a sentence of ours. What the libraries say is in the log."""
    for one in _causes(error):
        match one:
            case ssl.SSLCertVerificationError():
                return "Its certificate is not trusted."
            case ssl.SSLError():
                return "No encrypted connection came about: the address may be one for http."
            case socket.gaierror():
                return "The host's name is not known."
            case ConnectionRefusedError():
                return "Nobody answers at this address."
            case TimeoutError() | httpx.TimeoutException():
                return NO_ANSWER
            case httpx.RemoteProtocolError() | ConnectionResetError() | BrokenPipeError():
                return "The connection was closed without an answer, or with one that is not HTTP."
    if isinstance(error, httpx.ConnectError):
        return "This address cannot be reached."
    return "The message could not be sent."


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What led to the error, the first cause first."""
    inner = error.__cause__ or error.__context__
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _causes(one)
    if inner is not None:
        yield from _causes(inner)
    yield error


async def _post(url: str, body: bytes, headers: dict[str, str], tls: ssl.SSLContext) -> int:
    """The answer's status; what else it says is not read.

    asyncio for `LIMIT_S` alone, which holds for the whole try, where a socket's limit starts anew with each byte.
    """
    async with (
        httpx.AsyncClient(verify=tls, timeout=2 * LIMIT_S, trust_env=False, follow_redirects=False) as client,
        client.stream("POST", url, content=body, headers=headers) as response,
    ):
        return response.status_code
