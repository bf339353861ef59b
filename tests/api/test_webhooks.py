"""Webhooks over the API, and what arrives."""

from __future__ import annotations

import hmac
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from portal.live.deliveries import why_not_sent
from tests.cast import record
from tests.core.conftest import Api
from tests.receiver import Message, Receiver
from tests.waiting import eventually

Fresh = Callable[[str], str]
PATH = "/api/v2/webhooks"


@pytest.fixture(scope="module")
def sending(api: Api) -> Api:
    """The portal, whose thread that sends is running. It ends with the portal."""
    api.fleet.deliveries.start()
    return api


@pytest.fixture
def make(api: Api, fresh: Fresh) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Makes a webhook; removed afterwards, so that no other test's runs are sent to it."""
    made: list[str] = []

    def one(url: str) -> dict[str, Any]:
        answer = api.call("ada", "POST", PATH, json={"name": fresh("hook"), "url": url})
        assert answer.status_code == 200, answer.text
        made.append(answer.json()["id"])
        return dict(answer.json())

    yield one
    for webhook_id in made:
        api.call("ada", "DELETE", f"{PATH}/{webhook_id}")


def store(api: Api) -> str:
    answer = api.post_run("dev", record(api.cast))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def log(api: Api, webhook_id: str) -> list[dict[str, Any]]:
    return list(api.call("ada", "GET", f"{PATH}/{webhook_id}/deliveries").json()["data"])


def test_a_webhook_is_made_read_changed_and_removed(api: Api, fresh: Fresh) -> None:
    body = {"name": fresh("hook"), "url": "http://mes.example.com/runs"}
    key = {"Idempotency-Key": fresh("key")}

    made, again = (api.call("ada", "POST", PATH, json=body, headers=key).json() for _ in range(2))

    assert made == again
    place = f"{PATH}/{made['id']}"
    found = api.call("ada", "GET", place).json()
    assert (found["name"], found["url"], found["is_active"], found["last_delivery"]) == (*body.values(), True, None)
    assert found["created_by_user"]["email"] == "ada@example.com"
    assert "secret" not in found
    assert found in api.call("ada", "GET", PATH).json()["data"]
    assert api.call("ada", "PATCH", place, json={"is_active": False}).json() == {"id": made["id"]}
    assert api.call("ada", "GET", place).json() == found | {"is_active": False}
    assert api.call("ada", "POST", f"{place}/test").status_code == 409
    assert api.call("ada", "DELETE", place).json() == {"id": made["id"]}
    assert api.call("ada", "GET", place).status_code == 404
    late = api.call("ada", "POST", PATH, json=body, headers=key)
    assert (late.status_code, late.json()) == (200, {"id": made["id"], "secret": None})
    with api.database.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT answer FROM idempotency_keys").scalars().all()
    assert not any(made["secret"] in str(one) for one in kept)


@pytest.mark.parametrize(("who", "status"), [(None, 401), ("dev", 403), ("vera", 403), ("olga", 403), ("bench", 403)])
def test_only_administrators_may(api: Api, make: Callable[[str], dict[str, Any]], who: str | None, status: int) -> None:
    place = f"{PATH}/{make('http://mes.example.com')['id']}"
    delivery = f"{place}/deliveries/{api.cast.station.id}/retry"

    for method, path in (
        ("GET", PATH), ("POST", PATH), ("GET", place), ("PATCH", place), ("DELETE", place), ("POST", f"{place}/test"),
        ("GET", f"{place}/deliveries"), ("POST", delivery),
    ):  # fmt: skip
        assert api.call(who, method, path).status_code == status, (method, path)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "", {"name": "", "url": "http://a"}, 422),
        ("POST", "", {"name": "x", "url": "ftp://a"}, 422),
        ("POST", "", {"name": "x"}, 400),
        ("PATCH", "/x", {}, 400),
        ("GET", "/01a201eb-0000-7000-8000-000000000001", None, 404),
        ("DELETE", "/01a201eb-0000-7000-8000-000000000001", None, 404),
        ("POST", "/01a201eb-0000-7000-8000-000000000001/test", None, 404),
        ("GET", "/01a201eb-0000-7000-8000-000000000001/deliveries?limit=0", None, 400),
    ],
)
def test_what_does_not_hold_is_refused(api: Api, method: str, path: str, body: Any, status: int) -> None:
    assert api.call("ada", method, PATH + path, json=body).status_code == status


def test_a_finished_run_is_told_signed(sending: Api, make: Callable[[str], dict[str, Any]]) -> None:
    with Receiver() as receiver:
        made = make(receiver.url)

        run_id = store(sending)

        eventually(lambda: receiver.came)
        eventually(lambda: log(sending, made["id"])[0]["state"] == "sent")
    (message,) = receiver.came
    assert message.body["run"]["id"] == run_id
    assert message.body["event"] == message.headers["Stationmaster-Event"] == "run.finished"
    assert message.body["id"] == message.headers["Stationmaster-Delivery"]
    at, given = message.headers["Stationmaster-Signature"].removeprefix("t=").split(",v1=")
    expected = hmac.new(made["secret"].encode(), f"{at}.".encode() + message.raw, "sha256").hexdigest()
    assert hmac.compare_digest(given, expected)
    (entry,) = log(sending, made["id"])
    assert (entry["run_id"], entry["attempts"], entry["response_status"], entry["error"]) == (run_id, 1, 204, None)


def test_a_test_is_sent_and_sent_again(sending: Api, make: Callable[[str], dict[str, Any]]) -> None:
    with Receiver() as receiver:
        place = f"{PATH}/{make(receiver.url)['id']}"

        delivery_id = sending.call("ada", "POST", f"{place}/test").json()["id"]
        eventually(lambda: sending.call("ada", "GET", place).json()["last_delivery"]["state"] == "sent")
        again = sending.call("ada", "POST", f"{place}/deliveries/{delivery_id}/retry")

        assert again.json() == {"id": delivery_id}
        eventually(lambda: len(receiver.came) == 2)
    assert [one.body["event"] for one in receiver.came] == ["webhook.test"] * 2
    assert {one.body["id"] for one in receiver.came} == {delivery_id}


@pytest.mark.parametrize(("status", "words"), [(500, "It answered 500."), (302, "a redirect, which is not followed")])
def test_what_was_not_taken_is_in_the_log_and_tried_again(
    sending: Api, make: Callable[[str], dict[str, Any]], status: int, words: str
) -> None:
    with Receiver(lambda _: status) as receiver:
        made = make(receiver.url)
        store(sending)

        (entry,) = eventually(lambda: [one for one in log(sending, made["id"]) if one["error"]])

        assert (entry["state"], entry["attempts"], entry["response_status"]) == ("queued", 1, status)
        assert words in entry["error"]
        assert entry["next_try_at"] is not None
        assert [one.path for one in receiver.came] == ["/hook"]  # nothing at /elsewhere


def test_nobody_there_is_said_in_the_log(sending: Api, make: Callable[[str], dict[str, Any]]) -> None:
    with Receiver() as gone:
        pass
    made = make(gone.url)

    store(sending)

    (entry,) = eventually(lambda: [one for one in log(sending, made["id"]) if one["error"]])
    assert entry["error"] == "Nobody answers at this address."


def test_what_speaks_no_tls_is_said_in_the_log(sending: Api, make: Callable[[str], dict[str, Any]]) -> None:
    with Receiver() as plain:
        made = make(plain.url.replace("http:", "https:"))

        store(sending)

        (entry,) = eventually(lambda: [one for one in log(sending, made["id"]) if one["error"]])
    assert entry["error"] == "No encrypted connection came about: the address may be one for http."


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "The host's name is not known."),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "Its certificate is not trusted."),
        (OSError(113, "No route to host"), "This address cannot be reached."),
        (
            ExceptionGroup("all failed", [OSError(101, "x"), ConnectionRefusedError()]),
            "Nobody answers at this address.",
        ),
        (TimeoutError(), "No answer within 10 s."),
    ],
)
def test_the_reason_is_a_sentence_of_ours(cause: Exception, words: str) -> None:
    error = httpx.ConnectError("All connection attempts failed")
    error.__cause__ = cause

    assert why_not_sent(error) == words
    assert why_not_sent(httpx.RemoteProtocolError("x")).startswith("The connection was closed without an answer")
    assert why_not_sent(httpx.InvalidURL("x")) == "The message could not be sent."


def test_one_that_hangs_holds_up_no_other_and_is_given_up(sending: Api, make: Callable[[str], dict[str, Any]]) -> None:
    go_on = threading.Event()

    def hang(_: Message) -> int:
        go_on.wait(30)
        return 204

    with Receiver(hang) as hanging, Receiver() as other:
        stuck = make(hanging.url)
        make(other.url)
        run_ids = [store(sending) for _ in range(3)]

        eventually(lambda: hanging.came)
        eventually(lambda: other.run_ids() == run_ids)  # in their order
        assert [one["error"] for one in log(sending, stuck["id"])] == [None] * 3  # still hanging
        (entry,) = eventually(lambda: [one for one in log(sending, stuck["id"]) if one["error"]], within_s=20)
        assert entry["error"] == "No answer within 10 s."
        go_on.set()
    assert len(hanging.came) == 1  # the others are left for later


def test_a_secret_that_cannot_be_read_any_more_is_said(sending: Api, make: Callable[[str], dict[str, Any]]) -> None:
    with Receiver() as receiver:
        made = make(receiver.url)
        with sending.database.open() as db, db.write():
            db.connection.exec_driver_sql("UPDATE webhooks SET secret_sealed = 'of another key'")

        sending.call("ada", "POST", f"{PATH}/{made['id']}/test")

        (entry,) = eventually(lambda: [one for one in log(sending, made["id"]) if one["error"]])
    assert "secret key was changed" in entry["error"]
    assert receiver.came == []
