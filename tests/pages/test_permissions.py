"""The permission table, cell by cell: every route is really asked as every role, with things that are there."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal import permission_table, web
from portal.app import create_app, stop
from portal.models import ApiKey, LogLine, Measurement, Phase, Station, User, WebhookDelivery
from portal.own_wheel import own_wheel
from portal.permission_table import BENCH, SIGN_IN, SOCKETS, STATION, WHO, YES, Row
from portal.services import accounts, attachments, invitations, sign_ins, teams, webhook_deliveries
from portal.services.actors import SYSTEM, Role
from portal.services.api_keys import create_station_key
from portal.services.runs import create_run
from portal.services.versions import create_version
from portal.services.webhooks import create_webhook
from portal.settings import load_settings
from tests.cast import NOON, Cast, gather, person, run_in

# What a request needs besides its address to be more than malformed.
FORMS = {"stations.link": {"procedure": "procedure_id"}, "reference.attempt": {"operation": "runs.list"}}
REFUSALS = {"401": 401, "403": 403, "404": 404}
NOT_DONE = {401, 403, 404, 405, 500}  # everything else: it was admitted, whatever is wrong with what was sent


@dataclass
class Plant:
    """A portal with one thing of each kind, and somebody of each role who has a cookie and a key."""

    app: Flask
    cast: Cast
    things: dict[str, str]
    cookies: dict[str, str]
    keys: dict[str, str]
    own: dict[str, dict[str, str]]
    path: Path
    kept: sqlite3.Connection

    def ask(self, who: str, row: Row) -> TestResponse:
        """The route, asked by somebody; what it changed is undone."""
        client: FlaskClient = self.app.test_client()
        headers = {}
        if who in self.cookies and not row.is_api:
            client.set_cookie("stationmaster", self.cookies[who])
        elif who in self.keys:
            headers["Authorization"] = f"Bearer {self.keys[who]}"
        if row.endpoint in SOCKETS or row.endpoint == "live.link":
            headers |= {"Connection": "Upgrade", "Upgrade": "websocket"}
        form = {name: self.things.get(value, value) for name, value in FORMS.get(row.endpoint, {}).items()}
        body = {"json": {}} if row.is_api and row.method != "GET" else {"data": form}
        answer = client.open(self.address(who, row), method=row.method, headers=headers, buffered=False, **body)
        answer.close()
        if row.method != "GET" or "join" in row.path:
            self.undo()
        return answer

    def address(self, who: str, row: Row) -> str:
        things = self.things | self.own.get(who, {})

        def fill(found: re.Match[str]) -> str:
            name = found[1].rpartition(":")[2]
            kind = found.string[: found.start()].rstrip("/").rpartition("/")[2]
            thing = (
                things.get(f"{row.endpoint.partition('.')[0]}/{name}")
                or things.get(f"{kind}/{name}")
                or things.get(name)
            )
            assert thing is not None, f"Add a thing for {name!r} of {row.path} to `plant`: the table is really asked."
            return thing

        return re.sub(r"<([^>]+)>", fill, row.path)

    def undo(self) -> None:
        with sqlite3.connect(self.path) as live:
            self.kept.backup(live)
        shutil.copytree(self.path.parent.parent / "files", self.path.parent, dirs_exist_ok=True)


def keep(path: Path) -> sqlite3.Connection:
    kept = sqlite3.connect(":memory:", check_same_thread=False)
    with sqlite3.connect(path) as live:
        live.backup(kept)
    return kept


@pytest.fixture(scope="module")
def plant(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    data_dir = tmp_path_factory.mktemp("permissions") / "portal"
    shutil.copytree(migrated, data_dir)
    app = create_app(load_settings(data_dir=data_dir, key_rate_per_s=0))
    with web.portal(app).database.open() as db:
        cast = gather(db)
        people = {
            "owner": person(db, "owen", Role.OWNER), "admin": cast.ada, "developer": cast.dev, "viewer": cast.vera,
            "operator": cast.olga,
        }  # fmt: skip
        log = {"level": "INFO", "timestamp": NOON.isoformat(), "message": "x", "source_file": "a.py", "line_number": 1}
        phase = {
            "name": "p", "outcome": "PASS", "started_at": NOON.isoformat(), "ended_at": NOON.isoformat(),
            "measurements": [{"name": "m", "outcome": "PASS", "measured_value": 1}],
        }  # fmt: skip
        run_id = create_run(db, cast.bench, run_in(cast, phases=[phase], logs=[log], batch_number="B1"))
        file = attachments.create_attachment(db, cast.bench, run_id, "a.txt")
        attachments.receive_upload(db, file.id, BytesIO(b"x"), "text/plain")
        create_version(db, cast.ada, cast.procedure.id, "1.0")
        webhook_id = create_webhook(db, cast.ada, "MES", "http://127.0.0.1:9/")
        webhook_deliveries.send_test(db, cast.ada, webhook_id)
        team = teams.create_team(db, cast.ada, "Line 4")
        made = invitations.invite(db, cast.ada, "new@example.com", "viewer")
        things = {
            "station_id": cast.station.id, "stations/id": cast.station.id, "procedure_id": cast.procedure.id,
            "procedures/id": cast.procedure.id, "run_id": run_id, "runs/id": run_id, "attachment_id": file.id,
            "attachments/id": file.id, "webhook_id": webhook_id, "webhooks/id": webhook_id, "team_id": team.id,
            "delivery_id": db.session.scalars(select(WebhookDelivery.id)).one(),
            "phases/id": db.session.scalars(select(Phase.id)).one(),
            "measurements/id": db.session.scalars(select(Measurement.id)).one(),
            "logs/id": db.session.scalars(select(LogLine.id)).one(),
            "invitation_id": made.id, "token": made.token, "user_id": person(db, "theo", Role.VIEWER).id,
            "serial_number": "SN-0001", "parts/number": "PCBA-100", "part_number": "PCBA-100", "batches/number": "B1",
            "revision_number": "A", "tag": "1.0", "switch": "off", "filename": "js/theme.js", "name": "runs.list",
            "proof": "nothing", "dist/name": own_wheel().name,
            "deployments/id": run_id,
            "measurements/name": "m",
            "s/number": f"ST-{cast.station.number:04d}",
            "form": "csv",
        }  # fmt: skip
        cookies, keys, own = {}, {STATION: create_station_key(db, SYSTEM, cast.station.id)}, {}
        for role, actor in people.items():
            user = db.session.get_one(User, actor.id)
            with db.write():
                token = sign_ins.begin_session(db, user, "127.0.0.1", None, NOON.replace(year=2090))
                sign_ins.begin_session(db, user, "127.0.0.2", None, NOON.replace(year=2090))
            keys[role] = accounts.create_key(db, actor, "a key")
            rows = sign_ins.list_sessions(db, actor, token)
            own[role] = {
                "session_id": next(row.id for row in rows if not row.is_this),
                "key_id": accounts.list_keys(db, actor)[0].id,
            }
            signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
            cookies[role] = signer.dumps({"_user_id": token, "_fresh": True, "_permanent": True})
        things["station_keys/key_id"] = db.session.scalars(
            select(ApiKey.id).where(ApiKey.station_id.is_not(None))
        ).one()
    path = data_dir / "portal.db"
    shutil.copytree(data_dir, data_dir.parent / "files", ignore=shutil.ignore_patterns("portal.db*", "*.lock"))
    things |= {"session_id": own["viewer"]["session_id"], "key_id": own["viewer"]["key_id"]}
    yield Plant(app, cast, things, cookies, keys, own, path, keep(path))
    stop(app)
    web.portal(app).fleet.writer.stop()
    web.portal(app).database.engine.dispose()


def test_every_route_says_who_is_admitted(plant: Plant) -> None:
    assert permission_table.undeclared(plant.app) == []
    assert permission_table.forgotten(plant.app) == []


def test_the_table_in_the_docs_is_as_the_code_is(plant: Plant) -> None:
    is_same = permission_table.FILE.read_text("utf-8") == permission_table.document(plant.app)

    assert is_same, "docs/permissions.md is not as the code is: run .venv/bin/python -m portal.permission_table"


@pytest.mark.parametrize("who", WHO)
def test_every_route_does_for_each_role_what_the_table_says(plant: Plant, who: str) -> None:
    wrong = []
    for row in permission_table.rows(plant.app):
        answer, cell = plant.ask(who, row), row.cells[who]
        if not happened(row, answer, cell):
            wrong.append(f"{row.method} {row.path}: {answer.status_code} instead of {cell}: {answer.location}")
    assert wrong == []


def happened(row: Row, answer: TestResponse, cell: str) -> bool:
    """Whether the answer is what the cell of the table says."""
    status, place = answer.status_code, answer.location or ""
    if cell in REFUSALS:
        return status == REFUSALS[cell]
    if cell == SIGN_IN:
        return status == 303 and place.startswith("/sign-in")
    if cell == BENCH:
        return (status, place) == (303, "/operate")
    if row.endpoint in SOCKETS or row.endpoint == "live.link":
        return status == 500  # let through to the handshake, which needs a real socket
    return status not in NOT_DONE or (row.endpoint in UNKNOWN and status in UNKNOWN[row.endpoint])


# Admitted, and refused for another reason: there are no deployments, no machine is enrolled, the station is not
# archived and has no picture, and a signed address proves itself.
UNKNOWN = {
    "deployments_v2.deployments_get": {404},
    "installations.revoke": {404},
    "station_removal.restore": {404},
    "station_settings.thumbnail": {404},
    "uploads.download": {403, 404},
    "uploads.upload": {403, 404},
}
BENEATH = re.compile(r"<(station_id|run_id|attachment_id)>|/(stations|runs|phases|measurements|logs)/<id>")


@pytest.mark.parametrize("who", ["viewer", "operator"])
def test_of_another_teams_station_nothing_is_there(plant: Plant, who: str) -> None:
    with web.portal(plant.app).database.open() as db:
        mine, others = teams.create_team(db, SYSTEM, "Mine"), teams.create_team(db, SYSTEM, "Others")
        teams.set_teams(db, SYSTEM, (plant.cast.vera if who == "viewer" else plant.cast.olga).id, [mine.id])
        with db.write():
            db.session.get_one(Station, plant.cast.station.id).team_id = others.id
    before, plant.kept = plant.kept, keep(plant.path)
    try:
        seen = []
        for row in permission_table.rows(plant.app):
            if row.cells[who] == YES and BENEATH.search(row.path):
                status = plant.ask(who, row).status_code
                if status != 404:
                    seen.append(f"{row.method} {row.path}: {status}")
        listed = {
            path: plant.app.test_client().get(path, headers={"Authorization": f"Bearer {plant.keys[who]}"}).text
            for path in ("/api/v2/stations", "/api/v2/runs", f"/api/v2/phases?procedure_id={plant.cast.procedure.id}")
        }
    finally:
        plant.kept = before
        plant.undo()
    assert seen == []
    for path, text in listed.items():
        hidden = (plant.cast.station.id, plant.things["runs/id"])
        assert not any(one in text for one in hidden), f"{path}: {json.loads(text)}"
