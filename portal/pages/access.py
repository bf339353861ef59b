"""Who is admitted to which page: one line for each, from which docs/permissions.md is made as well.

The services check again what is done; this says the same before anything is looked at, so that a form is shown only to
who may send it. Operators have no desk: towards them its pages do not exist. The API's operations declare what they
need themselves (`portal.api.operations`). A test fails for a page without its line.
"""

from __future__ import annotations

from enum import Enum

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from portal.errors import NotFound
from portal.services.actors import Actor, Permission, Role, require


class Access(Enum):
    """Who is admitted. The value: the permission it needs, and whether operators have it in sight."""

    ANYBODY = ("anybody", None, True)  # also who has not signed in
    MEMBER = ("every member", None, True)  # their own account, and the way to the bench
    STATION = ("a station's program", None, True)  # with its key
    LINK = ("a station's program, on its link", None, True)
    WATCH = ("watch a bench", Permission.VIEW, True)
    DRIVE = ("drive a bench", Permission.DRIVE, True)
    START = ("the desk, or one's bench", Permission.VIEW, False)  # operators are sent to their bench instead
    SEE = ("the desk", Permission.VIEW, False)
    EDIT = ("change things", Permission.EDIT, False)
    ADMINISTER = ("manage people and keys", Permission.ADMINISTER, False)

    def __init__(self, words: str, permission: Permission | None, is_for_operators: bool) -> None:
        self.words = words
        self.permission = permission
        self.is_for_operators = is_for_operators


A = Access
# By endpoint, sorted.
PAGES: dict[str, Access] = {
    "account.create_key": A.MEMBER,
    "account.end_other_sessions": A.MEMBER,
    "account.end_session": A.MEMBER,
    "account.password": A.MEMBER,
    "account.rename": A.MEMBER,
    "account.revoke_key": A.MEMBER,
    "account.show": A.MEMBER,
    "attachments.show": A.SEE,
    "audit.export": A.ADMINISTER,
    "audit.index": A.ADMINISTER,
    "audit.station": A.SEE,
    "batches.index": A.SEE,
    "batches.show": A.SEE,
    "enrolment.issue": A.EDIT,
    "enrolment.show": A.EDIT,
    "health.healthz": A.ANYBODY,
    "installations.confirm": A.EDIT,
    "installations.revoke": A.EDIT,
    "installer.index": A.ANYBODY,
    "installer.unix": A.ANYBODY,
    "installer.wheel": A.ANYBODY,
    "installer.windows": A.ANYBODY,
    "invitations.accept": A.ANYBODY,
    "invitations.show": A.ANYBODY,
    "live.answer": A.DRIVE,
    "live.fleet": A.SEE,
    "live.kill": A.DRIVE,
    "live.link": A.LINK,
    "live.machine": A.SEE,
    "live.operate": A.WATCH,
    "live.operator": A.WATCH,
    "live.run": A.DRIVE,
    "live.stop": A.DRIVE,
    "measurements.show": A.SEE,
    "openapi.file": A.ANYBODY,
    "operators.index": A.MEMBER,
    "overview.index": A.START,
    "palette.index": A.SEE,
    "parts.index": A.SEE,
    "parts.show": A.SEE,
    "parts.show_one_revision": A.SEE,
    "people.change_role": A.ADMINISTER,
    "people.create": A.ADMINISTER,
    "people.index": A.ADMINISTER,
    "people.make_reset_link": A.ADMINISTER,
    "people.new": A.ADMINISTER,
    "people.remove": A.ADMINISTER,
    "people.set_teams": A.ADMINISTER,
    "people.show": A.ADMINISTER,
    "people.withdraw": A.ADMINISTER,
    "procedure_links.ask_unlink": A.EDIT,
    "procedure_links.choose_procedures": A.EDIT,
    "procedure_links.choose_stations": A.EDIT,
    "procedure_links.link_procedures": A.EDIT,
    "procedure_links.link_stations": A.EDIT,
    "procedure_links.unlink": A.EDIT,
    "procedures.archive": A.EDIT,
    "procedures.ask_archive": A.EDIT,
    "procedures.create": A.EDIT,
    "procedures.index": A.SEE,
    "procedures.new": A.EDIT,
    "procedures.rename": A.EDIT,
    "procedures.restore": A.EDIT,
    "procedures.show": A.SEE,
    "reference.attempt": A.SEE,
    "reference.index": A.SEE,
    "reference.show": A.SEE,
    "runs.index": A.SEE,
    "runs.logs": A.SEE,
    "runs.phases": A.SEE,
    "runs.show": A.SEE,
    "settings.about": A.ADMINISTER,
    "settings.index": A.ADMINISTER,
    "sign_in.make_first_admin": A.ANYBODY,
    "sign_in.setup": A.ANYBODY,
    "sign_in.show": A.ANYBODY,
    "sign_in.sign_in": A.ANYBODY,
    "sign_in.sign_out": A.ANYBODY,
    "static": A.ANYBODY,
    "station_api.enrol": A.ANYBODY,
    "station_api.leave": A.STATION,
    "station_api.whoami": A.STATION,
    "station_keys.create": A.EDIT,
    "station_keys.delete": A.EDIT,
    "station_keys.regenerate": A.EDIT,
    "station_keys.show": A.SEE,
    "station_labels.by_number": A.WATCH,
    "station_labels.label": A.SEE,
    "station_removal.confirm": A.EDIT,
    "station_removal.index": A.SEE,
    "station_removal.remove": A.EDIT,
    "station_removal.restore": A.EDIT,
    "station_settings.remove_picture": A.EDIT,
    "station_settings.save": A.EDIT,
    "station_settings.set_picture": A.EDIT,
    "station_settings.show": A.EDIT,
    "station_settings.thumbnail": A.SEE,
    "station_table.archive": A.EDIT,
    "station_table.export": A.SEE,
    "station_table.link": A.EDIT,
    "station_table.team": A.EDIT,
    "stations.create": A.EDIT,
    "stations.index": A.SEE,
    "stations.link": A.EDIT,
    "stations.new": A.EDIT,
    "stations.rename": A.EDIT,
    "stations.show": A.START,
    "teams.create": A.ADMINISTER,
    "teams.index": A.ADMINISTER,
    "teams.members": A.ADMINISTER,
    "teams.remove": A.ADMINISTER,
    "teams.rename": A.ADMINISTER,
    "teams.show": A.ADMINISTER,
    "units.index": A.SEE,
    "units.show": A.SEE,
    "uploads.download": A.ANYBODY,
    "uploads.upload": A.ANYBODY,
    "uptime.show": A.SEE,
    "webhooks.create": A.ADMINISTER,
    "webhooks.index": A.ADMINISTER,
    "webhooks.new": A.ADMINISTER,
    "webhooks.remove": A.ADMINISTER,
    "webhooks.retry": A.ADMINISTER,
    "webhooks.show": A.ADMINISTER,
    "webhooks.switch": A.ADMINISTER,
    "webhooks.test": A.ADMINISTER,
    "webhooks.update": A.ADMINISTER,
}


def admit(endpoint: str | None, actor: Actor) -> ResponseReturnValue | None:
    """Let somebody who has signed in go on, or send them where they belong. Raises `NotFound`; `Forbidden`."""
    if endpoint is None:
        return None
    access = PAGES.get(endpoint, Access.SEE)
    if actor.role is Role.OPERATOR and not access.is_for_operators:
        if access is Access.START:
            return redirect(url_for("operators.index"), 303)
        raise NotFound("page")
    if access.permission is not None:
        require(actor, access.permission)
    return None
