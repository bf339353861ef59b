"""The outbox's law: killed at any point, nothing is lost and nothing stored twice."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from station.outbox import Outbox
from tests.agent.fake_portal import FakePortal

RECORDS = 3
KILLS = 4


def run_until(folder: Path, portal_url: str, lines_to_live: int) -> tuple[int, set[str]]:
    """Exit status, and the records that were promised to be kept."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.agent.killed_uploader",
            str(folder),
            portal_url,
            str(RECORDS),
            str(lines_to_live),
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, {line.removeprefix("put ") for line in done.stdout.splitlines() if line.startswith("put ")}


@pytest.mark.parametrize("seed", range(3))
def test_each_record_is_stored_once_with_its_file(portal: FakePortal, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(KILLS):
        status, promised = run_until(tmp_path, portal.url, chance.randrange(1, 900))
        assert status in (-signal.SIGKILL, 0)
        with closing(Outbox(tmp_path / "outbox.db")) as outbox:
            assert promised <= {record.execution_id for record in outbox.records()}

    status, _ = run_until(tmp_path, portal.url, 0)

    assert status == 0
    assert {key: json.loads(body) for key, (_, body) in portal.runs_by_key.items()} == {
        f"execution-{n}": {"serial_number": f"SN-{n}"} for n in range(RECORDS)
    }
    stored_files = {
        key: (attachment["name"], portal.uploads[attachment["id"]])
        for key, attachment in portal.attachments_by_key.items()
    }
    assert stored_files == {f"execution-{n}:0": (f"{n}.csv", f"file {n}".encode()) for n in range(RECORDS)}
