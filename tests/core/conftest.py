"""A database of each kind, empty before each test; and a real server with the whole portal."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from werkzeug.serving import WSGIRequestHandler, make_server

from portal import migrations
from portal.app import create_app, stop
from portal.database import Database, Db
from portal.models import Base
from portal.settings import Settings, load_settings
from portal.web import Portal
from portal.web import portal as parts_of
from tests.cast import Cast, gather, keys
from tests.databases import scratch_postgres


@pytest.fixture(scope="session")
def migrated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with an empty SQLite database: copying it is faster than migrating."""
    folder = tmp_path_factory.mktemp("migrated")
    migrations.upgrade(load_settings(data_dir=folder))
    return folder


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated PostgreSQL database of this test process."""
    with scratch_postgres() as url:
        migrations.upgrade(load_settings(data_dir=tmp_path_factory.mktemp("pg"), database_url=url))
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    data_dir = tmp_path / "portal"
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("migrated_folder"), data_dir)
        return load_settings(data_dir=data_dir)
    url = request.getfixturevalue("postgres_url")
    engine = create_engine(url)
    with engine.begin() as connection:
        tables = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    engine.dispose()
    return load_settings(data_dir=data_dir, database_url=url)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    made = Database(Flask("test"), settings)
    yield made
    made.engine.dispose()


@pytest.fixture
def db(database: Database) -> Iterator[Db]:
    with database.open() as handle:
        yield handle


@pytest.fixture
def cast(db: Db) -> Cast:
    return gather(db)


@pytest.fixture
def at_once() -> Callable[..., list[object]]:
    """Runs functions in threads that start together. Returns what each returned or raised, in their order."""

    def run(*calls: Callable[[], object]) -> list[object]:
        ready, results = threading.Barrier(len(calls)), [None] * len(calls)

        def one(place: int, call: Callable[[], object]) -> None:
            ready.wait()
            try:
                results[place] = call()
            except Exception as error:  # noqa: BLE001  (what it raised is the result)
                results[place] = error

        threads = [threading.Thread(target=one, args=pair) for pair in enumerate(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        return list(results)

    return run


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  (werkzeug's name)
        pass


class Api:
    """A client of a real server, that speaks with somebody's key."""

    def __init__(self, url: str, parts: Portal) -> None:
        self.url = url
        self.fleet = parts.fleet
        self.database = database = parts.database
        with database.open() as db:
            self.cast = gather(db)
            self.keys = keys(db, self.cast)
        self._client = httpx.Client(base_url=url, timeout=20)

    def call(self, who: str | None, method: str, path: str, **options: object) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.keys[who]}"
        return self._client.request(method, path, headers=headers, **options)

    def post_run(self, who: str, body: object, key: str | None = None) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key is not None else {}
        return self.call(who, "POST", "/api/v2/runs", json=body, headers=headers)

    def close(self) -> None:
        self._client.close()


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[Api]:
    """The whole portal behind a real socket, and a client of it."""
    app = create_app(settings)
    app.config["CHECK_ANSWERS"] = True  # every answer is of the type that the reference says
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_QuietHandler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    parts = parts_of(app)
    client = Api(f"http://127.0.0.1:{server.server_port}", parts)
    yield client
    client.close()
    server.shutdown()
    thread.join()
    server.server_close()
    stop(app)
    parts.fleet.writer.stop()
    parts.database.engine.dispose()


@pytest.fixture
def api(settings: Settings) -> Iterator[Api]:
    with serving(settings) as client:
        yield client
