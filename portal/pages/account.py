"""One's own account: name, password, where one is signed in, API keys."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, flash, redirect, request, url_for
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.errors import Invalid, TooManyRequests
from portal.pages.browsers import browser_name
from portal.pages.forms import Form
from portal.pages.hand_over import HandOver
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services import accounts, sign_ins
from portal.web import actor, db

pages = signed_in_only(Blueprint("account", __name__))


@pages.record
def _prepare(state: BlueprintSetupState) -> None:
    state.app.extensions["stationmaster.fresh_keys"] = HandOver[str]()
    state.app.jinja_env.filters.setdefault("browser", browser_name)


@pages.get("/account")
def show() -> Response:
    """The page, with a key if it was made just now."""
    return _page(key=_fresh_keys().take((actor().id, "key")))


@pages.post("/account/name")
def rename() -> ResponseReturnValue:
    """Change the name."""
    form = Form.of(request)
    try:
        accounts.rename(db(), actor(), form.text("name"))
    except Invalid as invalid:
        return _page(name_form=form.refused(invalid, ("name",)), status=422)
    flash("Your name was changed.")
    return redirect(url_for("account.show"), 303)


@pages.post("/account/password")
def password() -> ResponseReturnValue:
    """Change the password; other browsers are signed out."""
    form = Form.of(request)
    try:
        count = accounts.change_password(
            db(), actor(), form.secret("old_password"), form.secret("password"), current_user.token
        )
    except Invalid as invalid:
        return _page(password_form=form.refused(invalid, ("old_password", "password")), status=422)
    except TooManyRequests as refusal:
        response = _page(password_form=form.with_problem(refusal.message), status=429)
        response.headers["Retry-After"] = str(round(refusal.retry_after_s))
        return response
    others = f" {count} other browser{'s were' if count > 1 else ' was'} signed out." if count else ""
    flash(f"Your password was changed.{others}")
    return redirect(url_for("account.show"), 303)


@pages.post("/account/sessions/<session_id>/end")
def end_session(session_id: str) -> ResponseReturnValue:
    """Sign out in one other browser; in this one that is signing out."""
    sign_ins.end_session(db(), actor(), session_id)
    flash("That browser was signed out.")
    return redirect(url_for("account.show"), 303)


@pages.post("/account/sessions/end-others")
def end_other_sessions() -> ResponseReturnValue:
    """Sign out everywhere else."""
    sign_ins.end_other_sessions(db(), actor(), current_user.token)
    flash("You are signed in here only.")
    return redirect(url_for("account.show"), 303)


@pages.post("/account/keys")
def create_key() -> ResponseReturnValue:
    """Make a key; the page shows it once."""
    form = Form.of(request)
    try:
        key = accounts.create_key(db(), actor(), form.text("key_name"))
    except Invalid as invalid:
        return _page(key_form=Form(form.values, form.lists, {"key_name": invalid.message}), status=422)
    _fresh_keys().put((actor().id, "key"), key)
    return redirect(url_for("account.show", _anchor="api-keys"), 303)


@pages.post("/account/keys/<key_id>/remove")
def revoke_key(key_id: str) -> ResponseReturnValue:
    """Delete a key."""
    accounts.revoke_key(db(), actor(), key_id)
    flash("The key no longer works.")
    return redirect(url_for("account.show", _anchor="api-keys"), 303)


def _page(
    *,
    key: str | None = None,
    name_form: Form | None = None,
    password_form: Form | None = None,
    key_form: Form | None = None,
    status: int = 200,
) -> Response:
    me = accounts.get_self(db(), actor())
    response = render(
        "account/show.html",
        status=status,
        me=me,
        key=key,
        name_form=name_form or Form({"name": me.name or ""}),
        password_form=password_form or Form(),
        key_form=key_form or Form(),
        sessions=sign_ins.list_sessions(db(), actor(), current_user.token),
        keys=accounts.list_keys(db(), actor()),
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _fresh_keys() -> HandOver[str]:
    keys: HandOver[str] = current_app.extensions["stationmaster.fresh_keys"]
    return keys
