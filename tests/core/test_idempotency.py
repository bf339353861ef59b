"""A request under a key is carried out once, whatever comes in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.database import Database, Db
from portal.errors import BadRequest, Conflict
from portal.models import IdempotencyKey, Run
from portal.services.actors import Actor
from portal.services.idempotency import fingerprint, once
from portal.services.runs import create_run
from tests.cast import NOON, Cast, record, run_in
from tests.core.conftest import Api

PRINT = fingerprint("POST /api/v2/runs", b"{}")


def count(db: Db, table: type) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def test_the_same_key_at_once_stores_one_run(
    database: Database, cast: Cast, at_once: Callable[..., list[object]]
) -> None:
    def upload() -> object:
        with database.open() as own:
            return once(own, cast.bench, "e1", PRINT, lambda: create_run(own, cast.bench, run_in(cast)))

    results = at_once(*[upload] * 4)

    assert len(set(results)) == 1, results
    with database.open() as own:
        assert count(own, Run) == 1


def test_a_key_is_everybodys_own_and_for_one_request(db: Db, cast: Cast) -> None:
    def under(actor: Actor, print_: str) -> object:
        return once(db, actor, "key", print_, lambda: create_run(db, actor, run_in(cast)))

    first = under(cast.bench, PRINT)

    with pytest.raises(Conflict, match="Idempotency-Key"):
        under(cast.bench, fingerprint("POST /api/v2/runs", b"[]"))
    assert under(cast.bench, PRINT) == first
    assert under(cast.dev, PRINT) != first


def test_a_refused_request_does_not_use_up_its_key(db: Db, cast: Cast) -> None:
    with pytest.raises(BadRequest):
        once(db, cast.dev, "key", PRINT, lambda: create_run(db, cast.dev, run_in(cast, part_number=None)))

    assert once(db, cast.dev, "key", PRINT, lambda: create_run(db, cast.dev, run_in(cast)))


def test_a_key_is_forgotten_after_thirty_days(db: Db, cast: Cast) -> None:
    answers = iter(range(9))
    first = once(db, cast.bench, "key", PRINT, lambda: next(answers), NOON)

    assert once(db, cast.bench, "key", PRINT, lambda: next(answers), NOON + timedelta(days=29)) == first
    assert once(db, cast.bench, "key", PRINT, lambda: next(answers), NOON + timedelta(days=31)) != first
    assert count(db, IdempotencyKey) == 1


def test_a_key_of_an_older_version_gets_its_answer_whatever_the_print(db: Db, cast: Cast) -> None:
    with db.write():
        db.session.add(
            IdempotencyKey(owner=cast.bench.owner_key, key="old", fingerprint="", answer={"id": "x"}, created_at=NOON)
        )

    assert once(db, cast.bench, "old", PRINT, dict, NOON) == {"id": "x"}


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a\tb"])
def test_what_is_no_key_is_refused(db: Db, cast: Cast, key: str) -> None:
    with pytest.raises(BadRequest):
        once(db, cast.bench, key, PRINT, dict)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_an_announced_file_gets_a_new_address_each_time(api: Api) -> None:
    run_id = api.post_run("bench", record(api.cast)).json()["id"]
    call = ("bench", "POST", f"/api/v2/runs/{run_id}/attachments")

    first, again = (api.call(*call, json={"name": "a.txt"}, headers={"Idempotency-Key": "k"}).json() for _ in range(2))

    assert first["id"] == again["id"]
    assert set(first) == {"id", "upload_url"}
    refused = api.call(*call, json={"name": "b.txt"}, headers={"Idempotency-Key": "k"})
    assert refused.status_code == 409
