"""The pages of procedures without a browser: renaming, linking, archiving, filters of statistics."""

from __future__ import annotations

from collections.abc import Callable

from flask.testing import FlaskClient

from portal.database import Db
from portal.services.actors import SYSTEM, Role
from portal.services.procedures import create_procedure, get_procedure, linked_procedures
from portal.services.runs import create_run
from portal.services.stations import create_station
from tests.pages.records import BEGAN_AT, record


def test_a_stale_rename_says_what_somebody_else_wrote_and_keeps_the_words(admin: FlaskClient, db: Db) -> None:
    procedure = create_procedure(db, SYSTEM, "Final test", "final")
    url = f"/procedures/{procedure.id}/names"
    mine = {"name": "Mine", "identifier": "final", "name_before": "Final test", "identifier_before": "final"}

    bad = admin.post(url, data={**mine, "identifier": "two words"})
    first = admin.post(url, data={**mine, "name": "<b>Theirs</b>"})
    stale = admin.post(url, data=mine)

    assert (bad.status_code, first.status_code, stale.status_code) == (422, 303, 409)
    assert 'value="two words"' in bad.text
    assert "&lt;b&gt;Theirs&lt;/b&gt;" in stale.text
    assert 'value="Mine"' in stale.text
    with db.write():
        pass
    assert get_procedure(db, SYSTEM, procedure.id).name == "<b>Theirs</b>"


def test_several_stations_are_linked_from_the_procedures_side_and_unlinking_is_asked_for(
    admin: FlaskClient, viewer: FlaskClient, db: Db
) -> None:
    procedure = create_procedure(db, SYSTEM, "Final test")
    stations = [create_station(db, SYSTEM, name) for name in ("Bench 1", "Bench 2")]
    url = f"/procedures/{procedure.id}/stations"

    nothing = admin.post(url, data={})
    linked = admin.post(url, data={"chosen": [one.id for one in stations]}, follow_redirects=True)
    asked = admin.get(f"{url}/{stations[0].id}/unlink")
    refused = viewer.post(f"{url}/{stations[0].id}/unlink")

    assert nothing.status_code == 422
    assert "Linked to 2 stations." in linked.text
    assert "No run is in flight now" in asked.text
    assert refused.status_code == 403
    assert [one.id for one in linked_procedures(db, stations[0].id)] == [procedure.id]
    admin.post(f"{url}/{stations[0].id}/unlink", data={"side": "station"})
    db.session.rollback()
    assert linked_procedures(db, stations[0].id) == []


def test_archiving_and_restoring_keep_the_runs(admin: FlaskClient, db: Db) -> None:
    procedure = create_procedure(db, SYSTEM, "Final test")
    create_run(db, SYSTEM, record(procedure.id))

    asked = admin.get(f"/procedures/{procedure.id}/archive")
    archived = admin.post(f"/procedures/{procedure.id}/archive", follow_redirects=True)

    assert "Its runs stay" in asked.text
    assert "SN-000013" in archived.text
    assert "Final test" not in admin.get("/procedures").text
    assert "Final test" in admin.get("/procedures?archived=yes").text
    admin.post(f"/procedures/{procedure.id}/restore")
    assert "Final test" in admin.get("/procedures?search=final").text


def test_statistics_follow_the_address_and_say_what_they_do_not_understand(
    viewer: FlaskClient, sign_in: Callable[[Role], FlaskClient], db: Db
) -> None:
    procedure = create_procedure(db, SYSTEM, "Final test")
    page = f"/procedures/{procedure.id}"
    empty, for_engineers = viewer.get(page), sign_in(Role.DEVELOPER).get(page)
    create_run(db, SYSTEM, record(procedure.id))
    day = BEGAN_AT.date().isoformat()

    found = viewer.get(f"{page}?from={day}&until={day}&simulated=yes")
    none = viewer.get(f"{page}?from=2020-01-01&until=2020-01-02")
    wrong = viewer.get(f"{page}?from=tomorrow&until=9999-12-31&version=%00&station=x")
    one = viewer.get(f"{page}/measurements/rail_3v3?from={day}&until={day}&simulated=yes")
    unknown = viewer.get(f"{page}/measurements/no/such?until={day}")

    assert "as soon as somebody starts them at a bench" in empty.text
    assert 'requests.post("http://localhost/api/v2/runs"' in for_engineers.text
    assert "Phases by failure" in found.text
    assert "rail_3v3" in found.text
    assert "No run counts here" in none.text
    assert wrong.status_code == 200
    assert "It does not filter" in wrong.text
    assert "Control chart" in one.text
    assert "No value counts here" in unknown.text
    assert max(len(answer.data) for answer in (found, one)) < 300_000
