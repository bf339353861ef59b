"""Webhooks and their deliveries, as the services keep them."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select

from portal.database import Database, Db
from portal.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound
from portal.models import AuditEntry, Webhook, WebhookDelivery
from portal.models.base import new_id
from portal.services import webhook_deliveries as queue
from portal.services.run_removal import delete_runs
from portal.services.runs import create_run
from portal.services.webhook_secrets import SecretLost, seal, signature, unseal
from portal.services.webhooks import (
    create_webhook,
    delete_webhook,
    list_webhooks,
    reveal_secret,
    show_webhook,
    update_webhook,
)
from tests.cast import Cast, run_in

URL = "http://10.1.2.3:8080/runs?line=4"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def webhook(db: Db, cast: Cast, name: str = "MES") -> str:
    return create_webhook(db, cast.ada, name, URL)


def store(db: Db, cast: Cast, now: datetime = NOW, **changes: Any) -> str:
    return create_run(db, cast.bench, run_in(cast, **changes), now)


def rows(db: Db) -> list[WebhookDelivery]:
    db.session.expire_all()
    return list(db.session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.created_at, WebhookDelivery.id)))


def test_a_run_is_queued_for_each_webhook_that_is_on_together_with_itself(db: Db, cast: Cast) -> None:
    on, off = webhook(db, cast), webhook(db, cast, "off")
    update_webhook(db, cast.ada, off, is_active=False)

    run_id = store(db, cast)
    with pytest.raises(Conflict):  # one that is refused queues nothing
        [store(db, cast, execution_id="e1", serial_number=serial) for serial in ("A", "B")]

    first, second = rows(db)
    assert (first.webhook_id, first.run_id, first.event, first.state) == (on, run_id, "run.finished", "queued")
    assert second.payload["run"]["serial_number"] == "A"
    assert first.payload["run"]["procedure"] == {"id": cast.procedure.id, "name": "PCBA functional test"}


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # whose driver tells of its statements
def test_without_webhooks_a_run_costs_one_short_statement_for_them(db: Db, database: Database, cast: Cast) -> None:
    store(db, cast)
    statements: list[str] = []
    event.listen(database.engine, "checkout", lambda raw, *_: raw.set_trace_callback(statements.append))

    store(db, cast)

    assert len([one for one in statements if "webhook" in one]) == 1


def test_a_failed_try_is_made_again_later_and_later_and_then_given_up(db: Db, cast: Cast) -> None:
    webhook_id = webhook(db, cast)
    store(db, cast)
    now, waits = NOW, []
    while claimed := queue.claim_next(db, webhook_id, now):
        assert queue.claim_next(db, webhook_id, now) is None  # nobody else gets it meanwhile
        now += timedelta(seconds=1)
        queue.note_outcome(db, claimed, 500, "answered 500", now)
        if next_try_at := queue.next_tries(db).get(webhook_id):
            assert queue.claim_next(db, webhook_id, next_try_at - timedelta(microseconds=1)) is None
            waits.append((next_try_at - now).total_seconds())
            now = next_try_at

    assert waits == [10, 60, 300, 1800, 7200, 21600, 21600, 32400]
    (given_up,) = rows(db)
    assert (given_up.state, given_up.attempts, given_up.response_status) == ("failed", 9, 500)
    assert (given_up.error, given_up.finished_at, given_up.next_try_at) == ("answered 500", now, None)


def test_what_a_dead_process_had_claimed_is_due_again(db: Db, cast: Cast) -> None:
    webhook_id = webhook(db, cast)
    store(db, cast)
    first = queue.claim_next(db, webhook_id, NOW)
    assert first is not None

    assert queue.claim_next(db, webhook_id, NOW + queue.CLAIM - timedelta(microseconds=1)) is None
    again = queue.claim_next(db, webhook_id, NOW + queue.CLAIM)

    assert again is not None
    assert (again.id, again.body, again.attempt) == (first.id, first.body, 2)
    queue.note_outcome(db, first, 204, None, NOW)  # it was not dead after all, and comes too late to say so
    assert rows(db)[0].state == "queued"
    queue.note_outcome(db, again, 204, None, NOW)
    assert rows(db)[0].state == "sent"


def test_a_webhook_that_is_off_keeps_what_waits(db: Db, cast: Cast) -> None:
    webhook_id = webhook(db, cast)
    store(db, cast)
    update_webhook(db, cast.ada, webhook_id, is_active=False)

    assert queue.next_tries(db) == {}
    assert queue.claim_next(db, webhook_id, NOW) is None
    with pytest.raises(Conflict, match="switched off"):
        queue.send_test(db, cast.ada, webhook_id)
    with pytest.raises(Conflict, match="switched off"):
        queue.retry_delivery(db, cast.ada, webhook_id, rows(db)[0].id)
    update_webhook(db, cast.ada, webhook_id, is_active=True)
    assert queue.claim_next(db, webhook_id, NOW) is not None


def test_a_person_may_have_one_sent_again(db: Db, cast: Cast) -> None:
    webhook_id = webhook(db, cast)
    delivery_id = queue.send_test(db, cast.ada, webhook_id, NOW)
    claimed = queue.claim_next(db, webhook_id, NOW)
    assert claimed is not None
    queue.note_outcome(db, claimed, 204, None, NOW)

    queue.retry_delivery(db, cast.ada, webhook_id, delivery_id, NOW)

    again = queue.claim_next(db, webhook_id, NOW)
    assert again is not None
    assert (again.id, again.event, again.attempt) == (delivery_id, "webhook.test", 1)
    with pytest.raises(NotFound):
        queue.retry_delivery(db, cast.ada, webhook(db, cast, "other"), delivery_id)


def test_the_log_is_read_by_pages_and_kept_for_thirty_days(db: Db, cast: Cast) -> None:
    webhook_id = webhook(db, cast)
    made = [queue.send_test(db, cast.ada, webhook_id, NOW + timedelta(days=day)) for day in range(5)]

    seen: list[str] = []
    cursor = None
    while True:
        page = queue.list_deliveries(db, cast.ada, webhook_id, cursor, limit=2)
        seen += [one.id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert seen == made[::-1]
    with pytest.raises(BadRequest):
        queue.list_deliveries(db, cast.ada, webhook_id, "nonsense")
    queue.prune_deliveries(db, NOW + timedelta(days=32))
    assert [one.id for one in rows(db)] == made[2:]


def test_deliveries_go_with_their_webhook_and_outlive_their_run(db: Db, cast: Cast) -> None:
    webhook_id = webhook(db, cast)
    run_id = store(db, cast)

    delete_runs(db, cast.dev, [run_id])
    (kept,) = rows(db)
    assert (kept.run_id, kept.payload["run"]["id"]) == (None, run_id)

    delete_webhook(db, cast.ada, webhook_id)
    assert rows(db) == []
    with pytest.raises(NotFound):
        show_webhook(db, cast.ada, webhook_id)


def test_the_list_shows_the_newest_delivery(db: Db, cast: Cast) -> None:
    silent, busy = webhook(db, cast, "silent"), webhook(db, cast, "Busy")
    queue.send_test(db, cast.ada, busy, NOW)
    queue.send_test(db, cast.ada, busy, NOW + timedelta(seconds=1))

    first, second = list_webhooks(db, cast.ada)

    assert (first.id, second.id, second.last) == (busy, silent, None)
    assert first.last is not None
    assert (first.last.state, first.last.at) == ("queued", NOW + timedelta(seconds=1))
    assert first.created_by is not None
    assert first.created_by.email == "ada@example.com"


@pytest.mark.parametrize(
    "url",
    [
        "", "mes.example.com", "ftp://mes.example.com", "http://", "https:///path", "http://user:pw@mes.example.com/",
        "http://user@mes.example.com", "http://mes.example.com/#part", "http://mes.example.com:99999/",
        "http://mes.example.com:0/", "http://[::1", "http://ü.example.com/", "http://a b/", "http://a/\nb",
        "http://" + "a" * 2000, "http://localhost:8000/", "http://127.0.0.1:8000/x", "http://[::1]:8000/",
        "file:///etc/passwd", "javascript:alert(1)",
    ],
)  # fmt: skip
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_an_address_that_cannot_be_meant_is_refused(db: Db, cast: Cast, url: str) -> None:
    with pytest.raises(Invalid) as refused:
        create_webhook(db, cast.ada, "MES", url)

    assert refused.value.issues[0].path == ("url",)


@pytest.mark.parametrize(
    "url",
    ["http://localhost:9000/", "http://192.168.1.20/hook", "https://mes.example.com:8443/a?b=c", "http://[fd00::1]/"],
)
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_the_plants_own_network_is_where_webhooks_go(db: Db, cast: Cast, url: str) -> None:
    assert show_webhook(db, cast.ada, create_webhook(db, cast.ada, "MES", f" {url}\t")).url == url


def test_only_administrators_see_and_change_webhooks(db: Db, cast: Cast) -> None:
    webhook_id = webhook(db, cast)
    for who in (cast.dev, cast.vera, cast.olga, cast.bench, cast.otto):
        for act in (
            lambda who=who: create_webhook(db, who, "x", URL),
            lambda who=who: list_webhooks(db, who),
            lambda who=who: show_webhook(db, who, webhook_id),
            lambda who=who: reveal_secret(db, who, webhook_id),
            lambda who=who: update_webhook(db, who, webhook_id, is_active=False),
            lambda who=who: delete_webhook(db, who, webhook_id),
            lambda who=who: queue.send_test(db, who, webhook_id),
            lambda who=who: queue.list_deliveries(db, who, webhook_id),
            lambda who=who: queue.retry_delivery(db, who, webhook_id, new_id()),
        ):
            with pytest.raises(Forbidden):
                act()


def test_the_secret_is_stored_encrypted_and_lost_with_the_portals_key(db: Db, cast: Cast) -> None:
    webhook_id = webhook(db, cast)
    secret = reveal_secret(db, cast.ada, webhook_id)
    stored = db.session.get_one(Webhook, webhook_id).secret_sealed

    assert secret.startswith("whs_")
    assert secret not in stored
    with pytest.raises(SecretLost):
        unseal("another key", stored)
    assert unseal("k" * 32, seal("k" * 32, secret)) == secret


def test_the_audit_keeps_the_host_and_nothing_that_may_be_a_secret(db: Db, cast: Cast) -> None:
    webhook_id = create_webhook(db, cast.ada, "Chat", "https://hooks.example.com/services/T0/secret?token=secret")
    update_webhook(db, cast.ada, webhook_id, name="Chat")
    update_webhook(db, cast.ada, webhook_id, url="https://hooks.example.com/services/T0/other-secret")
    delete_webhook(db, cast.ada, webhook_id)

    noted = [(one.action, one.before, one.after) for one in db.session.scalars(select(AuditEntry))]
    noted = [one for one in noted if one[0].startswith("webhook:")]
    assert sorted(action for action, _, _ in noted) == ["webhook:created", "webhook:deleted", "webhook:updated"]
    assert "secret" not in str(noted)
    ((before, after),) = [(before, after) for action, before, after in noted if action == "webhook:updated"]
    assert before["url"].startswith("https://hooks.example.com/… (")
    assert before["url"] != after["url"]


def test_a_signature_is_an_hmac_of_time_and_body() -> None:
    expected = hmac.new(b"whs_x", b'%d.{"a":1}' % int(NOW.timestamp()), "sha256").hexdigest()

    assert signature("whs_x", b'{"a":1}', NOW) == f"t={int(NOW.timestamp())},v1={expected}"


def test_there_are_not_too_many_webhooks(db: Db, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.services.webhooks.MOST_WEBHOOKS", 1)
    webhook(db, cast)

    with pytest.raises(Conflict, match="already"):
        webhook(db, cast)
    assert db.session.scalar(select(func.count()).select_from(Webhook)) == 1
