"""The record as a page: found in the list, whole on its own page, its files safe to open."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from portal.database import Db
from portal.services import attachments, runs, stations
from portal.services.actors import SYSTEM
from tests.pages.records import BEGAN_AT, limit, phase, record, value

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def run_id(db: Db, procedure_id: str) -> str:
    return runs.create_run(db, SYSTEM, record(procedure_id))


def attach(db: Db, run_id: str, name: str, content: bytes, phase: str | None = None) -> str:
    announced = attachments.create_attachment(db, SYSTEM, run_id, name, phase)
    attachments.receive_upload(db, announced.id, io.BytesIO(content), "text/html")
    return announced.id


def test_a_run_shows_its_verdict_unit_and_measurements_with_units_and_limits(viewer: FlaskClient, run_id: str) -> None:
    text = viewer.get(f"/runs/{run_id}").text

    for words in (
        "SN-000013", "PCB-100", "mk@example.com", "PCBA functional test", "FAIL", "41.0 s",
        "2.913 V", "3.135 … 3.465 V", "31.2 mA", "≤ 50 mA", "4.75 … 5.25 V", "matches ^2\\.", "attempt 2", "F-12",
    ):  # fmt: skip
        assert words in text, words
    assert "simulated</dt>" not in text


def test_what_failed_is_listed_once_and_leads_to_its_last_attempt(viewer: FlaskClient, run_id: str) -> None:
    text = viewer.get(f"/runs/{run_id}").text

    listed = text.partition('id="failures-title"')[2].partition("</section>")[0]
    anchors = re.findall(r'href="#([^"]+)"', listed)
    assert len(anchors) == 1
    assert f'id="{anchors[0]}"' in text.partition("attempt 2")[2]


def test_a_sweep_is_a_drawing_with_limits_and_its_numbers_in_a_table(viewer: FlaskClient, run_id: str) -> None:
    text = viewer.get(f"/runs/{run_id}").text

    assert text.count('<svg class="chart"') == 1
    assert "load_regulation: output [V] over load [A], 5 points from 0 to 1; lowest 4.94, highest 5.02." in text
    assert "upper limit 5.2" in text
    assert '<td class="number">0.75</td>' in text


def test_a_failed_sweep_is_listed_with_its_worst_point_and_limits(
    viewer: FlaskClient, db: Db, procedure_id: str
) -> None:
    weak = record(procedure_id).phases[3].model_copy(update={"outcome": "FAIL"})
    sweep = weak.measurements[0]
    falling = sweep.y_axis[0].model_copy(update={"data": [5.02, 4.9, 4.75, 4.6, 4.5]})
    weak = weak.model_copy(update={"measurements": [sweep.model_copy(update={"outcome": "FAIL", "y_axis": [falling]})]})
    run_id = runs.create_run(db, SYSTEM, record(procedure_id, phases=[weak]))

    text = viewer.get(f"/runs/{run_id}").text

    listed = text.partition('id="failures-title"')[2].partition("</section>")[0]
    assert "4.5 V at load 1 A, the worst of 3 points outside" in listed
    assert "limits 4.8 … 5.2 V" in listed


def test_a_phase_cut_short_by_stop_is_where_the_run_stopped_and_no_failure(
    viewer: FlaskClient, db: Db, procedure_id: str
) -> None:
    phases = [phase("power_on", "PASS"), phase("sweep", "ERROR"), phase("make_safe", "PASS")]
    run_id = runs.create_run(db, SYSTEM, record(procedure_id, outcome="ABORTED", phases=phases))

    text = viewer.get(f"/runs/{run_id}").text

    assert "What failed" not in text
    stopped = text.partition('id="stopped-title"')[2].partition("</section>")[0]
    anchor = re.search(r'href="#(phase-[^"]+)">sweep<', stopped)
    assert anchor
    panel = text.partition(f'id="{anchor[1]}"')[2].partition("</article>")[0]
    assert "stopped here" in panel
    assert "ERROR" not in panel


def test_what_failed_before_and_after_a_stop_is_still_listed(viewer: FlaskClient, db: Db, procedure_id: str) -> None:
    weak = value("rail_3v3", "FAIL", 2.913, "V", limit(">=", 3.135, "FAIL"))
    phases = [phase("rails", "FAIL", weak), phase("sweep", "ERROR"), phase("make_safe", "ERROR")]
    run_id = runs.create_run(db, SYSTEM, record(procedure_id, outcome="ABORTED", phases=phases))

    text = viewer.get(f"/runs/{run_id}").text

    failed = text.partition('id="failures-title"')[2].partition("</section>")[0]
    assert "rails: rail_3v3" in failed
    assert "make_safe" in failed
    assert "sweep" not in failed


def test_an_error_in_a_run_that_nobody_stopped_is_a_failure(viewer: FlaskClient, db: Db, procedure_id: str) -> None:
    run_id = runs.create_run(db, SYSTEM, record(procedure_id, outcome="ERROR", phases=[phase("sweep", "ERROR")]))

    text = viewer.get(f"/runs/{run_id}").text

    assert "sweep" in text.partition('id="failures-title"')[2].partition("</section>")[0]
    assert "stopped here" not in text


def test_a_log_line_is_shown_and_never_run(viewer: FlaskClient, run_id: str) -> None:
    text = viewer.get(f"/runs/{run_id}").text

    assert "3.3 V is &lt;b&gt;low&lt;/b&gt;" in text
    assert "<b>low</b>" not in text


def test_a_run_leads_to_the_units_history(viewer: FlaskClient, db: Db, procedure_id: str, run_id: str) -> None:
    retest = runs.create_run(db, SYSTEM, record(procedure_id, after=timedelta(minutes=5), outcome="PASS"))

    later = viewer.get(f"/runs/{retest}").text
    unit = viewer.get("/units/sn-000013").text

    assert f'href="/runs/{run_id}"' in later.partition("Previous runs")[2]
    history = unit.partition("What happened to this unit")[2]
    assert history.index(retest) < history.index(run_id)
    assert "SN-000013" in unit


def test_the_list_is_filtered_and_htmx_gets_only_the_table(
    viewer: FlaskClient, db: Db, procedure_id: str, run_id: str
) -> None:
    passed = runs.create_run(db, SYSTEM, record(procedure_id, "SN-000001", outcome="PASS"))

    part = viewer.get(f"/runs?outcome=PASS&procedure={procedure_id}", headers=PARTIAL)
    by_serial = viewer.get("/runs?serial=%20sn-000013%0D")

    assert part.text.lstrip().startswith('<div id="runs-table"')
    assert passed in part.text
    assert run_id not in part.text
    assert run_id in by_serial.text
    assert passed not in by_serial.text


def test_every_run_is_on_exactly_one_page(viewer: FlaskClient, db: Db, procedure_id: str) -> None:
    made = {
        runs.create_run(db, SYSTEM, record(procedure_id, f"SN-{number:06}", after=timedelta(seconds=number // 2)))
        for number in range(120)
    }

    seen: list[str] = []
    url: str | None = "/runs"
    while url is not None:
        text = viewer.get(url).text
        seen += re.findall(r'href="/runs/([0-9a-f-]{36})"', text)
        older = re.search(r'href="([^"]+)" rel="next"', text)
        url = older[1].replace("&amp;", "&") if older else None

    assert len(seen) == 120
    assert set(seen) == made


def test_the_overview_counts_the_last_day(viewer: FlaskClient, db: Db, procedure_id: str) -> None:
    stations.create_station(db, SYSTEM, "Bench 7")
    now = datetime.now(UTC)
    ago = max(now, now.replace(hour=0, minute=30)) - BEGAN_AT  # ten minutes ago is today
    for serial, outcome, minutes in [("A", "FAIL", 9), ("A", "PASS", 8), ("B", "PASS", 7), ("C", "PASS", 60 * 30)]:
        since = ago - timedelta(minutes=minutes)
        runs.create_run(db, SYSTEM, record(procedure_id, f"SN-{serial}", after=since, outcome=outcome, metadata={}))
    simulated = record(procedure_id, "SN-S", after=ago - timedelta(minutes=5), metadata={"simulated": True})
    runs.create_run(db, SYSTEM, simulated)

    text = " ".join(viewer.get("/").text.split())

    assert "<dt>Runs today</dt><dd>4" in text
    assert "1 of them on simulated benches" in text
    assert "<dt>First-pass yield today</dt><dd>50.0 %" in text
    assert "1 of 2 units" in text


def test_a_file_is_a_download_that_can_do_nothing_here(viewer: FlaskClient, db: Db, run_id: str) -> None:
    file_id = attach(db, run_id, 'odd "näme".html', b"<script>alert(1)</script>")

    for address in (f"/attachments/{file_id}", f"/attachments/{file_id}?inline=1"):
        answer = viewer.get(address, buffered=True)
        assert answer.data == b"<script>alert(1)</script>"
        assert answer.mimetype == "text/plain"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_picture_is_shown_with_its_phase(viewer: FlaskClient, db: Db, run_id: str) -> None:
    file_id = attach(db, run_id, "scope.png", PNG, phase="rails")

    page = viewer.get(f"/runs/{run_id}").text
    shown = viewer.get(f"/attachments/{file_id}?inline=1", buffered=True)

    assert f'src="/attachments/{file_id}?inline=1"' in page.partition("attempt 2")[2]
    assert page.count(">scope.png<") == 1
    assert shown.mimetype == "image/png"
    assert shown.headers["Content-Disposition"].startswith("inline")


def test_files_are_for_those_who_have_signed_in(viewer: FlaskClient, db: Db, run_id: str) -> None:
    file_id = attach(db, run_id, "log.txt", b"secret")
    stranger = viewer.application.test_client()

    answer = stranger.get(f"/attachments/{file_id}")

    assert answer.status_code == 303
    assert b"secret" not in answer.data


def test_the_list_follows_a_serial_number_while_it_is_typed(viewer: FlaskClient, db: Db, procedure_id: str) -> None:
    for serial in ("PCB-100%-7", "PCB-1007", "XYZ"):
        runs.create_run(db, SYSTEM, record(procedure_id, serial))

    assert viewer.get("/runs?serial=pcb-1").text.count("/runs/") >= 2
    assert "XYZ" not in viewer.get("/runs?serial=pcb-1").text
    assert "PCB-1007" not in viewer.get("/runs?serial=0%25-").text
    assert "PCB-100%-7" in viewer.get("/runs?serial=0%25-").text
