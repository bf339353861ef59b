"""Settings: the teams, and the page of one with who is in it."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from portal.errors import Conflict, Invalid
from portal.pages.forms import Form
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services import teams as team_services
from portal.services.users import list_users
from portal.web import actor, db

pages = signed_in_only(Blueprint("teams", __name__))


@pages.get("/settings/teams")
def index() -> Response:
    """The list, with the form of a new one."""
    return _list(Form())


@pages.post("/settings/teams")
def create() -> ResponseReturnValue:
    """Make a team; its page is where to say who is in it."""
    form = Form.of(request)
    try:
        made = team_services.create_team(db(), actor(), form.text("name"))
    except (Invalid, Conflict) as refusal:
        return _list(_refused(form, refusal), status=refusal.status)
    return redirect(url_for("teams.show", team_id=made.id), 303)


@pages.get("/settings/teams/<team_id>")
def show(team_id: str) -> Response:
    """The page of one."""
    return _page(team_id)


@pages.post("/settings/teams/<team_id>")
def rename(team_id: str) -> ResponseReturnValue:
    """Give it another name."""
    form = Form.of(request)
    try:
        team_services.rename_team(db(), actor(), team_id, form.text("name"))
    except (Invalid, Conflict) as refusal:
        return _page(team_id, _refused(form, refusal), status=refusal.status)
    flash("Renamed.")
    return redirect(url_for("teams.show", team_id=team_id), 303)


@pages.post("/settings/teams/<team_id>/members")
def members(team_id: str) -> ResponseReturnValue:
    """Say who is in it."""
    form = Form.of(request)
    try:
        team_services.set_members(db(), actor(), team_id, form.chosen("members"))
    except Invalid as invalid:
        return _page(team_id, form.refused(invalid, ("members",)), status=422)
    flash("The members of the team were changed.")
    return redirect(url_for("teams.show", team_id=team_id), 303)


@pages.post("/settings/teams/<team_id>/remove")
def remove(team_id: str) -> ResponseReturnValue:
    """Delete it. Its stations are then in no team."""
    team_services.delete_team(db(), actor(), team_id)
    flash("The team was deleted.")
    return redirect(url_for("teams.index"), 303)


def _refused(form: Form, refusal: Invalid | Conflict) -> Form:
    return Form(form.values, form.lists, {"name": refusal.message})


def _list(form: Form, status: int = 200) -> Response:
    return render("settings/teams.html", status=status, form=form, teams=team_services.list_teams(db(), actor()))


def _page(team_id: str, form: Form | None = None, status: int = 200) -> Response:
    team = team_services.show_team(db(), actor(), team_id)
    shown = form or Form()
    chosen = shown.lists if "members" in shown.errors else {"members": [str(person.id) for person in team.members]}
    return render(
        "settings/team.html",
        status=status,
        team=team,
        form=Form({"name": team.name, **shown.values}, chosen, shown.errors, shown.problem),
        people=[(one.id, one.name or one.email, one.email if one.name else None) for one in list_users(db(), actor())],
    )
