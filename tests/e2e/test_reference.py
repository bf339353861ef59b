"""The reference of the API in a real browser: accessible, by keyboard, in both colours, with and without scripts."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.e2e.programs import PortalProcess
from tests.e2e.test_story import accessible, create_administrator


def test_an_operation_is_found_read_and_tried(page: Page, portal: PortalProcess) -> None:
    create_administrator(page)
    page.get_by_role("link", name="API", exact=True).click()
    accessible(page)
    page.get_by_role("link", name="/api/v2/batches", exact=True).first.click()

    page.get_by_role("textbox", name="Body").fill('{"number": "B-7"}')
    page.get_by_role("button", name="Send").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("200 OK")).to_be_visible()
    expect(page).to_have_url(f"{portal.url}/docs/api/batches.create")
    accessible(page)

    for colours in ("light", "dark"):
        page.emulate_media(color_scheme=colours)
        page.goto("/docs/api/runs.create")
        page.locator("details.disclosure > summary").first.press("Enter")
        accessible(page)
    expect(page.get_by_text("How to begin")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.get_by_text("How to begin")).to_be_hidden()
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0
    accessible(page)
    page.get_by_text("All operations").click()
    expect(page.get_by_text("How to begin")).to_be_visible()

    page.goto("/docs/api/runs.list")
    expect(page.get_by_role("textbox", name="limit")).to_be_hidden()
    page.get_by_text("optional parameters").click()
    expect(page.get_by_role("textbox", name="limit")).to_be_visible()
    accessible(page)


def test_the_form_works_without_scripts(browser: Browser, page: Page, portal: PortalProcess) -> None:
    create_administrator(page)
    with browser.new_context(base_url=portal.url, java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto("/sign-in")
        plain.get_by_label("E-mail").fill("admin@example.com")
        plain.get_by_label("Password").fill("correct horse battery")
        plain.get_by_role("button", name="Sign in").click()
        plain.goto("/docs/api/batches.create")
        plain.get_by_role("textbox", name="Body").fill('{"number": "B-8"}')
        plain.get_by_role("button", name="Send").click()

        expect(plain.get_by_text("200 OK")).to_be_visible()
        expect(plain.get_by_role("textbox", name="Body")).to_have_value('{"number": "B-8"}')
