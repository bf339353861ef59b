"""The page behind a link: for a new member, or for a member's new password. Open to who has the link."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, request
from flask.typing import ResponseReturnValue

from portal.errors import Invalid, TooManyRequests
from portal.pages.forms import Form
from portal.pages.hx import render
from portal.pages.sign_in import begin_browser_session
from portal.services import invitations as invitation_services
from portal.web import db

pages = Blueprint("invitations", __name__)

FIELDS = ("name", "password")


@pages.get("/join/<token>")
def show(token: str) -> Response:
    """The form."""
    return _page(token, Form())


@pages.post("/join/<token>")
def accept(token: str) -> ResponseReturnValue:
    """Use the link: the member is signed in."""
    form = Form.of(request)
    try:
        made = invitation_services.accept(
            db(),
            token,
            form.text("name"),
            form.secret("password"),
            address=request.remote_addr or "",
            user_agent=request.user_agent.string,
        )
    except Invalid as invalid:
        return _page(token, form.refused(invalid, FIELDS), status=422)
    begin_browser_session(made)
    flash("You are signed in.")
    return redirect("/", 303)


@pages.errorhandler(TooManyRequests)
def wait(refusal: TooManyRequests) -> Response:
    """Too many links were tried from there."""
    response = render("error.html", status=429, code=429, title="Too many tries", message=refusal.message)
    response.headers["Retry-After"] = str(round(refusal.retry_after_s))
    return response


def _page(token: str, form: Form, status: int = 200) -> Response:
    welcome = invitation_services.show_welcome(db(), token, request.remote_addr or "")
    response = render("sign_in/join.html", status=status, form=form, welcome=welcome, token=token)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
