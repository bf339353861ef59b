"""Units, parts and batches as pages: found, sorted, linked with each other."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.database import Db
from portal.services import attachments, parts, units
from portal.services.actors import SYSTEM
from portal.services.unit_children import add_child

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
Tested = Callable[..., str]


def made(db: Db, serial: str, part: str = "PCB-100", **facts: object) -> str:
    units.create_unit(db, SYSTEM, units.NewUnit(serial, part, "A", **facts))
    return serial


def serials(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a class="mono" href="/units/[^"]+">([^<]+)</a>', text)


@pytest.mark.parametrize("path", ["/units", "/parts", "/batches"])
def test_an_empty_list_teaches_the_next_step_and_another_one_shows_all(viewer: FlaskClient, path: str) -> None:
    empty = viewer.get(path).text
    narrowed = viewer.get(f"{path}?search_query=nothing").text

    assert "empty-title" in empty
    assert f"POST http://localhost/api/v2{path}" in empty
    assert "matches" in narrowed
    assert f'href="{path}"' in narrowed.partition("empty-title")[2]


def test_a_unit_is_listed_with_what_it_is_and_its_last_verdict(viewer: FlaskClient, tested: Tested) -> None:
    tested("SN-1", 0, batch_number="B-7", revision_number="C")
    last = tested("SN-1", 5, outcome="PASS")

    text = viewer.get("/units").text

    row = text.partition("<tbody>")[2]
    for words in ("/units/SN-1", "/parts/PCB-100", ">C<", "/batches/B-7", f"/runs/{last}", "PASS"):
        assert words in row, words
    assert '<td class="number">2</td>' in row
    assert "FAIL" not in row


def test_the_words_of_the_api_filter_the_page(viewer: FlaskClient, db: Db, tested: Tested, procedure_id: str) -> None:
    tested("SN-1", 0, batch_number="B-7")
    tested("SN-1", 5, outcome="PASS")
    tested("SN-2", 1, part_number="PSU-9")
    made(db, "XY-3", sample="golden")
    add_child(db, SYSTEM, "SN-1", "XY-3")

    def found(**query: str) -> list[str]:
        return serials(
            viewer.get("/units", query_string={"sort_by": "serial_number", "sort_order": "asc"} | query).text
        )

    assert found() == ["SN-1", "SN-2", "XY-3"]
    assert found(search_query=" sn-\r") == ["SN-1", "SN-2"]
    assert found(part_numbers="psu-9") == ["SN-2"]
    assert found(batch_numbers="b-7") == ["SN-1"]
    assert found(outcomes="PASS") == ["SN-1"]
    assert found(outcomes="FAIL", procedure_ids=procedure_id) == ["SN-2"]
    assert found(samples="production") == ["SN-1", "SN-2"]
    assert found(samples="golden") == ["XY-3"]
    assert found(exclude_units_with_parent="true") == ["SN-1", "SN-2"]
    assert found(outcomes="nonsense", sort_by="nonsense") != []
    part = viewer.get("/units?part_numbers=PSU-9", headers=PARTIAL).text
    assert part.lstrip().startswith('<div id="units-table"')


def test_heads_sort_and_say_so(viewer: FlaskClient, db: Db) -> None:
    for serial in ("B", "C", "A"):
        made(db, serial)

    usual = viewer.get("/units?part_numbers=PCB-100").text
    link = re.search(r'href="([^"]+)">Serial number', usual)
    assert link is not None
    turned = viewer.get(link[1].replace("&amp;", "&")).text

    assert serials(usual) == ["A", "C", "B"]
    assert serials(turned) == ["A", "B", "C"]
    assert turned.count('aria-sort="ascending"') == 1
    assert "sort_order=desc" in turned
    assert "part_numbers=PCB-100" in turned.partition("<thead>")[2]
    assert '<input type="hidden" name="sort_by" value="serial_number">' in turned


@pytest.mark.parametrize("path", ["/units", "/parts", "/batches/B-1"])
def test_every_row_is_on_exactly_one_page(viewer: FlaskClient, db: Db, path: str) -> None:
    expected = [f"N-{number:03}" for number in range(107)]
    for number in expected:
        made(db, number, part=number)
        units.update_unit(db, SYSTEM, number, units.UnitChanges(batch_number="B-1"))

    seen: list[str] = []
    url: str | None = path
    while url is not None:
        text = viewer.get(url).text
        seen += re.findall(r'<th scope="row"><a class="mono" href="[^"]+">([^<]+)</a>', text)
        further = re.search(r'href="([^"]+)" rel="next"', text)
        url = further[1].replace("&amp;", "&") if further else None

    assert seen == expected[::-1]


@pytest.mark.parametrize("cursor", ["x", "99999999", "-1", "²", "9" * 40])
def test_an_address_without_such_a_page_is_no_failure(viewer: FlaskClient, db: Db, cursor: str) -> None:
    made(db, "SN-1")

    answer = viewer.get("/units", query_string={"cursor": cursor})

    assert answer.status_code == 400


def test_a_unit_that_was_never_tested_has_its_page(viewer: FlaskClient, db: Db) -> None:
    made(db, "SN/1 ä", metadata={"line": "north", "ok": True})

    text = viewer.get("/units/sn/1%20ä").text

    for words in ("SN/1 ä", "never tested", "This unit has not been tested yet", "PCB-100", "north", "line"):
        assert words in text, words
    assert "Sub-units</h2>" not in text
    assert viewer.get("/units/none").status_code == 404


def test_the_tree_shows_what_is_above_and_below(viewer: FlaskClient, db: Db, tested: Tested) -> None:
    chain = [made(db, serial) for serial in ("RACK", "SHELF", "CARD", "CHIP")]
    for outer, inner in itertools.pairwise(chain):
        add_child(db, SYSTEM, outer, inner)
    made(db, "FAN")
    add_child(db, SYSTEM, "SHELF", "FAN")
    tested("CHIP", outcome="ERROR")

    text = viewer.get("/units/SHELF").text.partition("tree-title")[2].partition("</section>")[0]

    levels = re.findall(r'data-level="(\d)".+?class="mono"[^>]*>([A-Z]+)<', text, re.DOTALL)
    assert levels == [("0", "RACK"), ("1", "SHELF"), ("2", "CARD"), ("3", "CHIP"), ("2", "FAN")]
    assert text.count("aria-current") == 1
    assert "ERROR" in text.partition("CHIP")[2]
    assert 'href="/units/RACK"' in text


def test_a_unit_shows_its_files_and_the_run_that_brought_it(viewer: FlaskClient, db: Db, tested: Tested) -> None:
    first = tested("SN-1")
    file = units.attach_to_unit(db, SYSTEM, "SN-1", "photo.txt")
    attachments.receive_upload(db, file.id, io.BytesIO(b"hello"), "text/plain")

    text = viewer.get("/units/SN-1").text

    assert f'<a href="/runs/{first}">its first run</a>' in text
    assert f'href="/attachments/{file.id}"' in text
    assert viewer.get(f"/attachments/{file.id}", buffered=True).data == b"hello"


def test_a_part_shows_revisions_units_and_yield(viewer: FlaskClient, db: Db, tested: Tested) -> None:
    parts.create_part(db, SYSTEM, parts.NewPart("A/1", "Main board", "R1", {"layers": 4}))
    tested("SN-1", 0, part_number="A/1")
    tested("SN-1", 5, part_number="A/1", outcome="PASS")
    tested("SN-2", 1, part_number="A/1", revision_number="R2", outcome="PASS")
    tested("SN-3", 2, part_number="A/1", revision_number="R2", outcome="FAIL")
    tested("SN-4", 2, part_number="A/1", revision_number="R2", outcome="FAIL")
    units.update_unit(db, SYSTEM, "SN-4", units.UnitChanges(sample="failing"))

    text = " ".join(viewer.get("/parts/a/1").text.split())

    for words in ("Main board", "<dt>Units</dt><dd>4</dd>", "66.7 %", "of 3 tested", "100.0 %", "50.0 %", "layers"):
        assert words in text, words
    assert 'href="/parts/A/1/revisions/R2"' in text
    assert serials(text) == ["SN-4", "SN-3", "SN-2", "SN-1"]
    assert 'href="/parts/A/1"' in viewer.get("/parts?search_query=main").text
    assert viewer.get("/parts/none").status_code == 404


def test_a_revision_shows_its_units_runs_and_yield(viewer: FlaskClient, tested: Tested) -> None:
    tested("SN-1", 0, part_number="A/1", revision_number="R1")
    tested("SN-2", 1, part_number="A/1", revision_number="R2/x", outcome="PASS")
    runs = [tested(f"SN-{n}", n, part_number="A/1", revision_number="R2/x", outcome="FAIL") for n in range(3, 15)]

    text = " ".join(viewer.get("/parts/a/1/revisions/r2/X").text.split())

    for words in ("Revision", "R2/x", "<dt>Units</dt><dd>13</dd>", "7.7 %", "1 of 13 tested", 'href="/parts/A/1"'):
        assert words in text, words
    assert serials(text) == [f"SN-{n}" for n in range(14, 1, -1)]
    newest = text.partition('id="runs-title"')[2]
    assert re.findall(r'href="/runs/([^"?]+)"', newest) == runs[:-11:-1]
    assert 'href="/runs?part_numbers=A/1&amp;revision_numbers=R2/x"' in newest
    assert 'href="/parts/A/1/revisions/R2/x?sort_by=serial_number&amp;sort_order=asc"' in text
    for page in ("/parts/A/1", "/units", "/units/SN-2", f"/runs/{runs[0]}"):
        assert 'href="/parts/A/1/revisions/R2/x"' in viewer.get(page).text, page
    assert viewer.get("/parts/A/1/revisions/none").status_code == 404


def test_numbers_that_begin_or_end_with_a_slash_have_their_pages(viewer: FlaskClient, tested: Tested) -> None:
    for number in ("/", "/a", "a/", "//b//"):
        tested(f"SN{number}", part_number=number, revision_number="/")

        for page, title in ((f"/parts/{number}", f"Part {number} "), (f"/units/SN{number}", f"Unit SN{number} ")):
            answer = viewer.get(page)
            assert (answer.status_code, f"<title>{title}" in answer.text) == (200, True), page
        assert viewer.get(f"/parts/{number}/revisions//").status_code == 200


def test_a_batch_shows_its_units_with_their_last_verdicts(viewer: FlaskClient, tested: Tested) -> None:
    tested("SN-1", 0, batch_number="B-7")
    tested("SN-2", 1, batch_number="B-7", outcome="PASS")

    listed, text = viewer.get("/batches?part_numbers=pcb-100").text, viewer.get("/batches/b-7").text

    assert 'href="/batches/B-7">B-7</a></th><td class="number">2</td>' in listed
    assert serials(text) == ["SN-2", "SN-1"]
    assert "50.0 %" in text
    assert text.count('data-outcome="pass"') >= 1
    assert 'href="/batches/B-7?sort_by=serial_number&amp;sort_order=asc"' in text
    assert viewer.get("/batches/none").status_code == 404


def test_a_run_leads_to_its_part_and_batch(viewer: FlaskClient, tested: Tested) -> None:
    text = viewer.get(f"/runs/{tested('SN-1', batch_number='B-7')}").text

    assert 'href="/parts/PCB-100"' in text
    assert 'href="/batches/B-7"' in text


@pytest.mark.parametrize(
    "path", ["/units", "/units/a", "/parts", "/parts/a", "/parts/a/revisions/b", "/batches", "/batches/a"]
)
def test_these_pages_are_for_those_who_have_signed_in(viewer: FlaskClient, path: str) -> None:
    assert viewer.application.test_client().get(path).status_code == 303
