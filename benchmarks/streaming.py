"""Goal 7 of performance: the test does not pay for being watched.

A test of 1000 phases, by itself and run by a station that streams it live to ten browsers; also with the portal stopped
in the middle (SIGSTOP), which a hanging network looks like from the bench. Measured inside the script, from the first
phase to the last: what starting costs is another matter. All wait for the word to go, and go one after the other.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bench_sim.fleet import SimulatedStation, run_command
from benchmarks.report import Figure
from benchmarks.subjects import PortalUnderTest

ROUNDS, WATCHERS, PHASES = 5, 10, 1000
MOST = 1.05
LIMIT_S = 120.0
PASSWORD = "correct horse battery"

# Each phase measures something, as tests do, and takes about a millisecond, as few tests do.
SCRIPT = f"""
import pathlib
import time
import openhtf as htf

HERE = pathlib.Path(__file__).parent


def ready(test):
    (HERE / "ready").touch()
    while not (HERE / "go").exists():
        time.sleep(0.005)
    (HERE / "go").unlink()
    test.state["began"] = time.perf_counter()


def one(number):
    @htf.PhaseOptions(name=f"phase_{{number}}")
    @htf.measures(htf.Measurement("level").in_range(0, 10).with_units("V"))
    def phase(test):
        test.measurements.level = 5 + number % 5
        until = time.perf_counter() + 0.001
        while time.perf_counter() < until:
            pass

    return phase


def last(test):
    taken = time.perf_counter() - test.state["began"]
    (HERE / "taken.new").write_text(str(taken))
    (HERE / "taken.new").rename(HERE / "taken")


if __name__ == "__main__":
    htf.Test(ready, *map(one, range({PHASES})), last, test_name="long").execute(lambda: "SN-1")
"""


def measure() -> list[Figure]:
    """The ratios of wall times."""
    with (
        tempfile.TemporaryDirectory(prefix="stationmaster-bench-") as name,
        _watched_bench(Path(name)) as (portal, seen),
    ):
        bare, streamed = Path(name, "bare"), Path(name, "home", "procedures", "long")
        _write(bare)
        live, stopped = [], []
        for _ in range(ROUNDS):
            seen.settle()
            alone = _bare(bare)
            before = seen.count
            live.append(_go(streamed) / alone)
            assert seen.count >= before + WATCHERS * PHASES / 10, "the browsers have seen little of the run"
            seen.settle()
            alone = _bare(bare)
            stopped.append(_go(streamed, portal) / alone)
    return [
        Figure(
            "7",
            f"a test of {PHASES} phases, streamed to {WATCHERS} browsers, against the bare script",
            live,
            at_most=MOST,
        ),
        Figure("7", "the same while the portal is stopped", stopped, at_most=MOST),
    ]


def _write(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(SCRIPT)


def _bare(folder: Path) -> float:
    with subprocess.Popen(
        [sys.executable, "main.py"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as script:
        taken = _go(folder)
        script.wait()
    return taken


def _go(folder: Path, stopped: PortalUnderTest | None = None) -> float:
    """Let the script in the folder go, and wait for what it took; meanwhile the portal may be stopped."""
    _await(folder / "ready").unlink()
    with stopped.standing_still() if stopped is not None else contextlib.nullcontext():
        (folder / "go").touch()
        result = _await(folder / "taken")
    taken = float(result.read_text())
    result.unlink()
    return taken


def _await(file: Path) -> Path:
    deadline = time.monotonic() + LIMIT_S
    while not file.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{file.name} never came")
        time.sleep(0.02)
    return file


class _Seen:
    """How many frames the browsers have got."""

    def __init__(self) -> None:
        self.count = 0

    def settle(self) -> None:
        """Wait until they get nothing more: what is measured next has the machine for itself."""
        before = -1
        while before != self.count:
            before = self.count
            time.sleep(0.5)

    def watch(self, url: str, headers: dict[str, str]) -> None:
        with contextlib.suppress(ConnectionClosed), connect(url, additional_headers=headers, max_size=None) as socket:
            for _ in socket:
                self.count += 1


@contextlib.contextmanager
def _watched_bench(folder: Path) -> Iterator[tuple[PortalUnderTest, _Seen]]:
    """A portal, a station that repeats the script, and ten browsers that watch it."""
    portal = PortalUnderTest(folder / "portal")
    data = ("--data-dir", str(portal.folder))
    run_command(
        "portal", "user", "add", "admin@example.com", "--role", "owner", "--password-stdin", *data, stdin=PASSWORD
    )
    procedure = run_command("portal", "procedure", "create", "Long", "--identifier", "long", *data)
    station_id = run_command("portal", "station", "create", "Bench 7", "--procedure", procedure, *data)
    token = run_command("portal", "token", "create", "--station", "Bench 7", *data)
    portal.start()
    seen = _Seen()
    try:
        address = f"127.0.0.1:{portal.port}"
        cookies = httpx.post(
            f"http://{address}/sign-in", data={"email": "admin@example.com", "password": PASSWORD},
            headers={"Sec-Fetch-Site": "same-origin"},
        ).cookies  # fmt: skip
        headers = {
            "Cookie": SimpleCookie(dict(cookies)).output(header="", sep=";").strip(),
            "Origin": f"http://{address}",
        }
        for _ in range(WATCHERS):
            where = (f"ws://{address}/live/stations/{station_id}", headers)
            threading.Thread(target=seen.watch, args=where, daemon=True).start()
        _write(folder / "home" / "procedures" / "long")
        plan = folder / "autopilot.json"
        plan.write_text(json.dumps({"procedure": "long", "pause_s": 0}))
        with SimulatedStation(folder / "home", folder / "station.log") as station:
            station.enrol(f"http://{address}", token, ["--autopilot", str(plan)])
            station.start()
            yield portal, seen
    finally:
        portal.stop()
