"""`stationmaster demo`, as `make demo` starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx

from bench_sim.fleet import command, run_command
from tests.e2e.programs import free_port
from tests.waiting import eventually


def start(port: int, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    words = command("demo", "--port", str(port), "--data-dir", str(folder))
    with log.open("wb") as file:
        return subprocess.Popen(words, stdout=file, stderr=file, start_new_session=True)


def stop(demo: subprocess.Popen[bytes]) -> int:
    demo.send_signal(signal.SIGINT)
    return demo.wait(60)


def running(folder: Path) -> list[str]:
    """Command lines of processes that work on the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words and "demo" not in words.split():
            found.append(words)
    return found


def test_the_demo_tests_by_itself_stops_cleanly_and_goes_on(tmp_path):
    port, folder, log = free_port(), tmp_path / "demo", tmp_path / "log"
    demo = start(port, folder, log)
    try:
        eventually(lambda: "Ctrl-C stops" in log.read_text(), within_s=120)
        printed = log.read_text()
        assert f"http://127.0.0.1:{port}" in printed
        password = re.search(r"password\s+(\S+)", printed)
        assert password
        uploaded = folder / "bench-1" / "station.log"
        eventually(lambda: "run_uploaded" in uploaded.read_text(), within_s=60)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Sec-Fetch-Site": "same-origin"}) as browser:
            form = {"email": "admin@example.com", "password": password[1]}
            assert browser.post("/sign-in", data=form).status_code == 303
            stations = browser.get("/stations").text
            assert all(f"Bench {n}" in stations for n in (1, 2, 3))
            assert "SN-000001" in browser.get("/runs").text
        second = subprocess.run(
            command("demo", "--port", str(free_port()), "--data-dir", str(folder)),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert second.returncode == 1
        assert second.stdout == ""
        assert f"(process {demo.pid}) already runs" in second.stderr
        assert len(second.stderr.splitlines()) == 1
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    finally:
        assert stop(demo) == 0
    assert running(folder) == []

    again = start(port, folder, log)
    try:
        eventually(lambda: "Ctrl-C stops" in log.read_text(), within_s=120)
        assert password[1] in log.read_text()
    finally:
        assert stop(again) == 0
    assert running(folder) == []


def stop_when(
    demo: subprocess.Popen[bytes], folder: Path, is_so: Callable[[], bool], number: signal.Signals = signal.SIGINT
) -> int:
    """Wait until the demo is so far, and signal it and what shares its terminal."""
    lock = folder / "lock"
    eventually(lambda: lock.exists() and lock.read_text().strip() == str(demo.pid), within_s=120, every_s=0.005)
    eventually(lambda: is_so() or demo.poll() is not None, within_s=120, every_s=0.005)
    assert demo.poll() is None
    os.killpg(demo.pid, number)
    return demo.wait(60)


def test_the_demo_stopped_anywhere_in_its_first_start_leaves_nothing_running_and_goes_on(tmp_path):
    port, folder, log = free_port(), tmp_path / "demo", tmp_path / "log"
    portal_log = folder / "portal.log"
    moments: list[Callable[[], bool]] = [
        (folder / "portal").exists,
        (folder / "administrator-password.txt").exists,
        lambda: portal_log.exists() and "portal on" in portal_log.read_text(),
        (folder / "bench-1.yaml").exists,
        (folder / "bench-2").exists,
    ]
    for is_so in moments:
        demo = start(port, folder, log)
        assert stop_when(demo, folder, is_so) == 0, log.read_text()
        assert log.read_text().splitlines() == [
            "Stopped. `make demo` goes on with the same data; `make demo-reset` starts over."
        ]
        assert running(folder) == []

    demo = start(port, folder, log)
    stop_when(demo, folder, lambda: "Ctrl-C stops" in log.read_text(), signal.SIGKILL)
    eventually(lambda: running(folder) == [], within_s=60)


def test_an_account_made_before_its_password_was_written_down_is_no_dead_end(tmp_path):
    folder = tmp_path / "demo"
    run_command("portal", "user", "add", "admin@example.com", "--role", "owner", "--data-dir", str(folder / "portal"))

    log = tmp_path / "log"
    assert start(free_port(), folder, log).wait(60) == 1

    assert "`make demo-reset` starts over" in log.read_text()
    assert len(log.read_text().splitlines()) == 1


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path):
    with subprocess.Popen(
        command("portal", "serve", "--port", "0", "--data-dir", str(tmp_path / "other")),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as other:
        assert other.stdout
        port = other.stdout.readline().rsplit(":", 1)[1].strip()
        done = subprocess.run(
            command("demo", "--port", port, "--data-dir", str(tmp_path / "demo")),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        os.killpg(other.pid, signal.SIGKILL)

    assert done.returncode == 1
    assert port in done.stderr
    assert "Traceback" not in done.stderr
