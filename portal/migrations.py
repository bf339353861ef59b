"""Brings a database to the schema of this version, and back. Alembic's scripts are in ``migrations/``.

The whole way is one transaction, on both engines: a step that fails leaves the schema as it was. Two programs that
start at once do not meet: the second waits, and finds nothing left to do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING
from zlib import crc32

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, event, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from stationmaster.resources import folder

if TYPE_CHECKING:
    from portal.settings import Settings

LOCK_LIMIT_S = 30.0


class MigrationFailed(Exception):
    """The schema was not changed. The text is one sentence that says why."""


def upgrade(settings: Settings, to: str = "head") -> None:
    """Bring the database to the newest schema. Raises `MigrationFailed`."""
    with _migrating(settings) as connection:
        _refuse_newer(connection)
        command.upgrade(_config(connection), to)


def downgrade(settings: Settings, to: str = "base") -> None:
    """Bring the database back to an older schema; ``base`` is none at all. Data of newer tables is lost."""
    with _migrating(settings) as connection:
        command.downgrade(_config(connection), to)


def current(settings: Settings) -> str | None:
    """The revision that the database is at; None for an empty one."""
    with _migrating(settings) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def is_begun(settings: Settings) -> bool:
    """Whether there is a portal's database already. Asking makes none."""
    is_file_missing = not settings.database_url and not (settings.data_dir / "portal.db").exists()
    return not is_file_missing and current(settings) is not None


def newest() -> str | None:
    """The revision of this version's schema."""
    return ScriptDirectory(str(folder("migrations"))).get_current_head()


@contextlib.contextmanager
def _migrating(settings: Settings) -> Iterator[Connection]:
    """One connection in one transaction, which nobody else can have at the same time."""
    address = settings.database_address
    engine = create_engine(address, poolclass=NullPool)
    is_sqlite = engine.dialect.name == "sqlite"
    if is_sqlite:
        _let_us_begin(engine)
    try:
        with engine.begin() as connection:
            if not is_sqlite:
                connection.execute(text(f"SET LOCAL lock_timeout = '{int(LOCK_LIMIT_S * 1000)}ms'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": crc32(b"migrations")})
            yield connection
    except OperationalError as error:
        raise MigrationFailed(f"The database cannot be used: {_first_line(error.orig)}.") from error
    except SQLAlchemyError as error:
        raise MigrationFailed(f"The database could not be brought to this version: {_first_line(error)}.") from error
    finally:
        engine.dispose()


def _let_us_begin(engine: object) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: object, _record: object) -> None:
        # Foreign keys stay off here, SQLite's default: batch mode drops and renames tables that others refer to.
        connection.isolation_level = None  # type: ignore[attr-defined]
        connection.execute(f"PRAGMA busy_timeout = {int(LOCK_LIMIT_S * 1000)}").close()  # type: ignore[attr-defined]
        connection.execute("PRAGMA journal_mode = WAL").close()  # type: ignore[attr-defined]

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _refuse_newer(connection: Connection) -> None:
    at = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory(str(folder("migrations"))).walk_revisions()}
    if at is not None and at not in known:
        raise MigrationFailed(
            f"The database was made by a newer version of Stationmaster (schema {at}): install that version again."
        )


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")
