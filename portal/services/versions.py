"""Versions of procedures. Tags are compared without regard to case. Source: contract/v2-api.md §2.1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from portal.errors import Conflict
from portal.models import Procedure, ProcedureVersion, Run
from portal.models.base import new_id
from portal.services import audit
from portal.services.actors import Actor, Permission, require
from portal.services.lookup import the_one
from portal.services.names import same
from portal.services.procedures import get_procedure
from portal.services.refs import Maker, Ref, maker_of, with_maker
from portal.services.upsert import insert_or_ignore

if TYPE_CHECKING:
    from portal.database import Db

LONGEST_TAG = 60


@dataclass(frozen=True)
class VersionDetail:
    """A version with its procedure."""

    id: str
    tag: str
    created_at: datetime
    procedure: Ref
    run_count: int
    maker: Maker


def create_version(db: Db, actor: Actor, procedure_id: str, tag: str, now: datetime | None = None) -> ProcedureVersion:
    """Make a version. ``tag``: checked already. Raises `NotFound`; `Conflict` when it is there; `Forbidden`."""
    require(actor, Permission.EDIT)
    with db.write():
        procedure = get_procedure(db, actor, procedure_id)
        is_new = insert_or_ignore(
            db, ProcedureVersion, id=new_id(), procedure_id=procedure.id, tag=tag, tag_key=same(tag),
            created_at=now or datetime.now(UTC), created_by_user_id=actor.user_id,
            created_by_station_id=actor.station_id,
        )  # fmt: skip
        if not is_new:
            raise Conflict(f"There already exists a version {tag} of this procedure.", "tag")
        made = _get(db, procedure, tag)
        audit.record(db, actor, "version:created", made, procedure_id=procedure.id)
    return made


def show_version(db: Db, actor: Actor, procedure_id: str, tag: str) -> VersionDetail:
    """One version. Raises `NotFound` when there is no such version, or no such procedure; `Forbidden`."""
    procedure = get_procedure(db, actor, procedure_id)
    version = _get(db, procedure, tag)
    _, user, station = db.session.execute(
        with_maker(select(ProcedureVersion), ProcedureVersion, actor).where(ProcedureVersion.id == version.id)
    ).one()
    return VersionDetail(
        version.id,
        version.tag,
        version.created_at,
        Ref(procedure.id, procedure.name),
        _count_runs(db, version),
        maker_of(user, station),
    )


def delete_version(db: Db, actor: Actor, procedure_id: str, tag: str) -> str:
    """Remove a version that no run has. Its id. Raises `NotFound`; `Conflict` when there are runs; `Forbidden`."""
    require(actor, Permission.EDIT)
    with db.write():
        # Locked: a record that is just being stored with this version is waited for, and counted.
        version = _get(db, get_procedure(db, actor, procedure_id), tag, to_change=True)
        count = _count_runs(db, version)
        if count:
            raise Conflict(
                f"The version {version.tag} has {count} runs: a version with runs is kept. Nothing was changed."
            )
        audit.record(db, actor, "version:deleted", version, procedure_id=version.procedure_id)
        db.session.execute(delete(ProcedureVersion).where(ProcedureVersion.id == version.id))
    return version.id


def _get(db: Db, procedure: Procedure, tag: str, *, to_change: bool = False) -> ProcedureVersion:
    wanted = select(ProcedureVersion).where(
        ProcedureVersion.procedure_id == procedure.id, ProcedureVersion.tag_key == same(tag)
    )
    return the_one(db, wanted, "version of this procedure", to_change=to_change)


def _count_runs(db: Db, version: ProcedureVersion) -> int:
    counted = select(func.count()).select_from(Run).where(Run.procedure_version_id == version.id)
    return db.session.scalar(counted) or 0
