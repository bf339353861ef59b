"""A real portal on SQLite, and browsers without a window: people who have signed in to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal import migrations, web
from portal.app import create_app
from portal.database import Db
from portal.services import procedures, runs, users
from portal.services.actors import SYSTEM, Role
from portal.settings import load_settings
from tests.pages.records import record

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with an empty database; migrating takes longer than copying."""
    data_dir = tmp_path_factory.mktemp("migrated")
    migrations.upgrade(load_settings(data_dir=data_dir))
    return data_dir


@pytest.fixture
def app(migrated: Path, tmp_path: Path) -> Flask:
    data_dir = tmp_path / "portal"
    shutil.copytree(migrated, data_dir)
    return create_app(load_settings(data_dir=data_dir))


@pytest.fixture
def db(app: Flask) -> Iterator[Db]:
    with web.portal(app).database.open() as handle:
        yield handle


@pytest.fixture
def sign_in(app: Flask, db: Db) -> Callable[[Role], FlaskClient]:
    """Makes a person with that role and signs them in."""

    def make(role: Role) -> FlaskClient:
        email = f"{role.value}@example.com"
        users.create_user(db, SYSTEM, email, role, PASSWORD, name=f"The {role.value}")
        client = app.test_client()
        answer = client.post("/sign-in", data={"email": email, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return client

    return make


@pytest.fixture
def admin(sign_in: Callable[[Role], FlaskClient]) -> FlaskClient:
    return sign_in(Role.ADMIN)


@pytest.fixture
def viewer(sign_in: Callable[[Role], FlaskClient]) -> FlaskClient:
    return sign_in(Role.VIEWER)


@pytest.fixture
def procedure_id(db: Db) -> str:
    return procedures.create_procedure(db, SYSTEM, "PCBA functional test", "pcba_functional").id


@pytest.fixture
def tested(db: Db, procedure_id: str) -> Callable[..., str]:
    """``tested("SN-1", minute)``: stores a run; its id."""

    def run(serial: str, minute: int = 0, **facts: object) -> str:
        return runs.create_run(db, SYSTEM, record(procedure_id, serial, after=timedelta(minutes=minute), **facts))

    return run
