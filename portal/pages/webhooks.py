"""Settings: the webhooks, a new one, and the page of one with its log of deliveries."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, flash, redirect, request, url_for
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from portal.errors import Invalid
from portal.pages.forms import Form
from portal.pages.hand_over import HandOver
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services import webhook_deliveries
from portal.services import webhooks as webhook_services
from portal.web import actor, db

pages = signed_in_only(Blueprint("webhooks", __name__))

FIELDS = ("name", "url")


@pages.record
def _prepare(state: BlueprintSetupState) -> None:
    state.app.extensions["stationmaster.fresh_webhook_secrets"] = HandOver[str]()


@pages.get("/settings/webhooks")
def index() -> Response:
    """The list."""
    return render("settings/webhooks.html", webhooks=webhook_services.list_webhooks(db(), actor()))


@pages.get("/settings/webhooks/new")
def new() -> Response:
    """The form. Not shown to whom the list is not."""
    webhook_services.list_webhooks(db(), actor())
    return render("settings/webhook_new.html", form=Form())


@pages.post("/settings/webhooks/new")
def create() -> ResponseReturnValue:
    """Make the webhook; its page shows the secret once."""
    form = Form.of(request)
    try:
        webhook_id = webhook_services.create_webhook(db(), actor(), form.text("name"), form.text("url"))
    except Invalid as invalid:
        return render("settings/webhook_new.html", status=422, form=form.refused(invalid, FIELDS))
    _fresh_secrets().put((actor().id, webhook_id), webhook_services.reveal_secret(db(), actor(), webhook_id))
    return _back_to(webhook_id)


@pages.get("/settings/webhooks/<webhook_id>")
def show(webhook_id: str) -> Response:
    """The page of one, with the secret if it was made just now."""
    return _page(webhook_id, secret=_fresh_secrets().take((actor().id, webhook_id)))


@pages.post("/settings/webhooks/<webhook_id>")
def update(webhook_id: str) -> ResponseReturnValue:
    """Change name and address."""
    form = Form.of(request)
    try:
        webhook_services.update_webhook(db(), actor(), webhook_id, name=form.text("name"), url=form.text("url"))
    except Invalid as invalid:
        return _page(webhook_id, status=422, form=form.refused(invalid, FIELDS))
    flash("The webhook was changed.")
    return _back_to(webhook_id)


@pages.post("/settings/webhooks/<webhook_id>/<any(on, off):switch>")
def switch(webhook_id: str, switch: str) -> ResponseReturnValue:
    """Switch it on or off."""
    webhook_services.update_webhook(db(), actor(), webhook_id, is_active=switch == "on")
    return _back_to(webhook_id)


@pages.post("/settings/webhooks/<webhook_id>/test")
def test(webhook_id: str) -> ResponseReturnValue:
    """Send a test; the log shows what became of it."""
    webhook_deliveries.send_test(db(), actor(), webhook_id)
    flash("A test is on its way: the log shows what became of it.")
    return _back_to(webhook_id)


@pages.post("/settings/webhooks/<webhook_id>/deliveries/<delivery_id>/retry")
def retry(webhook_id: str, delivery_id: str) -> ResponseReturnValue:
    """Send one again."""
    webhook_deliveries.retry_delivery(db(), actor(), webhook_id, delivery_id)
    flash("The message is sent again.")
    return _back_to(webhook_id)


@pages.post("/settings/webhooks/<webhook_id>/remove")
def remove(webhook_id: str) -> ResponseReturnValue:
    """Remove it with its log."""
    webhook_services.delete_webhook(db(), actor(), webhook_id)
    flash("The webhook was removed.")
    return redirect(url_for("webhooks.index"), 303)


def _page(webhook_id: str, *, status: int = 200, form: Form | None = None, secret: str | None = None) -> Response:
    webhook = webhook_services.show_webhook(db(), actor(), webhook_id)
    cursor = request.args.get("cursor") or None
    page = webhook_deliveries.list_deliveries(db(), actor(), webhook_id, cursor)
    here = url_for("webhooks.show", webhook_id=webhook_id)
    response = render(
        "settings/webhook.html",
        "settings/_deliveries.html",
        status=status,
        webhook=webhook,
        form=form or Form({"name": webhook.name, "url": webhook.url}),
        secret=secret,
        deliveries=page.items,
        here_url=here if cursor is None else f"{here}?cursor={cursor}",
        first_url=here if cursor is not None else None,
        next_url=f"{here}?cursor={page.next_cursor}" if page.next_cursor is not None else None,
    )
    if secret is not None:
        response.headers["Cache-Control"] = "no-store"
    return response


def _back_to(webhook_id: str) -> ResponseReturnValue:
    return redirect(url_for("webhooks.show", webhook_id=webhook_id), 303)


def _fresh_secrets() -> HandOver[str]:
    secrets: HandOver[str] = current_app.extensions["stationmaster.fresh_webhook_secrets"]
    return secrets
