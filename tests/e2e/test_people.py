"""People come in by a link, see what their team shows them, and are out at once when they are removed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.programs import PASSWORD, PortalProcess
from tests.e2e.test_story import accessible, sign_in

NEW_PASSWORD = "another horse battery"


@pytest.fixture
def owner(portal: PortalProcess, page: Page) -> Page:
    """The owner's browser, signed in, on a portal with two stations."""
    portal.command("user", "add", "admin@example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    for name in ("Bench 7", "Bench 8"):
        portal.command("station", "create", name)
    sign_in(page)
    return page


def make_team(owner: Page, name: str) -> None:
    owner.goto("/settings/teams")
    accessible(owner)
    owner.get_by_label("Name").fill(name)
    owner.get_by_role("button", name="Create team").click()
    expect(owner.get_by_role("heading", name=name)).to_be_visible()
    accessible(owner)


def put_station_into(portal: PortalProcess, station: str, team: str) -> None:
    with sqlite3.connect(portal.data_dir / "portal.db") as data:
        (team_id,) = data.execute("SELECT id FROM teams WHERE name = ?", (team,)).fetchone()
        data.execute("UPDATE stations SET team_id = ? WHERE name = ?", (team_id, station))


def invite(owner: Page, email: str, role: str, team: str) -> str:
    owner.get_by_role("link", name="Settings").click()
    owner.get_by_label("Settings").get_by_role("link", name="People").click()
    accessible(owner)
    owner.get_by_role("link", name="Invite").click()
    accessible(owner)
    owner.get_by_label("E-mail").fill(email)
    owner.get_by_label("Role").select_option(role)
    owner.get_by_label(team).check()
    owner.get_by_role("button", name="Make the link").click()
    link = owner.locator("#invitation-link").inner_text()
    accessible(owner)
    owner.reload()
    expect(owner.locator("#invitation-link")).to_have_count(0)
    return link


def test_from_the_invitation_to_the_removal(portal: PortalProcess, owner: Page, new_page: Callable[[], Page]) -> None:
    make_team(owner, "Line 4")
    make_team(owner, "Line 5")
    link = invite(owner, "nina@example.com", "viewer", "Line 4")

    nina = new_page()
    nina.goto(link)
    accessible(nina)
    nina.get_by_label("Your name").fill("Nina")
    nina.get_by_label("Password").fill("short")
    nina.get_by_role("button", name="Join").click()
    expect(nina.get_by_text("The password is too short")).to_be_visible()
    expect(nina.get_by_label("Your name")).to_have_value("Nina")
    nina.get_by_label("Password").fill(NEW_PASSWORD)
    nina.get_by_role("button", name="Join").click()
    expect(nina.get_by_role("heading", name="Overview")).to_be_visible()

    nina.goto("/stations")
    expect(nina.get_by_role("link", name="Bench 8").first).to_be_visible()
    hidden = nina.get_by_role("link", name="Bench 8").first.get_attribute("href") or ""
    put_station_into(portal, "Bench 7", "Line 4")
    put_station_into(portal, "Bench 8", "Line 5")
    nina.reload()
    expect(nina.get_by_role("link", name="Bench 7").first).to_be_visible()
    expect(nina.get_by_text("Bench 8")).to_have_count(0)
    answer = nina.goto(hidden)
    assert answer is not None
    assert answer.status == 404

    # A page that is open when the role changes shows what it may show now.
    nina.goto("/stations")
    with nina.expect_websocket():
        nina.reload()
    owner.goto("/settings/people")
    owner.get_by_role("link", name="Nina").click()
    accessible(owner)
    owner.get_by_label("May do").select_option("operator")
    owner.get_by_role("button", name="Change the role").click()
    expect(owner.get_by_text("The role was changed")).to_be_visible()
    expect(nina.get_by_role("heading", name="There is nothing here")).to_be_visible()
    expect(nina.get_by_text("Your role is operator")).to_be_visible()
    expect(nina.get_by_role("link", name="Stations")).to_have_count(0)
    accessible(nina)

    nina.goto("/")
    expect(nina).to_have_url(re.compile("/operate$"))
    expect(nina.get_by_text("Bench 7").first).to_be_visible()
    owner.get_by_text("Remove this member").click()
    owner.get_by_role("button", name="Remove Nina").click()
    expect(owner.get_by_text("Nina is no member any more")).to_be_visible()
    expect(nina.get_by_text("You are signed out")).to_be_visible()
    nina.goto("/account")
    expect(nina).to_have_url(re.compile("/sign-in"))


def test_an_operator_of_several_stations_chooses_and_one_of_none_is_told_whom_to_ask(
    portal: PortalProcess, owner: Page, new_page: Callable[[], Page]
) -> None:
    portal.command("user", "add", "olga@example.com", "--role", "operator", "--password-stdin", stdin=PASSWORD)
    olga = new_page()
    olga.goto("/sign-in")
    olga.get_by_label("E-mail").fill("olga@example.com")
    olga.get_by_label("Password").fill(PASSWORD)
    olga.get_by_role("button", name="Sign in").click()

    expect(olga.get_by_role("heading", name="Choose the station")).to_be_visible()
    accessible(olga)
    box = olga.get_by_role("link", name="Bench 7").bounding_box()
    assert box is not None
    assert box["height"] >= 64
    olga.get_by_role("link", name="Bench 7").click()
    expect(olga).to_have_url(re.compile("/stations/.*/operate$"))

    make_team(owner, "Line 5")
    make_team(owner, "Line 6")
    put_station_into(portal, "Bench 7", "Line 5")
    owner.get_by_label("olga@example.com").check()
    owner.get_by_role("button", name="Change the members").click()
    expect(owner.get_by_text("The members of the team were changed")).to_be_visible()
    expect(olga.get_by_role("heading", name="This station is not here for you")).to_be_visible()
    accessible(olga)
    expect(olga.get_by_role("link", name="Bench 8")).to_be_visible()
    put_station_into(portal, "Bench 8", "Line 5")
    olga.reload()
    expect(olga.get_by_text("Ask whoever manages people here")).to_be_visible()
    olga.goto("/")
    expect(olga.get_by_role("heading", name="No station is yours yet")).to_be_visible()
    accessible(olga)


def test_ones_own_account(portal: PortalProcess, owner: Page, new_page: Callable[[], Page]) -> None:
    other = new_page()
    sign_in(other)

    owner.goto("/account")
    accessible(owner)
    owner.get_by_label("New key").fill("MES")
    owner.get_by_role("button", name="Create key").click()
    key = owner.locator("#new-key").inner_text()
    accessible(owner)
    owner.reload()
    expect(owner.get_by_text(key)).to_have_count(0)
    expect(owner.get_by_role("row", name="MES")).to_contain_text(key[:12])

    owner.get_by_label("Password of now").fill("wrong password")
    owner.get_by_label("New password").fill(NEW_PASSWORD)
    owner.get_by_role("button", name="Change password").click()
    expect(owner.get_by_text("This is not your password of now")).to_be_visible()
    owner.get_by_label("Password of now").fill(PASSWORD)
    owner.get_by_label("New password").fill(NEW_PASSWORD)
    owner.get_by_role("button", name="Change password").click()

    expect(owner.get_by_text("Your password was changed. 1 other browser was signed out.")).to_be_visible()
    other.goto("/")
    expect(other).to_have_url(re.compile("/sign-in"))
    owner.get_by_role("button", name="Delete the key MES").click()
    expect(owner.get_by_text("The key no longer works")).to_be_visible()
