"""Goals 1, 2 and 3 of performance: taking in runs, its tail, and what durability costs."""

from __future__ import annotations

import json
import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import Figure
from benchmarks.subjects import PlainSql, PortalUnderTest, Uploader, bare_flask, run_body

ROUNDS = 5
TURNS, RUNS = 25, 50  # of throughput: short ones, so that what else the machine does meets all alike
UPLOADERS, TAIL_RUNS = 8, 100


def measure() -> list[Figure]:
    """All three, in one run."""
    with tempfile.TemporaryDirectory(prefix="stationmaster-bench-") as name:
        folder = Path(name)
        return [*_throughput(folder / "1"), *_tail(folder / "2"), *_durability(folder / "3")]


def _throughput(folder: Path) -> list[Figure]:
    portal = PortalUnderTest(folder / "portal")
    pristine = shutil.copytree(portal.folder, folder / "pristine")
    plain = PlainSql(pristine, folder / "plain")
    portal.start()
    numbers = iter(range(10_000_000))
    ratios: dict[str, list[float]] = {"plain SQL": [], "bare Flask": []}
    try:
        with bare_flask(pristine, folder / "bare") as bare:
            uploader = portal.uploader()
            for _ in range(TURNS):
                bodies = [run_body(portal.procedure_id, next(numbers)) for _ in range(RUNS)]
                texts = [json.dumps(body).encode() for body in bodies]
                ours = _seconds(_post_all, uploader, texts)
                ratios["plain SQL"].append(_seconds(plain.store_all, bodies) / ours)
                ratios["bare Flask"].append(_seconds(_post_all, bare, texts) / ours)
    finally:
        portal.stop()
    return [
        Figure("1", "ingest against plain SQL", ratios["plain SQL"], at_least=0.15),
        Figure("1", "ingest against a bare Flask endpoint", ratios["bare Flask"], at_least=0.7),
    ]


def _tail(folder: Path) -> list[Figure]:
    portal = PortalUnderTest(folder)
    portal.start()
    ratios = []
    try:
        for round_ in range(ROUNDS):
            taken = _full_speed(portal, round_)
            ratios.append(statistics.quantiles(taken, n=100)[98] / statistics.mean(taken))
        stored = _count(portal)
    finally:
        portal.stop()
    expected = ROUNDS * UPLOADERS * TAIL_RUNS
    return [
        Figure("2", f"p99 / mean latency of {UPLOADERS} uploaders at full speed", ratios, at_most=4.0),
        Figure("2", "runs stored / acknowledged", [stored / expected], at_least=1.0, at_most=1.0),
    ]


def _durability(folder: Path) -> list[Figure]:
    portals = {sync: PortalUnderTest(folder / sync, STATIONMASTER_SYNC=sync) for sync in ("full", "normal")}
    ratios = []
    for portal in portals.values():
        portal.start()
    try:
        for round_ in range(ROUNDS):
            speed = {sync: _seconds(_full_speed, portal, round_) for sync, portal in portals.items()}
            ratios.append(speed["normal"] / speed["full"])
    finally:
        portals["normal"].stop()
    lost = _lost_by_a_kill(portals["full"])
    return [
        Figure("3", "synchronous=FULL against NORMAL, 8 uploaders", ratios, at_least=0.8),
        Figure("3", "acknowledged runs lost by kill -9", [float(lost)], at_most=0.0),
    ]


def _lost_by_a_kill(portal: PortalUnderTest) -> int:
    before = _count(portal)
    acknowledged: list[int] = []
    threads = [threading.Thread(target=_until_cut, args=(portal, place, acknowledged)) for place in range(UPLOADERS)]
    for thread in threads:
        thread.start()
    while len(acknowledged) < 200:
        time.sleep(0.01)
    portal.kill()
    for thread in threads:
        thread.join()
    portal.start()
    try:
        return max(0, before + len(acknowledged) - _count(portal))
    finally:
        portal.stop()


def _until_cut(portal: PortalUnderTest, place: int, acknowledged: list[int]) -> None:
    uploader = portal.uploader()
    for number in range(100_000):
        body = json.dumps(run_body(portal.procedure_id, 50_000_000 + place * 100_000 + number)).encode()
        try:
            status, _ = uploader.post(body)
        except OSError:
            return
        except Exception:  # noqa: BLE001  (half an answer is none)
            return
        if status == 200:
            acknowledged.append(status)


def _full_speed(portal: PortalUnderTest, round_: int) -> list[float]:
    """Seconds of each of 8 x 100 uploads, eight at a time."""
    taken: list[float] = []
    failures: list[object] = []

    def upload(place: int) -> None:
        uploader = portal.uploader()
        start = (round_ * UPLOADERS + place) * TAIL_RUNS + 1_000_000
        for number in range(start, start + TAIL_RUNS):
            body = json.dumps(run_body(portal.procedure_id, number)).encode()
            began = time.perf_counter()
            status, answer = uploader.post(body, f"{round_}:{number}")
            taken.append(time.perf_counter() - began)
            if status != 200:
                failures.append(answer)

    threads = [threading.Thread(target=upload, args=(place,)) for place in range(UPLOADERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    return taken


def _post_all(uploader: Uploader, bodies: list[bytes]) -> None:
    for body in bodies:
        status, answer = uploader.post(body)
        assert status == 200, answer


def _count(portal: PortalUnderTest) -> int:
    database = sqlite3.connect(portal.folder / "portal.db")
    try:
        return int(database.execute("SELECT COUNT(*) FROM runs").fetchone()[0])
    finally:
        database.close()


def _seconds(act: Callable[..., object], *given: object) -> float:
    began = time.perf_counter()
    act(*given)
    return time.perf_counter() - began
