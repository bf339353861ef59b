"""Runs that are far longer than a page: the beginning is shown, the rest can be had, and no page is over 500 kB."""

from __future__ import annotations

import html
import math
import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from portal.database import Db
from portal.services import procedures, runs
from portal.services.actors import SYSTEM
from tests.pages.records import BEGAN_AT, phase, record, value

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
LARGEST_PAGE_BYTES = 500_000


@pytest.fixture
def procedure_id(db: Db) -> str:
    return procedures.create_procedure(db, SYSTEM, "PCBA functional test", "pcba_functional").id


def sweep(points: int, name: str = "ripple") -> dict[str, Any]:
    ys = [math.sin(n / 1000) for n in range(points)]
    ys[points // 3] = 9.5
    axes = {"x_axis": {"data": [n * 1e-6 for n in range(points)], "units": "s"}, "y_axis": [{"data": ys, "units": "V"}]}
    return {"name": name, "outcome": "PASS", **axes}


def line(number: int, message: str = "measured the rail once more") -> dict[str, Any]:
    at = BEGAN_AT + timedelta(milliseconds=number)
    return {
        "level": "INFO", "timestamp": at, "message": f"{number}: {message}", "source_file": "main.py", "line_number": 1,
    }  # fmt: skip


def follow(viewer: FlaskClient, path: str, what: str) -> list[str]:
    """The page and, one after the other, what its link to the rest leads to."""
    texts = []
    url: str | None = path
    while url is not None:
        answer = viewer.get(url, headers=PARTIAL if texts else {})
        assert answer.status_code == 200
        assert len(answer.data) < LARGEST_PAGE_BYTES, url
        texts.append(answer.text)
        found = re.search(rf'id="more-{what}"><a class="btn" href="([^"]+)" hx-get="([^"]+)"', answer.text)
        url = html.unescape(found[2]) if found else None
    return texts


def test_a_thousand_phases_and_a_million_points_fit_on_a_page(viewer: FlaskClient, db: Db, procedure_id: str) -> None:
    phases = [
        phase(f"phase {n:04}", "PASS", *(value(f"m{n:04}-{m}", "PASS", 4.98 + m, "V") for m in range(3)))
        for n in range(1000)
    ]
    phases[0]["measurements"].append(sweep(1_000_000))
    run_id = runs.create_run(db, SYSTEM, record(procedure_id, phases=phases, logs=[line(n) for n in range(5000)]))

    pages = follow(viewer, f"/runs/{run_id}", "phases")

    assert "1000000 points from 0 to 0.999999; lowest −1, highest 9.5." in pages[0]
    assert len(re.findall(r"<polyline", pages[0])) == 1
    seen = re.findall(r'<th scope="row">(m\d{4}-\d)', "".join(pages))
    assert seen == [f"m{n:04}-{m}" for n in range(1000) for m in range(3)]
    assert re.findall(r"<bdi>phase (\d{4})</bdi></h3>", "".join(pages)) == [f"{n:04}" for n in range(1000)]
    lines = "".join(follow(viewer, f"/runs/{run_id}", "logs"))
    assert [int(n) for n in re.findall(r"(\d+): measured", lines)] == list(range(5000))


def test_the_rest_is_a_page_too(viewer: FlaskClient, db: Db, procedure_id: str) -> None:
    phases = [phase(f"phase {n}", "PASS") for n in range(200)]
    run_id = runs.create_run(db, SYSTEM, record(procedure_id, phases=phases, logs=[line(n) for n in range(900)]))

    whole = viewer.get(f"/runs/{run_id}/phases?phase=150").text
    log = viewer.get(f"/runs/{run_id}/logs?line=800").text

    assert whole.startswith("<!doctype html>")
    assert "<title>" in whole
    assert ">phase 150<" in whole
    assert ">phase 149<" not in whole
    assert "899: measured" in log
    assert f'href="/runs/{run_id}"' in log
    for nonsense in ("phases?phase=x", "phases?phase=99999999999", "logs?line=-1", "phases?phase=7&measurement=2.5"):
        assert viewer.get(f"/runs/{run_id}/{nonsense}").status_code == 200
    assert "no phases from here on" in viewer.get(f"/runs/{run_id}/phases?phase=200").text
    assert viewer.get("/runs/nonsense/phases").status_code == viewer.get("/runs/nonsense/logs").status_code == 404


def test_one_phase_with_thousands_of_measurements_is_continued(viewer: FlaskClient, db: Db, procedure_id: str) -> None:
    many = [value(f"m{n:04}", "PASS", n, "V") for n in range(3000)]
    run_id = runs.create_run(db, SYSTEM, record(procedure_id, phases=[phase("all", "PASS", *many)]))

    pages = follow(viewer, f"/runs/{run_id}", "phases")

    assert re.findall(r'<th scope="row">m(\d{4})', "".join(pages)) == [f"{n:04}" for n in range(3000)]
    assert all("continued" in text for text in pages[1:])
    ids = re.findall(r' id="(phase-[^"]+)"', "".join(pages))
    assert len(ids) == len(set(ids))


def test_many_curves_and_long_texts_are_spread_over_pages(viewer: FlaskClient, db: Db, procedure_id: str) -> None:
    measured = [sweep(3000, f"curve {n}") for n in range(20)]
    phases = [phase("curves", "PASS", *measured), phase("words", "PASS") | {"docstring": "x" * 90_000}] * 2
    run_id = runs.create_run(
        db, SYSTEM, record(procedure_id, phases=phases, logs=[line(n, "y" * 9000) for n in range(100)])
    )

    pages = follow(viewer, f"/runs/{run_id}", "phases")

    assert sum(text.count('<svg class="chart"') for text in pages) == 40
    assert len(follow(viewer, f"/runs/{run_id}", "logs")) > 5


def test_what_failed_far_behind_is_listed_and_leads_there(viewer: FlaskClient, db: Db, procedure_id: str) -> None:
    bad = value("rail", "FAIL", 2.9, "V")
    phases = [phase(f"phase {n}", "PASS") for n in range(500)] + [phase("late", "FAIL", bad), phase("dead", "ERROR")]
    run_id = runs.create_run(db, SYSTEM, record(procedure_id, phases=phases))

    text = viewer.get(f"/runs/{run_id}").text

    listed = text.partition('id="failures-title"')[2].partition("</section>")[0]
    links = [html.unescape(link) for link in re.findall(r'href="([^"]+)"', listed)]
    assert len(links) == 2
    for link, name in zip(links, ("measurement", "phase"), strict=True):
        path, _, anchor = link.partition("#")
        assert anchor.startswith(name)
        assert f'id="{anchor}"' in viewer.get(path).text


def test_a_run_that_failed_everywhere_still_fits(viewer: FlaskClient, db: Db, procedure_id: str) -> None:
    bad = [value(f"rail {n}", "FAIL", 2.9, "V") for n in range(3)]
    phases = [phase(f"phase {n}", "FAIL", *bad) for n in range(1000)]
    run_id = runs.create_run(db, SYSTEM, record(procedure_id, phases=phases))

    text = viewer.get(f"/runs/{run_id}").text

    assert len(text.encode()) < LARGEST_PAGE_BYTES
    assert "only the first" in text
