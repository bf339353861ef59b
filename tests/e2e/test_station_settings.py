"""A station's name, settings, picture and label in real browsers, as people change them."""

from __future__ import annotations

import io
import re
import socket
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.e2e.programs import PASSWORD, PortalProcess
from tests.e2e.test_story import accessible, sign_in


@pytest.fixture
def station(portal: PortalProcess) -> str:
    """The id of a station, in a portal with two administrators."""
    portal.command(
        "user", "add", "admin@example.com", "--role", "owner", "--password-stdin", "--name", "Ada", stdin=PASSWORD
    )
    portal.command(
        "user", "add", "dev@example.com", "--role", "admin", "--password-stdin", "--name", "Dev", stdin=PASSWORD
    )
    return portal.command("station", "create", "Bench 7")


def sign_in_as(page: Page, email: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Stations").first).to_be_visible()
    page.wait_for_load_state()


def in_every_size(page: Page, address: str) -> None:
    """Light and dark, from a phone to a wall: nothing for axe to find, and nothing to scroll sideways."""
    for colours, width in (("light", 360), ("dark", 2560)):
        page.emulate_media(color_scheme=colours)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(address)
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (address, width)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_station_is_renamed_in_its_place(station: str, page: Page) -> None:
    sign_in(page)
    page.goto(f"/stations/{station}")
    field, rename = page.get_by_label("Station name"), page.get_by_role("link", name="Rename")

    rename.click()
    expect(field).to_be_focused()
    field.fill("Mistyped")
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()
    expect(rename).to_be_focused()
    page.keyboard.press("Enter")
    expect(field).to_have_value("Bench 7")
    accessible(page)
    page.keyboard.type("  <b>Bench</b> 8 ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("<b>Bench</b> 8")

    page.get_by_role("link", name="Rename").click()
    page.keyboard.type("x" * 61)
    page.keyboard.press("Enter")
    expect(page.get_by_text("The station's name is too long: 61 characters, at most 60 are possible.")).to_be_visible()
    expect(field).to_have_value("x" * 61)
    expect(field).to_be_focused()
    accessible(page)


def test_two_who_rename_at_once_are_told_and_one_decides(station: str, new_page: Callable[[], Page]) -> None:
    ada, dev = new_page(), new_page()
    for page, email in ((ada, "admin@example.com"), (dev, "dev@example.com")):
        sign_in_as(page, email)
        page.goto(f"/stations/{station}")
        page.get_by_role("link", name="Rename").click()

    ada.keyboard.type("North")
    ada.keyboard.press("Enter")
    expect(ada.get_by_role("heading", name="North", level=1)).to_be_visible()
    dev.keyboard.type("South")
    dev.keyboard.press("Enter")

    expect(
        dev.get_by_role("alert").filter(has_text="Ada renamed it meanwhile from “Bench 7” to “North”")
    ).to_be_visible()
    accessible(dev)
    dev.get_by_role("button", name="Save mine").click()
    expect(dev.get_by_role("heading", name="South", level=1)).to_be_visible()


def test_two_who_change_settings_lose_nothing_and_choose_where_both_changed(
    station: str, new_page: Callable[[], Page]
) -> None:
    ada, dev = new_page(), new_page()
    for page, email in ((ada, "admin@example.com"), (dev, "dev@example.com")):
        sign_in_as(page, email)
        page.goto(f"/stations/{station}/settings")

    ada.get_by_label("Notes").fill("Ada's notes")
    ada.get_by_label("Name").fill("North")
    ada.get_by_role("button", name="Save settings").click()
    expect(ada.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    dev.get_by_label("Notes").fill("Dev's notes")
    dev.get_by_label("Time zone").fill("Europe/Berlin")
    dev.get_by_role("button", name="Save settings").click()

    clash = dev.get_by_role("group", name=re.compile("Ada changed the notes"))
    expect(clash).to_be_visible()
    accessible(dev)
    expect(dev.get_by_label("Name")).to_have_value("North")
    expect(dev.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    clash.get_by_role("radio", name=re.compile("Keep theirs Ada's notes")).check()
    dev.get_by_role("button", name="Save settings").click()

    expect(dev.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    about = dev.get_by_role("region", name="About")
    expect(about).to_contain_text("Ada's notes")
    expect(about).to_contain_text("Europe/Berlin")
    expect(dev.get_by_role("heading", name="North", level=1)).to_be_visible()


def test_shifts_and_metadata_are_typed_and_stand_on_the_page(station: str, page: Page) -> None:
    sign_in(page)
    page.goto(f"/stations/{station}")
    page.get_by_role("link", name="Settings", exact=True).last.click()
    expect(page.get_by_label("Monday, from")).to_be_hidden()

    page.get_by_label("At these times of the week").check()
    page.get_by_label("Monday, from").fill("06:00")
    page.get_by_label("Monday, to").fill("14:00")
    page.get_by_role("button", name="Add a time on Monday").click()
    page.get_by_label("Monday, from").last.fill("22:00")
    page.get_by_label("Monday, to").last.fill("05:00")
    page.get_by_role("button", name="Copy to Tue–Fri").click()
    page.get_by_label("Key", exact=True).fill("slots")
    page.get_by_label("Kind of the value").select_option("number")
    page.get_by_label("Value of the key").fill("4")
    page.get_by_role("button", name="Add a line").click()
    page.get_by_label("Key", exact=True).last.fill("line")
    page.get_by_label("Value of the key").last.fill("2 north")
    page.get_by_role("button", name="Save settings").click()

    about = page.get_by_role("region", name="About")
    expect(about).to_contain_text("Mon–Fri 06:00–14:00, 22:00–05:00")
    expect(about).to_contain_text("2 north")
    about.get_by_role("link", name="Change").click()
    page.get_by_role("button", name="Remove slots").click()
    page.get_by_label("Saturday, from").fill("06:00")
    page.get_by_label("Saturday, to").fill("06:00")
    page.get_by_label("Friday, from").first.fill("05:00")
    page.get_by_label("Friday, to").last.fill("07:00")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("Friday 22:00–07:00 overlaps with Saturday 06:00–06:00.")).to_be_visible()
    accessible(page)
    page.get_by_label("Saturday, to").fill("12:00")
    page.get_by_label("Saturday, from").fill("07:00")
    page.get_by_role("button", name="Save settings").click()
    expect(about).to_contain_text("Fri 05:00–14:00, 22:00–07:00; Sat 07:00–12:00")
    expect(about).not_to_contain_text("slots")
    in_every_size(page, f"/stations/{station}/settings")
    in_every_size(page, f"/stations/{station}")


def test_a_picture_is_uploaded_shown_and_removed(station: str, portal: PortalProcess, page: Page) -> None:
    photo = io.BytesIO()
    Image.new("RGB", (1600, 1200), "teal").save(photo, "JPEG")
    sign_in(page)
    page.goto(f"/stations/{station}/settings")
    choose = page.get_by_label("Choose a picture")

    choose.set_input_files({"name": "large.png", "mimeType": "image/png", "buffer": b"\0" * 10_000_001})
    expect(page.get_by_text("The picture is larger than 10 MB")).to_be_visible()
    choose.set_input_files({"name": "bench.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.get_by_role("button", name="Upload picture").click()
    expect(page.get_by_text("This is no picture that can be read")).to_be_visible()
    accessible(page)
    choose.set_input_files({"name": "bench.jpg", "mimeType": "image/jpeg", "buffer": photo.getvalue()})
    page.get_by_role("button", name="Upload picture").click()

    shown = page.locator(".station-picture")
    expect(shown).to_be_visible()
    assert shown.evaluate("picture => [picture.naturalWidth, picture.naturalHeight]") == [1024, 768]
    page.get_by_role("region", name="About").get_by_role("link", name="Change").click()
    page.get_by_role("button", name="Remove picture").click()
    expect(page.get_by_text("The picture was removed.")).to_be_visible()
    expect(shown).to_have_count(0)

    assert b" 413 " in first_line_of_100_megabytes(portal, page, station)


def first_line_of_100_megabytes(portal: PortalProcess, page: Page, station: str) -> bytes:
    """What the portal says to a body of that size, of which it is sent nothing."""
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in page.context.cookies())
    head = (
        f"POST /stations/{station}/picture HTTP/1.1\r\nHost: 127.0.0.1:{portal.port}\r\nCookie: {cookies}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", portal.port), timeout=10) as connection:
        connection.sendall(head.encode())
        return connection.recv(4096).split(b"\r\n")[0]


@pytest.mark.parametrize(("size", "width_mm", "height_mm"), [("62", 62, 38), ("a6", 105, 148)])
def test_a_label_is_one_sheet_that_holds_the_longest_name(
    portal: PortalProcess, station: str, page: Page, size: str, width_mm: int, height_mm: int
) -> None:
    wide = portal.command("station", "create", "W" * 60)
    sign_in(page)
    page.goto("/s/st-2")
    page.get_by_role("link", name="Label").click()
    page.get_by_role("link", name={"62": "62 mm tape", "a6": "A6"}[size], exact=True).click()
    expect(page.get_by_role("img", name=re.compile("QR code that opens the Operator UI"))).to_be_visible()
    expect(page.locator(f'.label-note a[href="{portal.url}/stations/{wide}/operate"]')).to_be_visible()
    if size == "a6":
        in_every_size(page, page.url)

    page.emulate_media(media="print")
    for hidden in (
        page.get_by_role("navigation", name="Main"),
        page.get_by_role("button"),
        page.locator(".label-note"),
    ):
        expect(hidden.first).to_be_hidden()
    words, label = page.locator(".label-words"), page.locator(".label")
    for box in (words, label):
        fits = "box => box.scrollHeight <= box.clientHeight + 1 && box.scrollWidth <= box.clientWidth + 1"
        assert box.evaluate(fits)
    assert words.bounding_box()["height"] < label.bounding_box()["height"]
    paper = page.pdf(prefer_css_page_size=True)
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", paper)
    assert [(round(float(w) / 72 * 25.4), round(float(h) / 72 * 25.4)) for w, h in boxes] == [(width_mm, height_mm)]


def test_without_scripts_everything_can_still_be_changed(station: str, portal: PortalProcess, browser: Browser) -> None:
    context = browser.new_context(base_url=portal.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page)
    page.goto(f"/stations/{station}")

    page.get_by_role("link", name="Rename").click()
    page.get_by_label("Name").fill("Bench 9")
    page.get_by_label("At these times of the week").check()
    page.get_by_label("Sunday, from").fill("06:00")
    page.get_by_label("Sunday, to").fill("14:00")
    page.get_by_label("Key", exact=True).fill("line")
    page.get_by_label("Value of the key").fill("2")
    page.get_by_role("button", name="Save settings").click()

    expect(page.get_by_role("heading", name="Bench 9", level=1)).to_be_visible()
    expect(page.get_by_role("region", name="About")).to_contain_text("Sun 06:00–14:00")
    context.close()
