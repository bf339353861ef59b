"""What this portal is made of, for those who look after it: version, database, disk. No secrets."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

import stationmaster
from portal.models import Run, Station
from portal.services.actors import Actor, Permission, require

if TYPE_CHECKING:
    from portal.database import Db


@dataclass(frozen=True)
class About:
    """Sizes in bytes. ``disk_free_bytes``: where the data directory is. ``stations``: without those archived."""

    version: str
    revision: str
    database: str
    database_bytes: int
    disk_free_bytes: int
    disk_bytes: int
    stations: int
    runs: int


def describe_portal(db: Db, actor: Actor) -> About:
    """All of it. Raises `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    disk = shutil.disk_usage(db.settings.data_dir)
    return About(
        version=stationmaster.__version__,
        revision=db.session.scalar(text("SELECT version_num FROM alembic_version")) or "none",
        database=_database_version(db),
        database_bytes=_database_bytes(db),
        disk_free_bytes=disk.free,
        disk_bytes=disk.total,
        stations=db.session.scalar(select(func.count()).where(Station.archived_at.is_(None))) or 0,
        runs=db.session.scalar(select(func.count(Run.id))) or 0,
    )


def _database_version(db: Db) -> str:
    if db.database.is_sqlite:
        return f"SQLite {db.session.scalar(text('SELECT sqlite_version()'))}"
    return f"PostgreSQL {db.session.scalar(text('SHOW server_version'))}"


def _database_bytes(db: Db) -> int:
    if db.database.is_sqlite:
        pages = db.session.scalar(text("PRAGMA page_count")) or 0
        return int(pages * (db.session.scalar(text("PRAGMA page_size")) or 0))
    return int(db.session.scalar(text("SELECT pg_database_size(current_database())")) or 0)
