"""What proves to the portal which station this program is.

One JSON file of mode 0600 in its own folder of mode 0700, always replaced whole. The key is never logged or printed.
Source: contract/station-agent.md §1.3.
"""

from __future__ import annotations

import ssl

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_serializer

from station.home import Home, sync_folder, write_privately
from stationmaster.cli_errors import Refusal


class Credentials(BaseModel):
    """Long-lived credentials of one installation. ``ca_cert``: PEM text of an extra trusted root."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    api_key: SecretStr
    portal_url: str
    station_id: str
    station_name: str
    installation_id: str
    ca_cert: str | None = None

    @field_serializer("api_key", when_used="json")
    def _show_key(self, key: SecretStr) -> str:
        return key.get_secret_value()

    def authorization(self) -> dict[str, str]:
        """The header that carries the key."""
        return {"Authorization": f"Bearer {self.api_key.get_secret_value()}"}


def load_credentials(home: Home) -> Credentials | None:
    """The stored credentials; None when this home is not enrolled. Raises `Refusal` when they cannot be read."""
    try:
        text = home.credentials_file.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"The credentials in {home.credentials_file} cannot be read: {error}.") from error
    try:
        return Credentials.model_validate_json(text)
    except ValidationError as error:
        raise Refusal(
            f"The credentials in {home.credentials_file} are damaged: enrol again with --replace and a new setup token."
        ) from error


def save_credentials(home: Home, credentials: Credentials) -> None:
    """Store the credentials whole or not at all. Raises OSError."""
    write_privately(home.credentials_file, credentials.model_dump_json(indent=2) + "\n")


def wipe_credentials(home: Home) -> None:
    """Forget the credentials. Records that wait in the outbox stay."""
    home.credentials_file.unlink(missing_ok=True)
    sync_folder(home.credentials_folder)


def trusted_roots(ca_cert: str | None) -> ssl.SSLContext:
    """The TLS settings of every connection to the portal: the system's roots and the extra one.

    Verification is never switched off. Raises ValueError when ``ca_cert`` is not PEM.
    """
    context = ssl.create_default_context()
    if ca_cert:
        try:
            context.load_verify_locations(cadata=ca_cert)
        except ssl.SSLError as error:
            raise ValueError("the CA certificate is not a PEM certificate") from error
    return context
