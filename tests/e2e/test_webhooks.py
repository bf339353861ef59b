"""Webhooks while the portal dies and comes back."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
from playwright.sync_api import Page, expect

from tests.e2e.programs import PASSWORD, PortalProcess
from tests.e2e.test_story import accessible, sign_in
from tests.receiver import Receiver
from tests.waiting import eventually


def test_nothing_is_lost_when_the_portal_is_killed(portal: PortalProcess) -> None:
    with Receiver(lambda _: 503) as receiver, ada(portal) as client:
        made = client.post("/api/v2/webhooks", json={"name": "MES", "url": receiver.url})
        log = f"/api/v2/webhooks/{made.json()['id']}/deliveries"
        procedure_id = portal.command("procedure", "create", "Test").split()[0]
        run_ids = {store(client, procedure_id, f"SN-{n}") for n in range(3)}
        eventually(lambda: any(one["error"] for one in client.get(log).json()["data"]))

        portal.kill()
        receiver.answer = lambda _: 204
        portal.start()

        # Ten seconds after the first failure, all of them, each at least once.
        eventually(lambda: set(receiver.run_ids()[1:]) >= run_ids, within_s=30)
        eventually(lambda: {one["state"] for one in client.get(log).json()["data"]} == {"sent"})


def ada(portal: PortalProcess) -> httpx.Client:
    portal.command("user", "add", "ada@example.com", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    key = portal.command("key", "create", "--user", "ada@example.com").strip()
    return httpx.Client(base_url=portal.url, headers={"Authorization": f"Bearer {key}"}, timeout=20)


def store(client: httpx.Client, procedure_id: str, serial_number: str) -> str:
    now = datetime.now(UTC).isoformat()
    answer = client.post(
        "/api/v2/runs",
        json={
            "procedure_id": procedure_id, "serial_number": serial_number, "part_number": "P", "outcome": "PASS",
            "started_at": now, "ended_at": now,
        },
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def test_an_administrator_sets_one_up_and_sees_a_test_arrive(portal: PortalProcess, page: Page) -> None:
    portal.command("user", "add", "admin@example.com", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    with Receiver() as receiver:
        sign_in(page)
        page.get_by_role("link", name="Settings").click()
        page.get_by_role("navigation", name="Settings").get_by_role("link", name="Webhooks").click()
        accessible(page)
        page.get_by_role("link", name="New webhook").first.click()
        accessible(page)
        page.get_by_label("Name").fill("MES")
        page.get_by_label("Address").fill(receiver.url)
        page.get_by_role("button", name="Create webhook").click()
        expect(page.get_by_text("shown only this once")).to_be_visible()
        accessible(page)

        page.get_by_role("button", name="Send a test").click()

        expect(page.get_by_text("answered 204")).to_be_visible()
        accessible(page)
    assert [one.body["event"] for one in receiver.came] == ["webhook.test"]
    page.get_by_role("link", name="Webhooks").first.click()
    expect(page.get_by_role("row", name=receiver.url)).to_contain_text("taken")
    accessible(page)
    page.set_viewport_size({"width": 390, "height": 800})
    state = page.get_by_role("row", name=receiver.url).get_by_text("ago").bounding_box()
    assert state is not None
    assert state["x"] + state["width"] <= 390, "seen without scrolling sideways"
