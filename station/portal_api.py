"""The portal's HTTP interface as a station uses it, and why a call did not work, in words for people.

Three kinds of failure, because each is treated differently: `Unreachable` (nobody answered), `NotOurs` (somebody
answered, but no portal: a proxy's page, a captive network) and `PortalRefused` (the portal said no, in its own words).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from station.credentials import Credentials, trusted_roots
from station.protocol import PORTAL_HEADER
from stationmaster import __version__

CONNECT_LIMIT_S = 10.0
ANSWER_LIMIT_S = 10.0
UPLOAD_LIMIT_S = 60.0  # between two pieces of a transfer; a slow line may take as long as it needs
LONGEST_RETRY_AFTER_S = 3600.0

T = TypeVar("T", bound=BaseModel)


class Unreachable(Exception):
    """Nobody answered. The text completes "The portal … cannot be reached: "."""


class NotOurs(Exception):
    """Something answered that is no portal. ``status``: HTTP."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status


class PortalRefused(Exception):
    """The portal refused, in the error shape that all of its interfaces share. The text is its message.

    ``reasons``: what it says in particular, where it does. ``is_signed``: the portal itself says so; a gateway before
    it may use the same shape.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        retry_after_s: float | None = None,
        reasons: tuple[str, ...] = (),
        *,
        is_signed: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        self.reasons = reasons
        self.is_signed = is_signed


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StationRef(_Answer):
    """A station as the portal names it."""

    id: str
    name: str


class Enrolled(_Answer):
    """What a setup token is exchanged for."""

    api_key: str = Field(min_length=1)
    station: StationRef
    installation_id: str
    replaced_installations: int = 0


class _Whoami(_Answer):
    station: StationRef


class _Created(_Answer):
    id: str = Field(min_length=1)


class _AttachmentPlace(_Answer):
    id: str = Field(min_length=1)
    upload_url: str = Field(min_length=1)


class _Issue(_Answer):
    message: str


class _ErrorBody(_Answer):
    message: str
    code: str
    issues: list[_Issue] = []


@dataclass(frozen=True)
class Revocation:
    """The portal does not accept the key any more. ``reason``: None where it does not say more."""

    reason: str | None


@dataclass(frozen=True)
class AttachmentPlace:
    """Where a file is to be put."""

    id: str
    upload_url: str


class PortalApi:
    """Calls of one program. Every method raises `Unreachable`, `NotOurs` or `PortalRefused`. Thread-safe."""

    def __init__(self, portal_url: str, authorization: dict[str, str] | None = None, ca_cert: str | None = None):
        self._url = portal_url
        self._authorization = authorization or {}
        self._client = httpx.Client(
            verify=trusted_roots(ca_cert) if portal_url.startswith("https:") else False,  # False: no TLS at all
            headers={"User-Agent": f"stationmaster-station/{__version__}", "Accept": "application/json"},
            timeout=httpx.Timeout(ANSWER_LIMIT_S, connect=CONNECT_LIMIT_S),
        )

    @classmethod
    def of(cls, credentials: Credentials) -> PortalApi:
        """Calls with the station's key."""
        return cls(credentials.portal_url, credentials.authorization(), credentials.ca_cert)

    def close(self) -> None:
        """End the connections; a call in another thread fails as `Unreachable`."""
        self._client.close()

    def enrol(self, facts: dict[str, Any]) -> Enrolled:
        """Exchange a setup token for credentials. ``facts``: the token and what the machine is."""
        return _read(Enrolled, self._call("POST", "/api/station/enrol", json=facts))

    def find_revocation(self) -> Revocation | None:
        """What the portal says, itself, of a key that is no longer valid; None while it is."""
        try:
            _read(_Whoami, self._call("GET", "/api/station/whoami", headers=self._authorization))
        except PortalRefused as refusal:
            if refusal.status == 401 and refusal.is_signed:
                return Revocation(refusal.reasons[0] if refusal.reasons else None)
            raise
        return None

    def leave(self) -> None:
        """Say that this machine is the station's no more: its key stops working."""
        self._call("POST", "/api/station/leave", headers=self._authorization)

    def create_run(self, execution_id: str, body: bytes) -> str:
        """Store a record; the id of the run. The same execution is stored once, however often this is called."""
        response = self._call(
            "POST",
            "/api/v2/runs",
            content=body,
            headers={**self._authorization, "Content-Type": "application/json", "Idempotency-Key": execution_id},
            timeout=httpx.Timeout(UPLOAD_LIMIT_S, connect=CONNECT_LIMIT_S),
        )
        return _read(_Created, response).id

    def create_attachment(self, run_id: str, name: str, phase: str | None, idempotency_key: str) -> AttachmentPlace:
        """Announce a file of the run; where to put it. The same key gives the same attachment."""
        response = self._call(
            "POST",
            f"/api/v2/runs/{run_id}/attachments",
            json={"name": name} if phase is None else {"name": name, "phase": phase},
            headers={**self._authorization, "Idempotency-Key": idempotency_key},
        )
        place = _read(_AttachmentPlace, response)
        return AttachmentPlace(place.id, urljoin(self._url + "/", place.upload_url))

    def put_file(self, upload_url: str, file: IO[bytes], mimetype: str | None) -> None:
        """Send a file's bytes, streamed. Without the key: the address itself is the permission."""
        self._call(
            "PUT",
            upload_url,
            content=file,
            headers={"Content-Type": mimetype or "application/octet-stream"},
            timeout=httpx.Timeout(UPLOAD_LIMIT_S, connect=CONNECT_LIMIT_S),
        )

    def _call(self, method: str, where: str, **options: Any) -> httpx.Response:
        url = self._url + where if where.startswith("/") else where
        try:
            response = self._client.request(method, url, **options)
        except (httpx.TransportError, httpx.InvalidURL, RuntimeError) as error:  # RuntimeError: closed meanwhile
            raise Unreachable(say_why_unreachable(error, url)) from error
        except OSError as error:
            raise Unreachable(say_why_unreachable(error, url)) from error
        if response.is_success:
            return response
        raise _say_why_refused(response)


def say_why_unreachable(error: BaseException, url: str) -> str:
    """The reason a connection failed, in words that say where to look."""
    parts = urlsplit(url)
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message}); --ca-cert adds a private CA"
        if isinstance(cause, ssl.SSLError):
            return "it does not speak TLS there; is it http:// instead of https://?"
        if isinstance(cause, socket.gaierror):
            return f"the name {parts.hostname} is not known (DNS)"
        if isinstance(cause, ConnectionRefusedError):
            return "nothing listens at that address"
        if isinstance(cause, httpx.TimeoutException | TimeoutError):
            return f"no answer within {CONNECT_LIMIT_S:.0f} s"
        if isinstance(cause, httpx.RemoteProtocolError | ConnectionResetError | EOFError):
            return "the connection broke off before the answer"
    return str(error) or type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _say_why_refused(response: httpx.Response) -> Exception:
    try:
        body = _ErrorBody.model_validate_json(response.content)
    except ValidationError:
        return NotOurs(response.status_code, _describe(response))
    issues = "; ".join(issue.message for issue in body.issues if issue.message not in body.message)
    return PortalRefused(
        response.status_code,
        " ".join(f"{body.message}{': ' + issues if issues else ''}".split()),
        body.code,
        _retry_after_s(response),
        tuple(issue.message for issue in body.issues),
        is_signed=PORTAL_HEADER in response.headers,
    )


def _describe(response: httpx.Response) -> str:
    if response.is_redirect:
        return f"status {response.status_code}, it sends callers on to {response.headers.get('location', '?')}"
    return f"status {response.status_code}, and not in the portal's form"


def _retry_after_s(response: httpx.Response) -> float | None:
    try:
        seconds = float(response.headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


def _read(model: type[T], response: httpx.Response) -> T:
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        raise NotOurs(response.status_code, _describe(response)) from error
