"""``stationmaster demo``: portal and simulated stations on this machine, through the same commands a user types.

It may be ended at any moment, by Ctrl-C or by a power cut, and goes on with the next start: each step of the first
start can be repeated, and what it started ends with it.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import FrameType

import click

from bench_sim.fleet import FleetError, SimulatedStation, command, die_with_parent, run_command
from stationmaster.cli_errors import Refusal
from stationmaster.folder_lock import FolderLock, Held

ADMINISTRATOR = "admin@example.com"
PROCEDURE = ("PCBA functional test", "pcba_functional")
START_LIMIT_S = 30.0
HERE_S = (45.0, 90.0)  # how long a station that comes and goes stays
AWAY_S = (15.0, 30.0)

# Bench 1: its simulated operator answers every prompt at once.
AUTOPILOT = {
    "procedure": PROCEDURE[1],
    "serials": "SN-{n:06d}",
    "first": 1,
    "pause_s": 3,
    "answers": {"insert_board": {"acknowledge": "true"}, "led_colour": {"response": "green"}},
}


@click.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="The portal's port.")
@click.option("--data-dir", type=click.Path(path_type=Path), default=Path(".demo"), show_default=True, help="Its data.")
@click.option("--stations", default=3, show_default=True, type=click.IntRange(1, 50), help="How many benches.")
def demo(port: int, data_dir: Path, stations: int) -> None:
    """Start everything on this machine, no questions: the portal, and simulated stations. Ctrl-C stops all of it."""
    data_dir = data_dir.resolve()
    url = f"http://127.0.0.1:{port}"
    stop = StopAsked()
    try:
        with _lock(data_dir):
            _run(data_dir, port, url, stations, stop)
    except FleetError as error:
        raise Refusal(str(error).removeprefix("stationmaster: ")) from None


def _lock(data_dir: Path) -> FolderLock:
    """Two demos on the same data would both drive the same stations."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return FolderLock(data_dir / "lock").acquire()
    except Held as held:
        raise Refusal(
            f"a demo (process {held.holder}) already runs on the data in {data_dir}: use it, stop it with Ctrl-C, "
            "or choose other data with --data-dir"
        ) from None
    except OSError as error:
        raise Refusal(f"the demo's data cannot be in {data_dir}: {error.strerror or error}") from None


class StopAsked:
    """Whether somebody asked to stop, by a signal. Made first: from then on nothing is left running."""

    def __init__(self) -> None:
        self._is_asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def __bool__(self) -> bool:
        return self._is_asked

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._is_asked = True


def _run(data_dir: Path, port: int, url: str, count: int, stop: StopAsked) -> None:
    portal_dir = data_dir / "portal"
    portal: subprocess.Popen[bytes] | None = None
    benches: list[SimulatedStation] = []
    try:
        password = _administrator(data_dir, portal_dir)
        if not stop:
            portal = _launch_portal(portal_dir, port, data_dir / "portal.log")
            _wait_for_portal(portal, url, data_dir / "portal.log", stop)
        for number in range(1, count + 1):
            if not stop:
                bench = SimulatedStation(data_dir / f"bench-{number}")
                benches.append(bench)
                _enrol(bench, data_dir, portal_dir, url, number)
                bench.start()
        if portal is not None and not stop:
            print(_greeting(url, password, count), flush=True)
            _supervise(portal, benches, stop)
    except FleetError:
        if not stop:  # else it was in the way of the same signal, just before it had a session of its own
            raise
    finally:
        for bench in benches:
            bench.stop()
        if portal is not None:
            portal.terminate()
            portal.wait()
    print("Stopped. `make demo` goes on with the same data; `make demo-reset` starts over.", flush=True)


def _administrator(data_dir: Path, portal_dir: Path) -> str:
    """The administrator's password: made on the first start, kept for the next ones in a file only we can read.

    It is written down before the account is made, under another name: an account without its password is lost.
    """
    note, draft = data_dir / "administrator-password.txt", data_dir / "administrator-password.new"
    if note.exists():
        return note.read_text().strip()
    repeated = ["--if-missing"] if draft.exists() and draft.read_text().strip() else []
    if not repeated:
        _write(draft, secrets.token_urlsafe(12) + "\n")
    password = draft.read_text().strip()
    try:
        run_command(
            "portal", "user", "add", ADMINISTRATOR, "--role", "owner", "--password-stdin", *repeated,
            "--data-dir", str(portal_dir), stdin=password,
        )  # fmt: skip
    except FleetError as error:
        draft.unlink()
        if "already a user" in str(error):
            raise FleetError(
                f"the password of {ADMINISTRATOR} is lost ({note} is missing): `make demo-reset` starts over"
            ) from None
        raise
    draft.rename(note)
    return password


def _write(file: Path, text: str) -> None:
    """Write a file that only we can read; whole, or not at all."""
    part = file.with_name(file.name + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    part.replace(file)


def _launch_portal(portal_dir: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    words = ("portal", "serve", "--port", str(port), "--data-dir", str(portal_dir))
    with log.open("wb") as file:
        return subprocess.Popen(
            command(*words), stdout=file, stderr=file, start_new_session=True, preexec_fn=die_with_parent
        )


def _wait_for_portal(portal: subprocess.Popen[bytes], url: str, log: Path, stop: StopAsked) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    # Its own word first: an answer on the port may come from another portal, which has it already.
    while not (stop or (url in log.read_text(errors="replace") and _is_healthy(url))):
        if portal.poll() is not None:
            lines = log.read_text(errors="replace").strip().splitlines() or ["the portal ended without a word"]
            raise FleetError(lines[-1])
        if time.monotonic() > deadline:
            raise FleetError(f"the portal did not answer within {START_LIMIT_S:.0f} s: see {log}")
        time.sleep(0.1)


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:  # noqa: S310  (our own address)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _enrol(bench: SimulatedStation, data_dir: Path, portal_dir: Path, url: str, number: int) -> None:
    """Create and enrol the bench, unless an earlier start did."""
    name = f"Bench {number}"
    where = ("--data-dir", str(portal_dir))
    if not bench.is_enrolled:
        words = ("--procedure", _procedure(portal_dir), "--if-missing")
        run_command("portal", "station", "create", name, *words, *where)
        if number == 1:
            autopilot, own_bench = data_dir / "autopilot.json", data_dir / "bench-1.yaml"
            autopilot.write_text(json.dumps(AUTOPILOT))
            own_bench.write_text(_bench_with_faults())
            options = ["--bench", str(own_bench), "--autopilot", str(autopilot)]
        else:
            options = ["--bench", "pcba"]
        bench.enrol(url, run_command("portal", "token", "create", "--station", name, *where), options)
    _point_to(bench, url)


@cache
def _procedure(portal_dir: Path) -> str:
    """The id of the procedure that all benches may run."""
    name, identifier = PROCEDURE
    words = ("--identifier", identifier, "--if-missing", "--data-dir", str(portal_dir))
    return run_command("portal", "procedure", "create", name, *words)


def _point_to(bench: SimulatedStation, url: str) -> None:
    """The same data may be served on another port this time."""
    file = bench.home / "credentials" / "station.json"
    credentials = json.loads(file.read_text())
    if credentials["portal_url"] != url:
        _write(file, json.dumps({**credentials, "portal_url": url}))


def _bench_with_faults() -> str:
    """The shipped bench, but one unit in eight has a fault: a line that never fails teaches nothing."""
    shipped = (files("bench_sim") / "benches" / "pcba.yaml").read_text()
    return shipped.replace("fault_rate: 0\n", "fault_rate: 0.125\n")


def _greeting(url: str, password: str, count: int) -> str:
    who = ["tests unit after unit by itself", "waits for an operator", "comes and goes"]
    benches = [f"  Bench {n}  {who[n - 1] if n <= len(who) else who[1]}" for n in range(1, count + 1)]
    sign_in = [f"  sign in   {ADMINISTRATOR}", f"  password  {password}"]
    return "\n".join(["", f"Stationmaster runs on {url}", *sign_in, "", *benches, "", "Ctrl-C stops all of it."])


def _supervise(portal: subprocess.Popen[bytes], benches: list[SimulatedStation], stop: StopAsked) -> None:
    """Until somebody stops it: the third bench leaves and comes back, sometimes without a good-bye."""
    rng = random.Random(7)  # noqa: S311  (a rhythm, not a secret)
    visitor = benches[2] if len(benches) > 2 else None
    next_move = time.monotonic() + rng.uniform(*HERE_S)
    while not stop:
        time.sleep(0.2)
        if portal.poll() is not None:
            print("stationmaster: the portal has ended: see portal.log in the data directory", file=sys.stderr)
            return
        if visitor is not None and time.monotonic() > next_move:
            if not visitor.is_running:
                visitor.start()
                next_move = time.monotonic() + rng.uniform(*HERE_S)
            else:
                visitor.kill() if rng.random() < 0.4 else visitor.stop()
                next_move = time.monotonic() + rng.uniform(*AWAY_S)
