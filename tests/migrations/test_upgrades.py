"""A database of an older version, with what people have stored in it, brought to this version and back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, MetaData, create_engine, func, select

from portal import migrations
from portal.database import Database
from portal.services.actors import SYSTEM
from portal.services.idempotency import once
from portal.services.paging import Place
from portal.services.run_details import show_run
from portal.services.run_filters import RunFilter
from portal.services.run_input import RunIn
from portal.services.run_lists import page_runs
from portal.services.runs import create_run
from portal.settings import Settings, load_settings
from tests.cast import record
from tests.databases import scratch_postgres

FIRST = "0001"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """A database as the first version left it."""
    if request.param == "sqlite":
        made = load_settings(data_dir=tmp_path)
        migrations.upgrade(made, FIRST)
        fill(made)
        yield made
    else:
        with scratch_postgres() as url:
            made = load_settings(data_dir=tmp_path, database_url=url)
            migrations.upgrade(made, FIRST)
            fill(made)
            yield made


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[tuple[Connection, MetaData]]:
    """A connection, and the tables as they are in the database."""
    engine = create_engine(settings.database_address)
    tables = MetaData()
    with engine.begin() as connection:
        tables.reflect(connection)
        yield connection, tables
    engine.dispose()


def key(name: str) -> str:
    """An id that can be recognised."""
    return f"00000000-0000-7000-8000-{name.encode().hex():0>12}"


def fill(settings: Settings) -> None:
    with opened(settings) as (connection, tables):
        is_sqlite = connection.dialect.name == "sqlite"

        def at(minutes: float) -> datetime:
            moment = NOON + timedelta(minutes=minutes)
            return moment.replace(tzinfo=None) if is_sqlite else moment

        def as_json(value: Any) -> Any:
            return json.dumps(value) if is_sqlite else value

        def add(table: str, *rows: dict[str, Any]) -> None:
            connection.execute(tables.tables[table].insert(), list(rows))

        add("users", {
            "id": key("dev"), "email": "dev@example.com", "email_key": "dev@example.com", "name": "Dev",
            "role": "developer", "password_hash": "x", "created_at": at(0),
        })  # fmt: skip
        add("procedures", *(
            {"id": key(name), "name": name, "identifier": name, "identifier_key": name.lower(), "created_at": at(n)}
            for n, name in enumerate(["FVT1", "FVT2"])
        ))  # fmt: skip
        add("stations", {
            "id": key("bench"), "number": 1, "name": "Bench 7", "name_key": "bench 7", "presence": "none",
            "created_at": at(0),
        })  # fmt: skip
        add("parts", *(
            {"id": key(name), "number": name, "number_key": name.lower(), "name": name, "created_at": at(n)}
            for n, name in enumerate(["PA", "PB"])
        ))  # fmt: skip
        add("revisions", *(
            {"id": key("R" + part), "part_id": key(part), "number": "A", "number_key": "a", "is_default": True,
             "created_at": at(0)}
            for part in ("PA", "PB")
        ))  # fmt: skip
        add("batches", {"id": key("B"), "number": "B", "number_key": "b", "created_at": at(0)})
        add("units", *(
            {"id": key(name), "serial_number": name, "serial_key": name.lower(), "revision_id": key("RPB"),
             "batch_id": key("B"), "unit_metadata": None, "created_at": at(made)}
            for name, made in (("S1", 10), ("S2", 5))
        ))  # fmt: skip
        run = {
            "procedure_id": key("FVT1"), "station_id": key("bench"), "outcome": "PASS", "slot_key": "",
            "duration_ms": 1500, "is_simulated": False, "metadata": as_json({"line": 2}), "batch_id": key("B"),
        }  # fmt: skip
        # The unit was of part PA when it was tested first, and is of PB now.
        for n, (name, unit, revision, procedure) in enumerate([
            ("run1", "S1", "RPA", "FVT1"), ("run2", "S1", "RPB", "FVT1"), ("run3", "S2", "RPB", "FVT2"),
        ]):  # fmt: skip
            add("runs", run | {
                "id": key(name), "unit_id": key(unit), "revision_id": key(revision), "procedure_id": key(procedure),
                "started_at": at(100 - n), "ended_at": at(100 - n + 0.025), "created_at": at(10 + n),
                "execution_id": f"e{n}",
            })  # fmt: skip
        for n, (name, retry, path) in enumerate([("power", 0, None), ("rails", 0, None), ("rails", 1, None)]):
            add("phases", {
                "id": key(f"ph{n}"), "run_id": key("run1"), "position": n, "name": name, "outcome": "PASS",
                "started_at": at(100), "ended_at": at(100.025) + timedelta(microseconds=999),
                "retry_count": retry, "sequence_path": path,
            })  # fmt: skip
            for place in range(2):
                add("measurements", {
                    "id": key(f"m{n}{place}"), "phase_id": key(f"ph{n}"), "position": place, "name": f"m{n}{place}",
                    "outcome": "PASS", "measured_value": as_json(4.5 + n), "validators": as_json([]),
                    "aggregations": as_json([]),
                })  # fmt: skip
        add("log_lines", {
            "id": key("line"), "run_id": key("run1"), "position": 0, "level": "INFO", "at": at(100), "message": "hello",
            "source_file": "main.py", "line_number": 3,
        })  # fmt: skip
        add("attachments", {
            "id": key("file"), "run_id": key("run1"), "name": "a.txt", "is_image": False, "created_at": at(100),
        })  # fmt: skip
        add("idempotency_keys", {
            "id": key("idem"), "owner": "system:system", "key": "e0", "fingerprint": "old", "object_id": key("run1"),
            "created_at": at(101),
        })  # fmt: skip


def counts(settings: Settings) -> dict[str, int]:
    with opened(settings) as (connection, tables):
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in tables.tables.items()
        }


def column(settings: Settings, table: str, name: str) -> dict[str, Any]:
    """The column's values by id."""
    with opened(settings) as (connection, tables):
        wanted = tables.tables[table]
        return {row[0]: row[1] for row in connection.execute(select(wanted.c.id, wanted.c[name]))}


def test_nothing_is_lost_on_the_way_up_and_down(settings: Settings) -> None:
    before = counts(settings)

    migrations.upgrade(settings)
    above = counts(settings)
    migrations.downgrade(settings, FIRST)
    below = counts(settings)

    assert {name: above[name] for name in before if name != "alembic_version"} == {
        name: count for name, count in before.items() if name != "alembic_version"
    }
    # The older version compares requests in another way: its keys are let go, the runs stay.
    assert below == before | {"idempotency_keys": 0}
    migrations.upgrade(settings)
    assert counts(settings) | {"idempotency_keys": 1} == above


def test_what_older_rows_lacked_follows_from_what_they_have(settings: Settings) -> None:
    migrations.upgrade(settings)

    ordinals = column(settings, "runs", "ordinal")
    assert [ordinals[key(name)] for name in ("run1", "run2", "run3")] == [1, 2, 3]
    assert column(settings, "procedures", "ordinal") == {key("FVT1"): 1, key("FVT2"): 2}
    assert column(settings, "units", "ordinal") == {key("S2"): 1, key("S1"): 2}
    assert column(settings, "runs", "part_id") == {
        key("run1"): key("PA"),
        key("run2"): key("PB"),
        key("run3"): key("PB"),
    }
    assert column(settings, "phases", "procedure_id") == {key(f"ph{n}"): key("FVT1") for n in range(3)}
    places = column(settings, "measurements", "position")
    assert [places[key(f"m{n}{m}")] for n in range(3) for m in range(2)] == list(range(6))
    assert column(settings, "units", "run_count") == {key("S1"): 2, key("S2"): 1}
    made = {name: bool(value) for name, value in column(settings, "runs", "has_made_unit").items()}
    assert made == {key("run1"): True, key("run2"): False, key("run3"): False}
    final = {name: bool(value) for name, value in column(settings, "phases", "is_final_attempt").items()}
    assert final == {key("ph0"): True, key("ph1"): False, key("ph2"): True}
    assert set(column(settings, "phases", "duration_ms").values()) == {1500}


def test_the_program_goes_on_with_what_was_stored(settings: Settings) -> None:
    migrations.upgrade(settings)
    database = Database(Flask("test"), settings)

    with database.open() as db:
        found = show_run(db, SYSTEM, key("run1"))
        assert (found.part_number, found.metadata, found.batch_number) == ("PA", {"line": 2}, "B")
        assert [one.name for phase in found.phases for one in phase.measurements] == [
            f"m{n}{m}" for n in range(3) for m in range(2)
        ]
        assert (found.logs[0].message, found.attachments[0].name, found.attachments[0].is_report) == (
            "hello", "a.txt", False,
        )  # fmt: skip
        first = once(db, SYSTEM, "e0", "any other fingerprint", lambda: {"id": "made again"}, now=NOON)
        assert first == {"id": key("run1")}

        body = record(NoCast(), procedure_id="fvt1", serial_number="s1", part_number="PB", execution_id="new")
        new_id = create_run(db, SYSTEM, RunIn.model_validate(body))
        page = page_runs(db, SYSTEM, RunFilter(), Place("created_at", limit=3))
        rest = page_runs(db, SYSTEM, RunFilter(), Place("created_at", limit=3, cursor=page.next_cursor or 0))

    database.engine.dispose()
    assert [one.id for one in (*page.items, *rest.items)] == [new_id, key("run3"), key("run2"), key("run1")]
    assert column(settings, "runs", "ordinal")[new_id] == 4
    assert column(settings, "units", "run_count")[key("S1")] == 3


class NoCast:
    """`record` names a procedure of the cast, which is not here."""

    class procedure:  # noqa: N801
        id = ""
