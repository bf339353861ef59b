"""Settings: who is a member, with which role and teams; links to come in by, and for a new password."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, flash, redirect, request, url_for
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from portal.errors import Conflict, Forbidden, Invalid
from portal.pages.forms import Form
from portal.pages.hand_over import HandOver
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services import invitations as invitation_services
from portal.services import members, teams
from portal.services.actors import Permission, can
from portal.services.users import find_actor
from portal.web import actor, db, portal

pages = signed_in_only(Blueprint("people", __name__))

FIELDS = ("email", "role", "teams")
NEW = "new"  # whose link it is, of somebody who is no member yet


@pages.record
def _prepare(state: BlueprintSetupState) -> None:
    state.app.extensions["stationmaster.fresh_invitations"] = HandOver[invitation_services.Made]()


@pages.get("/settings/people")
def index() -> Response:
    """The members, and the links that are open; a link that was made just now is shown, once."""
    search = request.args.get("search", "").strip()
    found = members.page_members(db(), actor(), search, request.args.get("after", ""))
    response = render(
        "settings/people.html",
        people=found.items,
        search=search,
        next_url=url_for("people.index", search=search or None, after=found.next_after) if found.next_after else None,
        first_url=url_for("people.index", search=search or None) if "after" in request.args else None,
        invitations=invitation_services.list_open(db(), actor()),
        link=_fresh_link(NEW),
        me=actor().id,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@pages.get("/settings/people/invite")
def new() -> Response:
    """The form of an invitation."""
    return _form(Form({"role": "viewer"}))


@pages.post("/settings/people/invite")
def create() -> ResponseReturnValue:
    """Make the link; the next page shows it once."""
    form = Form.of(request)
    try:
        made = invitation_services.invite(db(), actor(), form.text("email"), form.text("role"), form.chosen("teams"))
    except Invalid as invalid:
        return _form(form.refused(invalid, FIELDS), status=422)
    except Conflict as conflict:
        return _form(Form(form.values, form.lists, {"email": conflict.message}), status=409)
    except Forbidden as forbidden:
        return _form(Form(form.values, form.lists, {"role": forbidden.message}), status=403)
    _fresh_links().put((actor().id, NEW), made)
    return redirect(url_for("people.index"), 303)


@pages.post("/settings/people/invitations/<invitation_id>/withdraw")
def withdraw(invitation_id: str) -> ResponseReturnValue:
    """Make a link worthless."""
    invitation_services.withdraw(db(), actor(), invitation_id)
    flash("The link no longer works.")
    return redirect(url_for("people.index"), 303)


@pages.get("/settings/people/<user_id>")
def show(user_id: str) -> Response:
    """The page of one member."""
    return _page(user_id)


@pages.post("/settings/people/<user_id>/role")
def change_role(user_id: str) -> ResponseReturnValue:
    """Give the member another role."""
    form = Form.of(request)
    try:
        members.change_role(db(), actor(), user_id, form.text("role"))
    except (Invalid, Conflict, Forbidden) as refusal:
        return _page(user_id, Form(form.values, form.lists, {"role": refusal.message}), status=refusal.status)
    flash("The role was changed.")
    return redirect(url_for("people.show", user_id=user_id) if _may_still_manage() else "/", 303)


@pages.post("/settings/people/<user_id>/teams")
def set_teams(user_id: str) -> ResponseReturnValue:
    """Say in which teams the member is."""
    form = Form.of(request)
    try:
        teams.set_teams(db(), actor(), user_id, form.chosen("teams"))
    except Invalid as invalid:
        return _page(user_id, form.refused(invalid, FIELDS), status=422)
    flash("The teams were changed.")
    return redirect(url_for("people.show", user_id=user_id), 303)


@pages.post("/settings/people/<user_id>/password-link")
def make_reset_link(user_id: str) -> ResponseReturnValue:
    """Make a link for a new password; the page shows it once."""
    try:
        made = invitation_services.make_reset_link(db(), actor(), user_id)
    except Forbidden as refusal:
        return _page(user_id, Form().with_problem(refusal.message), status=403)
    _fresh_links().put((actor().id, user_id), made)
    return redirect(url_for("people.show", user_id=user_id), 303)


@pages.post("/settings/people/<user_id>/remove")
def remove(user_id: str) -> ResponseReturnValue:
    """Take the member out."""
    name = members.show_member(db(), actor(), user_id)
    try:
        members.remove_member(db(), actor(), user_id)
    except (Conflict, Forbidden) as refusal:
        return _page(user_id, Form().with_problem(refusal.message), status=refusal.status)
    flash(f"{name.name or name.email} is no member any more.")
    return redirect(url_for("people.index"), 303)


def _may_still_manage() -> bool:
    """Who has given themselves another role may not see this page any more."""
    now = find_actor(db(), actor().id)
    return now is not None and can(now, Permission.ADMINISTER)


def _form(form: Form, status: int = 200) -> Response:
    return render(
        "settings/invite.html",
        status=status,
        form=form,
        roles=members.roles_to_give(actor()),
        team_options=[(team.id, team.name, None) for team in teams.list_teams(db(), actor())],
    )


def _page(user_id: str, form: Form | None = None, status: int = 200) -> Response:
    person = members.show_member(db(), actor(), user_id)
    shown = form or Form()
    values = {"role": person.role.value, **shown.values}
    chosen = shown.lists if "teams" in shown.errors else {"teams": [team.id for team in person.teams]}
    response = render(
        "settings/person.html",
        status=status,
        person=person,
        form=Form(values, chosen, shown.errors, shown.problem),
        roles=members.roles_to_give(actor()),
        team_options=[(team.id, team.name, None) for team in teams.list_teams(db(), actor())],
        link=_fresh_link(user_id),
        is_me=user_id == actor().id,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _fresh_link(key: str) -> str | None:
    made = _fresh_links().take((actor().id, key))
    if made is None:
        return None
    base = (portal().settings.public_url or request.url_root).rstrip("/")
    return base + url_for("invitations.show", token=made.token)


def _fresh_links() -> HandOver[invitation_services.Made]:
    links: HandOver[invitation_services.Made] = current_app.extensions["stationmaster.fresh_invitations"]
    return links
