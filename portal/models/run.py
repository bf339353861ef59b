"""Runs: the records of tests, with their phases, measurements and log lines. Written once, as they came."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, Json, new_id, one_of
from portal.models.ordinal import ordinal_column
from portal.models.shared import Edited

RUN_OUTCOMES = ("PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED")
PHASE_OUTCOMES = ("PASS", "FAIL", "SKIP", "ERROR")
MEASUREMENT_OUTCOMES = ("PASS", "FAIL", "UNSET")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Run(Edited, Base):
    """One test of one unit.

    ``part_id``, ``revision_id`` and ``batch_id`` are the unit's at the time: a unit that is moved later keeps its
    history. ``has_made_unit``: nobody knew the unit before this run. One run
    per execution and slot; ``slot_key`` is empty where there is only one. ``operated_by_name``: as declared.
    """

    __tablename__ = "runs"
    __table_args__ = (
        one_of("outcome", RUN_OUTCOMES),
        UniqueConstraint("execution_id", "slot_key"),
        # One for each thing that a list is filtered by, in the list's order: a page costs the same in any number.
        Index(None, "started_at", "id"),
        Index(None, "station_id", "started_at", "id"),
        Index(None, "unit_id", "started_at", "id"),
        Index(None, "procedure_id", "started_at", "id"),
        Index(None, "procedure_version_id", "started_at", "id"),
        Index(None, "outcome", "started_at", "id"),
        Index(None, "part_id", "started_at", "id"),
        Index(None, "revision_id", "started_at", "id"),
        Index(None, "batch_id", "started_at", "id"),
        Index(None, "created_by_user_id", "started_at", "id"),
        Index(None, "operated_by_user_id", "started_at", "id"),
        Index(None, "operated_by_name", "started_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "ended_at", "id"),
        Index(None, "duration_ms", "id"),
        # Most runs have no slot: these hold only those that have one.
        Index(
            "ix_runs_slot_key",
            "slot_key",
            "started_at",
            "id",
            sqlite_where=text("slot_key <> ''"),
            postgresql_where=text("slot_key <> ''"),
        ),
        Index(
            "ix_runs_slot_name",
            "slot_name",
            "started_at",
            "id",
            sqlite_where=text("slot_name IS NOT NULL"),
            postgresql_where=text("slot_name IS NOT NULL"),
        ),
        # Those that have begun after they were stored, by the clocks of their benches.
        Index(
            "ix_runs_ahead",
            "started_at",
            "created_at",
            sqlite_where=text("started_at > created_at"),
            postgresql_where=text("started_at > created_at"),
        ),
        Index("ix_runs_last_here", "station_id", "procedure_id", "started_at", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    procedure_id: Mapped[str] = mapped_column(ForeignKey("procedures.id", ondelete="CASCADE"))
    procedure_version_id: Mapped[str | None] = mapped_column(ForeignKey("procedure_versions.id", ondelete="SET NULL"))
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    part_id: Mapped[str] = mapped_column(ForeignKey("parts.id", ondelete="RESTRICT"))
    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id", ondelete="RESTRICT"))
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("batches.id", ondelete="SET NULL"))
    station_id: Mapped[str | None] = mapped_column(ForeignKey("stations.id", ondelete="RESTRICT"))
    created_by_user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    operated_by_user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    operated_by_name: Mapped[str | None] = mapped_column(String(254))
    outcome: Mapped[str] = mapped_column(String(10))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    duration_ms: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    execution_id: Mapped[str | None] = mapped_column(String(100))
    slot_key: Mapped[str] = mapped_column(String(100), default="")
    slot_name: Mapped[str | None] = mapped_column(String(200))
    client_run_ref: Mapped[str | None] = mapped_column(String(200), unique=True)
    is_simulated: Mapped[bool]
    has_made_unit: Mapped[bool] = mapped_column(default=False)
    ordinal: Mapped[int] = ordinal_column()
    docstring: Mapped[str | None] = mapped_column(Text)
    run_metadata: Mapped[dict[str, Any]] = mapped_column("metadata", Json)
    sequences: Mapped[list[Any] | None] = mapped_column(Json)
    config: Mapped[list[Any] | None] = mapped_column(Json)
    secrets: Mapped[list[Any] | None] = mapped_column(Json)


class RunSubUnit(Base):
    """A unit that was built into the unit under test in this run."""

    __tablename__ = "run_sub_units"
    __table_args__ = (Index(None, "unit_id"),)

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id", ondelete="CASCADE"), primary_key=True)


class Phase(Base):
    """One attempt of one phase, at its place in the record. ``procedure_id`` repeats its run's, for lists of phases.

    ``is_final_attempt``: no phase of the run with its name and sequence path has a higher ``retry_count``.
    """

    __tablename__ = "phases"
    __table_args__ = (
        one_of("outcome", PHASE_OUTCOMES),
        Index(None, "run_id", "position"),
        Index(None, "procedure_id", "started_at", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    procedure_id: Mapped[str] = mapped_column(ForeignKey("procedures.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(String(10))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    duration_ms: Mapped[int] = mapped_column(BigInteger)
    retry_count: Mapped[int]
    is_final_attempt: Mapped[bool]
    sequence_path: Mapped[str | None] = mapped_column(Text)
    docstring: Mapped[str | None] = mapped_column(Text)


class Measurement(Base):
    """A value with its limits and its verdict. A multi-dimensional one has its axes, and no scalar value.

    ``position``: among all measurements of the run. The points of a long axis are not in ``x_axis`` and ``y_axis`` but
    in its `Curve`.
    """

    __tablename__ = "measurements"
    __table_args__ = (one_of("outcome", MEASUREMENT_OUTCOMES), Index(None, "phase_id", "position"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    phase_id: Mapped[str] = mapped_column(ForeignKey("phases.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(String(10))
    measured_value: Mapped[Any | None] = mapped_column(Json)
    units: Mapped[str | None] = mapped_column(Text)
    validators: Mapped[list[Any]] = mapped_column(Json)
    aggregations: Mapped[list[Any]] = mapped_column(Json)
    x_axis: Mapped[dict[str, Any] | None] = mapped_column(Json)
    y_axis: Mapped[list[Any] | None] = mapped_column(Json)
    docstring: Mapped[str | None] = mapped_column(Text)


class Curve(Base):
    """The points of one long axis, packed. ``axis``: 0 is x, then each y. How: `portal.services.curves`.

    A very long one has a row more, of the points that a drawing shows; its ``axis`` is ``-1 - axis``.
    """

    __tablename__ = "curves"

    measurement_id: Mapped[str] = mapped_column(ForeignKey("measurements.id", ondelete="CASCADE"), primary_key=True)
    axis: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]
    data: Mapped[bytes] = mapped_column(LargeBinary)


class LogLine(Base):
    """One line that the procedure logged."""

    __tablename__ = "log_lines"
    __table_args__ = (one_of("level", LOG_LEVELS), Index(None, "run_id", "position"), Index(None, "at", "id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    position: Mapped[int]
    level: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime]
    message: Mapped[str] = mapped_column(Text)
    source_file: Mapped[str] = mapped_column(String(200))
    line_number: Mapped[int]
