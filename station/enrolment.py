"""Making this machine an installation of a station: a setup token becomes credentials.

A token works once, so everything that can be refused here is refused before the portal is asked.
Source: contract/station-agent.md §1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from station.credentials import Credentials, load_credentials, save_credentials, trusted_roots
from station.hardware import read_hardware
from station.home import Home, InstanceLock
from station.portal_api import Enrolled, NotOurs, PortalApi, PortalRefused, Unreachable
from station.settings import StationSettings, bench_name, load_autopilot, load_settings, save_settings
from stationmaster.cli_errors import Refusal


@dataclass(frozen=True)
class EnrolmentOrder:
    """What the person asked for. ``bench`` and ``autopilot_file``: None keeps what the home already has."""

    portal_url: str
    token: str
    bench: str | None = None
    autopilot_file: Path | None = None
    ca_cert_file: Path | None = None
    is_replacement: bool = False


@dataclass(frozen=True)
class EnrolmentResult:
    """``replaced_installations``: how many earlier machines of this station the portal just revoked."""

    credentials: Credentials
    replaced_installations: int


def enrol(home: Home, order: EnrolmentOrder) -> EnrolmentResult:
    """Redeem the token and store the credentials, whole or not at all. Raises `Refusal`: one sentence for people."""
    portal_url = portal_address(order.portal_url)
    ca_cert = _read_ca_cert(order.ca_cert_file)
    home.prepare()
    with InstanceLock(home):
        _refuse_second_enrolment(home, order)
        settings = _merged_settings(home, order)
        enrolled = _redeem(portal_url, order.token.strip(), ca_cert)
        credentials = Credentials(
            api_key=SecretStr(enrolled.api_key),
            portal_url=portal_url,
            station_id=enrolled.station.id,
            station_name=enrolled.station.name,
            installation_id=enrolled.installation_id,
            ca_cert=ca_cert,
        )
        try:
            save_settings(home, settings)
            save_credentials(home, credentials)
        except OSError as error:
            raise Refusal(
                f"The credentials could not be stored in {home.root} ({error.strerror or error}). "
                "The setup token is used up: create a new one on the station's page."
            ) from error
    return EnrolmentResult(credentials, enrolled.replaced_installations)


def portal_address(given: str) -> str:
    """The portal's address without a slash at its end. Raises `Refusal` when it is none."""
    try:
        parts = urlsplit(given.strip())
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is never closed
        is_address, parts = False, urlsplit("")
    if not is_address or parts.query or parts.fragment or parts.username:
        raise Refusal(f"{given!r} is not a portal's address: it looks like http://portal.example:8000.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _read_ca_cert(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        text = path.read_text("ascii")
        trusted_roots(text)
    except (OSError, ValueError) as error:
        raise Refusal(f"The CA certificate {path} cannot be used: {error}.") from error
    return text


def _refuse_second_enrolment(home: Home, order: EnrolmentOrder) -> None:
    if order.is_replacement:
        return
    present = load_credentials(home)
    if present is not None:
        raise Refusal(
            f'This home is already enrolled as station "{present.station_name}" at {present.portal_url}: '
            "add --replace to enrol it anew, or choose another home with --home."
        )


def _merged_settings(home: Home, order: EnrolmentOrder) -> StationSettings:
    settings = load_settings(home)
    merged = StationSettings(
        bench=settings.bench if order.bench is None else bench_name(order.bench),
        autopilot=settings.autopilot if order.autopilot_file is None else load_autopilot(order.autopilot_file),
    )
    if merged.visa_library is not None:
        _open_bench(merged.visa_library)
    return merged


def _open_bench(visa_library: str) -> None:
    """Open the bench once, the way a procedure will: by PyVISA, which finds the simulation that we do not import."""
    import pyvisa  # here: it takes its time, and stations with real instruments do not need it

    try:
        pyvisa.ResourceManager(visa_library).close()
    except (ValueError, OSError, pyvisa.errors.Error) as error:
        raise Refusal(f"The bench cannot be used: {str(error).rstrip('.')}.") from error


def _redeem(portal_url: str, token: str, ca_cert: str | None) -> Enrolled:
    if not token:
        raise Refusal("The setup token is empty: create one on the station's page and copy all of it.")
    hardware = read_hardware()
    facts = hardware.model_dump(include={"hostname", "os", "platform", "mac_address", "program_version"})
    api = PortalApi(portal_url, ca_cert=ca_cert)
    try:
        return api.enrol({"token": token, **{key: value for key, value in facts.items() if value is not None}})
    except PortalRefused as refusal:
        raise Refusal(f"The portal refused: {refusal}") from refusal
    except NotOurs as error:
        raise Refusal(f"{portal_url} is not a Stationmaster portal: it answered with {error}.") from error
    except Unreachable as error:
        raise Refusal(f"The portal {portal_url} cannot be reached: {error}.") from error
    finally:
        api.close()
