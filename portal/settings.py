"""Everything that can be set, read once at the start. Nobody else reads the environment."""

from __future__ import annotations

import contextlib
import os
import secrets
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_data_path
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from portal.time_zones import find_zone

PREFIX = "STATIONMASTER_"
SECRETS = ("secret_key", "database_url", "s3_access_key", "s3_secret_key")


class Settings(BaseSettings):
    """The portal's settings. Each is read from STATIONMASTER_<NAME>; secrets also from STATIONMASTER_<NAME>_FILE."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    data_dir: Path = Field(
        default_factory=lambda: user_data_path("stationmaster", appauthor=False) / "portal",
        description="Where the database, the attachments and the secret key are.",
    )
    database_url: str | None = Field(
        None, description="PostgreSQL as postgresql+psycopg://user@host/name; empty: SQLite in the data directory."
    )
    host: str = Field("127.0.0.1", description="The address to listen on; 0.0.0.0 for all of this machine's.")
    port: int = Field(8000, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    public_url: str | None = Field(None, description="The address others reach this portal by, where a proxy hides it.")
    behind_proxy: bool = Field(False, description="Trust one proxy's X-Forwarded-* headers.")
    secret_key: str = Field("", description="Signs cookies and links; empty: made once, kept in the data directory.")
    offline_after_s: float = Field(30.0, gt=0, description="Silence after which a station is offline, in seconds.")
    heartbeat_s: float = Field(10.0, gt=0, description="How often stations send a heartbeat, in seconds.")
    alive_every_s: float = Field(5.0, gt=0, description="How often the portal notes that it is alive, in seconds.")
    max_sockets: int = Field(
        200, ge=1, le=5000, description="Stations, open pages and streams of events at a time, all together."
    )
    key_rate_per_s: float = Field(
        200.0, ge=0, description="Requests a second that one API key may make; 0: any number."
    )
    key_rate_burst: int = Field(2000, ge=1, description="Requests that one API key may make at once, after a pause.")
    read_timeout_s: int = Field(
        30,
        ge=1,
        description="A request that stands still, or is behind 1 kB a second, for so long is dropped, seconds.",
    )
    sync: Literal["full", "normal"] = Field("full", description="SQLite: what is acknowledged is on disk (full).")
    log_json: bool = Field(False, description="Log one JSON object a line instead of readable lines.")
    time_zone: str = Field("UTC", description="The stations' time zone unless they have one, such as Europe/Berlin.")
    setup_token_lifetime_s: int = Field(3600, ge=60, description="How long a setup token can be used, in seconds.")
    sign_in_lifetime_s: int = Field(2_592_000, ge=300, description="A sign-in unused for so long ends, in seconds.")
    max_body_bytes: int = Field(64_000_000, ge=1000, description="Largest request body, attachments excepted, bytes.")
    max_attachment_bytes: int = Field(1_073_741_824, ge=1000, description="Largest attachment, in bytes.")
    s3_bucket: str | None = Field(
        None, min_length=1, description="Bucket of S3-compatible storage for attachments; empty: the data directory."
    )
    s3_endpoint_url: str | None = Field(None, description="The storage's address; empty: Amazon's.")
    s3_region: str | None = Field(None, description="The bucket's region, where the storage has regions.")
    s3_access_key: str = Field("", description="The key's name; empty: as the machine itself may.")
    s3_secret_key: str = Field("", description="The key's secret.")
    s3_prefix: str = Field("", description="Put before each object's name, such as stationmaster/.")

    @property
    def database_address(self) -> str:
        """The database's address for SQLAlchemy."""
        return self.database_url or f"sqlite:///{self.data_dir / 'portal.db'}"


class BadSetting(ValueError):
    """A setting cannot be used; the text names it."""


def load_settings(**given: Any) -> Settings:
    """Settings from the environment; ``given`` (not None) wins. Makes the data directory and the secret key.

    Raises `BadSetting` with one line.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    for name in SECRETS:
        path = os.environ.get(f"{PREFIX}{name.upper()}_FILE")
        if path and name not in chosen:
            try:
                chosen[name] = Path(path).read_text().strip()
            except OSError as error:
                raise BadSetting(f"{PREFIX}{name.upper()}_FILE: {error.strerror}: {path}") from None
    try:
        settings = Settings(**chosen)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        raise BadSetting(f"{PREFIX}{name.upper()}: {first['msg']}") from None
    _check_database(settings.database_url)
    if find_zone(settings.time_zone) is None:
        raise BadSetting(f"{PREFIX}TIME_ZONE: no time zone that is known here; it looks like Europe/Berlin")
    # Absolute: Flask-SQLAlchemy takes a relative path to be in a folder of its own.
    settings = settings.model_copy(update={"data_dir": settings.data_dir.expanduser().absolute()})
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not settings.secret_key:
            settings = settings.model_copy(update={"secret_key": _kept_secret(settings.data_dir / "secret.key")})
    except OSError as error:
        raise BadSetting(f"the data directory {settings.data_dir} cannot be used: {error.strerror}") from None
    return settings


def _check_database(address: str | None) -> None:
    name = f"{PREFIX}DATABASE_URL:"
    if not address:
        return
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in ("postgresql+psycopg", "sqlite"):
        # Without the value: a password may be in it.
        raise BadSetting(f"{name} no address that can be used: it looks like postgresql+psycopg://user@host/name")
    if url.drivername == "postgresql+psycopg" and find_spec("psycopg") is None:
        raise BadSetting(f"{name} needs the package psycopg: install stationmaster[postgres]")


def _kept_secret(path: Path) -> str:
    """The key in the file, made at the first start. Two programs that start at once agree on one."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        # Written first, then linked: whoever comes second finds the first one's key, and never half of it.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return _read_secret(path)


def _read_secret(path: Path) -> str:
    text = path.read_text().strip()
    if len(text) < 32:
        raise BadSetting(f"{path} does not hold a secret key: remove it, and everybody signs in again")
    return text
