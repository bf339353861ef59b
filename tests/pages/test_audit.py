"""The audit log's pages, the palette and the overview, as different people get them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable

from flask.testing import FlaskClient

from portal.database import Db
from portal.pages.csv_lines import harmless
from portal.services import batches, stations
from portal.services.actors import SYSTEM, Role

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


def test_it_is_read_by_pages_and_narrowed(admin: FlaskClient, db: Db) -> None:
    for number in range(60):
        batches.create_batch(db, SYSTEM, f"W{number:02}")

    first = admin.get("/settings/audit?object_kind=batches").text
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older is not None
    last = admin.get(older[1].replace("&amp;", "&")).text
    narrowed = admin.get("/settings/audit?text=w07&from=2020-01-01&to=9999-99-99", headers=PARTIAL)

    assert (first.count('class="entry"'), last.count('class="entry"')) == (50, 10)
    assert "<html" not in narrowed.text
    assert narrowed.text.count('class="entry"') == 1
    assert 'href="/batches/W07"' in narrowed.text
    assert "No entry matches" in admin.get("/settings/audit?to=2020-01-01").text
    assert admin.get("/settings/audit?cursor=x").status_code == 400


def test_the_export_holds_what_is_filtered_and_no_formulas(admin: FlaskClient, db: Db) -> None:
    for name in ('=cmd|"/c calc"!A1', "W48", "<script>alert(1)</script>"):
        batches.create_batch(db, SYSTEM, name)

    answer = admin.get("/settings/audit.csv?object_kind=batches")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    lines = admin.get("/settings/audit.ndjson?object_kind=batches&text=W48").text.splitlines()

    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-')
    assert [row["object"] for row in rows] == ["<script>alert(1)</script>", "W48", '\'=cmd|"/c calc"!A1']
    assert [json.loads(line)["changes"] for line in lines] == [{"number": {"before": None, "after": "W48"}}]
    assert "<script>alert" not in admin.get("/settings/audit").text
    assert [harmless(cell) for cell in ("+1", "-1", "@a", "a=1")] == ["'+1", "'-1", "'@a", "a=1"]


def test_only_those_who_administer_read_it(admin: FlaskClient, sign_in: Callable[[Role], FlaskClient]) -> None:
    about = admin.get("/settings/about").text
    assert "SQLite" in about
    assert "migration 0" in about

    viewer = sign_in(Role.VIEWER)
    for path in ("", "/about", "/audit", "/audit.csv", "/audit.ndjson"):
        assert viewer.get(f"/settings{path}").status_code == 403, path


def test_a_stations_activity_is_for_all_who_see_it_and_its_details_for_those_who_administer(
    admin: FlaskClient, db: Db, sign_in: Callable[[Role], FlaskClient]
) -> None:
    station = stations.create_station(db, SYSTEM, "Bench 7")
    path = f"/stations/{station.id}/activity"
    assert f'href="{path}"' in admin.get(f"/stations/{station.id}").text

    seen = sign_in(Role.VIEWER).get(path).text

    assert "created the station" in seen
    assert "<details" not in seen
    assert 'class="entry"' in admin.get(path).text
    assert admin.get("/stations/00000000-0000-7000-8000-000000000000/activity").status_code == 404


def test_the_palette_shows_what_one_may_do(admin: FlaskClient, db: Db, sign_in: Callable[[Role], FlaskClient]) -> None:
    station = stations.create_station(db, SYSTEM, "<b>Bench</b> 7")
    viewer = sign_in(Role.VIEWER)

    all_of_it, found = admin.get("/palette", headers=PARTIAL).text, viewer.get("/palette?q=bench").text

    for words in ("New station", "Settings: Audit log", "Sign out"):
        assert f"<span>{words}</span>" in all_of_it
        assert (f"<span>{words}</span>" in viewer.get("/palette", headers=PARTIAL).text) == (words == "Sign out")
    assert f'href="/stations/{station.id}"' in found
    assert "&lt;b&gt;Bench&lt;/b&gt; 7" in found
    assert "Nothing is called" in admin.get("/palette?q=zzz", headers=PARTIAL).text


def test_a_fleet_shows_its_first_tiles_and_how_many_more(viewer: FlaskClient, db: Db) -> None:
    assert "No station is here yet" in viewer.get("/").text
    for number in range(63):
        stations.create_station(db, SYSTEM, f"Bench {number}")

    shown = viewer.get("/").text

    assert shown.count('class="tile"') == 60
    assert "3 more stations" in shown
