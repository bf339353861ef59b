"""What is measured: a real portal, a bare Flask endpoint, and plain SQL; each stores the same run of 41 rows."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask

from portal import migrations
from portal.database import Database
from portal.services.actors import SYSTEM
from portal.services.api_keys import create_station_key
from portal.services.procedures import create_procedure
from portal.services.stations import create_station
from portal.settings import load_settings

PHASES, MEASUREMENTS = 10, 3
AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def run_body(procedure_id: str, number: int) -> dict[str, Any]:
    """The record of one run: 10 phases with 3 measurements each. Every tenth unit is tested again."""
    unit = number - number // 10

    def at(seconds: float) -> str:
        return (AT + timedelta(seconds=number * 30 + seconds)).isoformat()

    return {
        "procedure_id": procedure_id,
        "serial_number": f"SN-{unit:07d}",
        "part_number": f"PN-{unit % 5}",
        "outcome": "PASS" if number % 7 else "FAIL",
        "started_at": at(0),
        "ended_at": at(20),
        "execution_id": str(uuid.uuid4()),
        "phases": [
            {
                "name": f"phase_{phase}",
                "outcome": "PASS",
                "started_at": at(2 * phase),
                "ended_at": at(2 * phase + 1.5),
                "measurements": [
                    {
                        "name": f"rail_{phase}_{place}",
                        "outcome": "PASS",
                        "measured_value": 4.9 + place / 10,
                        "units": "V",
                        "validators": [
                            {"operator": ">=", "expected_value": 4.5, "outcome": "PASS"},
                            {"operator": "<=", "expected_value": 5.5, "outcome": "PASS"},
                        ],
                    }
                    for place in range(MEASUREMENTS)
                ],
            }
            for phase in range(PHASES)
        ],
    }


class PortalUnderTest:
    """`stationmaster portal serve` on data of its own, with one station that may run one procedure."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        loaded = load_settings(data_dir=folder)
        migrations.upgrade(loaded)
        database = Database(Flask("benchmark"), loaded)
        with database.open() as db:
            self.procedure_id = create_procedure(db, SYSTEM, "Benchmark").id
            station = create_station(db, SYSTEM, "Bench", [self.procedure_id])
            self.key = create_station_key(db, SYSTEM, station.id)
        database.engine.dispose()
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self) -> None:
        """Serve on a free port."""
        unlimited = {"STATIONMASTER_KEY_RATE_PER_S": "0"}  # all uploaders share one key here
        environment = {**os.environ, "STATIONMASTER_LOG_JSON": "true", **unlimited, **self._settings}
        command = [str(Path(sys.executable).parent / "stationmaster"), "portal", "serve", "--port", "0"]
        self._process = subprocess.Popen(
            [*command, "--data-dir", str(self.folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline().rsplit(":", 1)[1])
        _wait(self.port)

    def kill(self) -> None:
        """As a power cut would, as far as a process can."""
        assert self._process is not None
        self._process.kill()
        subprocess.run(["pkill", "-KILL", "-P", str(self._process.pid)], check=False)
        self._process.wait()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stopped meanwhile, with all its connections open."""
        assert self._process is not None
        pids = [self._process.pid, *map(int, subprocess.run(
            ["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=True
        ).stdout.split())]  # fmt: skip
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """In order."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)

    def uploader(self) -> Uploader:
        """A station's program, as far as the portal can tell."""
        return Uploader(self.port, self.key)


class Uploader:
    """Posts runs over one connection that stays open."""

    def __init__(self, port: int, key: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def post(self, body: bytes, idempotency_key: str | None = None) -> tuple[int, bytes]:
        """Status and answer."""
        headers = self._headers | ({"Idempotency-Key": idempotency_key} if idempotency_key else {})
        self._connection.request("POST", "/api/v2/runs", body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def get(self, path: str) -> bytes:
        """The answer to a read; must be 200."""
        try:
            self._connection.request("GET", path, headers=self._headers)
            answer = self._connection.getresponse()
        except ConnectionError:  # idle for too long: the portal has hung up
            self._connection.close()
            self._connection.request("GET", path, headers=self._headers)
            answer = self._connection.getresponse()
        found = answer.read()
        assert answer.status == 200, found
        return found


class PlainSql:
    """sqlite3 in WAL mode, one writer, one transaction a run: the rows and indexes of the portal's schema.

    pristine: the data directory of a portal that has no run yet.
    """

    def __init__(self, pristine: Path, folder: Path) -> None:
        shutil.copytree(pristine, folder)
        self._database = sqlite3.connect(folder / "portal.db", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._database.execute(f"PRAGMA {pragma}")
        self._ids: dict[str, str] = {}
        self._number = 0
        self._station = self._database.execute("SELECT id FROM stations").fetchone()[0]

    def store_all(self, bodies: list[dict[str, Any]]) -> None:
        """One transaction each."""
        for body in bodies:
            self.store(body)

    def store(self, body: dict[str, Any]) -> None:
        """One run: its row, 10 phases, 30 measurements; and its unit and part where they are new."""
        execute = self._database.execute
        execute("BEGIN IMMEDIATE")
        now = _text(datetime.now(UTC).isoformat())
        revision, part = self._revision(body["part_number"], now)
        unit = self._unit(body["serial_number"], revision, now)
        self._number += 1
        run_id = _id()
        _insert(
            execute, "runs", id=run_id, procedure_id=body["procedure_id"], unit_id=unit, part_id=part,
            revision_id=revision, station_id=self._station, outcome=body["outcome"],
            started_at=_text(body["started_at"]), ended_at=_text(body["ended_at"]), duration_ms=20000, created_at=now,
            execution_id=body["execution_id"], slot_key="", is_simulated=0, has_made_unit=1, ordinal=self._number,
            edits=0, metadata="{}",
        )  # fmt: skip
        place = 0
        for position, phase in enumerate(body["phases"]):
            phase_id = _id()
            _insert(
                execute, "phases", id=phase_id, run_id=run_id, procedure_id=body["procedure_id"], position=position,
                name=phase["name"], outcome=phase["outcome"], started_at=_text(phase["started_at"]),
                ended_at=_text(phase["ended_at"]), retry_count=0, duration_ms=1500,
                is_final_attempt=1,
            )  # fmt: skip
            for one in phase["measurements"]:
                _insert(
                    execute, "measurements", id=_id(), phase_id=phase_id, position=place, name=one["name"],
                    outcome=one["outcome"], measured_value=json.dumps(one["measured_value"]), units=one["units"],
                    validators=json.dumps(one["validators"]), aggregations="[]",
                )  # fmt: skip
                place += 1
        execute("COMMIT")

    def _revision(self, number: str, now: str) -> tuple[str, str]:
        if number not in self._ids:
            part, revision = _id(), _id()
            count = len(self._ids) + 1
            _insert(
                self._database.execute, "parts", id=part, number=number, number_key=number.lower(), name=number,
                created_at=now, ordinal=count, edits=0,
            )  # fmt: skip
            _insert(
                self._database.execute, "revisions", id=revision, part_id=part, number="A", number_key="a",
                is_default=1, created_at=now, edits=0,
            )  # fmt: skip
            self._ids[number] = revision
            self._ids[f"part of {number}"] = part
        return self._ids[number], self._ids[f"part of {number}"]

    def _unit(self, serial: str, revision: str, now: str) -> str:
        if serial not in self._ids:
            self._ids[serial] = _id()
            _insert(
                self._database.execute, "units", id=self._ids[serial], serial_number=serial,
                serial_key=serial.lower(), revision_id=revision, created_at=now, run_count=1,
                ordinal=len(self._ids), edits=0,
            )  # fmt: skip
        return self._ids[serial]


@contextmanager
def bare_flask(pristine: Path, folder: Path) -> Iterator[Uploader]:
    """An endpoint that parses the body and stores the same rows, and nothing else; on the same server."""
    source = Path(__file__).with_name("bare_flask.py")
    port_file = folder.with_suffix(".port")
    environment = {**os.environ, "BARE_PRISTINE": str(pristine), "BARE_DATA": str(folder), "BARE_PORT": str(port_file)}
    process = subprocess.Popen([sys.executable, str(source)], env=environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not port_file.exists() or not port_file.read_text():
            if time.monotonic() > deadline:
                raise TimeoutError("the bare endpoint did not start")
            time.sleep(0.05)
        _wait(int(port_file.read_text()))
        yield Uploader(int(port_file.read_text()))
    finally:
        process.terminate()
        process.wait(20)


def _insert(execute: Any, table: str, **values: object) -> None:
    columns = ", ".join(f'"{name}"' for name in values)
    execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(values))})", tuple(values.values()))


def _id() -> str:
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return str(uuid.UUID(int=value))


def _text(instant: str) -> str:
    return datetime.fromisoformat(instant).astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _wait(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
