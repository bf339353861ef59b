"""Who did what: an entry for every change, in the transaction of the change. Reading them is `audit_trail`.

Entries are only ever added: a trigger of the database refuses to change or remove one. Records of runs have none: a
record says itself who sent it, from which station and when.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from portal.models import (
    Attachment,
    AuditEntry,
    Batch,
    Invitation,
    Part,
    Procedure,
    ProcedureVersion,
    Revision,
    Station,
    Team,
    Unit,
    User,
    Webhook,
)
from portal.models.base import Base
from portal.services.actors import Actor
from portal.services.names import isolated
from portal.services.upsert import insert_all

if TYPE_CHECKING:
    from portal.database import Db

# Values before and after, by the name of the field.
Changes = Mapping[str, tuple[Any, Any]]

# How an entry reads beside the name of who did it. The words in braces are its details; {fields}: what has changed;
# {before} and {after}: of the one field that has.
WORDS = {
    "attachment:created": "announced the file {name}",
    "attachment:deleted": "removed the file {name}",
    "batch:created": "made the batch",
    "batch:deleted": "removed the batch",
    "batch:renamed": "renumbered it from “{before}” to “{after}”",
    "file:imported": "imported the file {name}: runs: {runs}",
    "invitation:accepted": "accepted the invitation",
    "invitation:created": "invited {email} as {role}",
    "invitation:withdrawn": "withdrew the invitation",
    "part:changed": "changed it: {fields}",
    "part:created": "made the part",
    "part:deleted": "removed the part",
    "procedure:archived": "archived it and ended its links to {stations} stations",
    "procedure:changed": "changed it: {fields}",
    "procedure:created": "made the procedure",
    "procedure:deleted": "removed the procedure with its runs: {runs}",
    "procedure:linked": "linked the procedure {procedure}",
    "procedure:restored": "restored it, linked to {stations} stations",
    "procedure:unlinked": "unlinked the procedure {procedure}",
    "revision:changed": "changed it: {fields}",
    "revision:created": "made the revision {number} of {part_number}",
    "revision:deleted": "removed the revision {number} of {part_number}",
    "run:deleted": "removed the run, which was {outcome}",
    "run:files_linked": "added files to the run",
    "run:metadata_changed": "changed its metadata: {fields}",
    "station:archived": "archived the station",
    "station:changed": "changed it: {fields}",
    "station:created": "created the station",
    "station:deleted": "deleted the station",
    "station:enrolled": "enrolled the machine {hostname}",
    "station:key_created": "made the API key {prefix}…",
    "station:key_deleted": "deleted the API key {prefix}…",
    "station:key_regenerated": "regenerated the API key {before}…, which is now {prefix}…",
    "station:machine_left": "was uninstalled from the machine {hostname}",
    "station:machine_replaced": "replaced the machine {hostname} by {by}",
    "station:machine_revoked": "revoked the installation on {hostname}",
    "station:renamed": "renamed it from “{before}” to “{after}”",
    "station:restored": "restored it",
    "station:run_killed": "killed the run{result}",
    "station:run_started": "started {procedure}{unit}{result}",
    "station:run_stopped": "stopped the run{result}",
    "station:token_issued": "made a setup token",
    "team:created": "made the team",
    "team:deleted": "deleted the team",
    "team:members_changed": "changed who is in the team",
    "team:renamed": "renamed the team from “{before}” to “{after}”",
    "unit:built_in": "built it into {into}",
    "unit:changed": "changed it: {fields}",
    "unit:created": "made the unit",
    "unit:deleted": "removed the unit",
    "unit:taken_out": "took it out of {of}",
    "user:created": "made the account, as {role}",
    "user:key_created": "made the API key {prefix}…",
    "user:key_revoked": "deleted the API key {prefix}…",
    "user:password_changed": "changed the password",
    "user:password_reset": "set a new password by a link",
    "user:removed": "removed the member",
    "user:renamed": "changed the name from “{before}” to “{after}”",
    "user:reset_link_created": "made a link for a new password",
    "user:role_changed": "changed the role from {before} to {after}",
    "user:session_ended": "signed out the browser at {address}",
    "user:sessions_ended": "signed out {count} other browsers",
    "user:sign_in_failed": "could not sign in as {email}; tries: {tries}",
    "user:signed_in": "signed in",
    "user:signed_out": "signed out",
    "user:teams_changed": "changed the teams",
    "version:created": "made the version",
    "version:deleted": "removed the version",
    "webhook:created": "made the webhook",
    "webhook:deleted": "removed the webhook",
    "webhook:retried": "sent a message again",
    "webhook:tested": "sent a test",
    "webhook:updated": "changed it: {fields}",
}

FIELD_WORDS = {"image": "picture"}  # where people have another word for it than the API


def record(db: Db, actor: Actor, action: str, subject: Base, /, changes: Changes | None = None, **details: Any) -> None:
    """Note a change. Call it inside the write transaction of the change. ``action``: ``noun:verb``.

    ``changes``: the fields that are other than they were, each with its value before and after; never a secret.
    ``details``: what else its sentence needs.
    """
    db.session.flush()  # a new object has its id from now on
    subject_id: str = subject.id  # type: ignore[attr-defined]  # every table with an audit trail has one
    record_about(db, actor, action, (subject.__tablename__, subject_id, _name(subject)), changes, details)


def record_about(
    db: Db, actor: Actor, action: str, about: tuple[str, str, str | None], changes: Changes | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """The same for what has no row at hand. ``about``: its table, id and name."""
    kind, subject_id, name = about
    entry = {
        "at": datetime.now(UTC),
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_name": actor.name[:254],
        "action": action,
        "object_kind": kind,
        "object_id": subject_id,
        "object_name": name[:254] if name is not None else None,
        "details": dict(details or {}),
        "address": actor.address[:64] if actor.address else None,
        "before": {field: before for field, (before, _after) in changes.items()} if changes else None,
        "after": {field: after for field, (_before, after) in changes.items()} if changes else None,
    }
    insert_all(db, AuditEntry, [entry])


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """What is other than it was, for ``changes``. Of a mapping inside, such as metadata, each key by itself."""
    found: dict[str, tuple[Any, Any]] = {}
    for field in dict.fromkeys((*before, *after)):
        old, new = before.get(field), after.get(field)
        if isinstance(old, Mapping) or isinstance(new, Mapping):
            inside = differences(old or {}, new or {})
            found.update({f"{field}.{key}": values for key, values in inside.items()})
        elif old != new:
            found[field] = (old, new)
    return found


def made(**fields: Any) -> Changes:
    """The fields of something new, for ``changes``."""
    return differences({}, fields)


def removed(**fields: Any) -> Changes:
    """The fields of something that is removed, for ``changes``: what is lost."""
    return differences(fields, {})


def sentence(entry: AuditEntry) -> str:
    """What was done, to follow the name of who did it. Old entries read as well as new ones."""
    template = WORDS.get(entry.action)
    if template is None:
        return entry.action.replace(":", " ").replace("_", " ")
    before, after = entry.before or {}, entry.after or {}
    facts = {"name": entry.object_name}
    if len(after) == 1:
        facts |= {"before": next(iter(before.values()), None), "after": next(iter(after.values()))}
    facts |= {"fields": ", ".join(field.replace("_", " ") for field in after)} if after else {}
    facts |= entry.details
    if entry.action.endswith("changed") and "fields" not in facts:
        facts["fields"] = ", ".join(changed_fields(entry)) or "nothing is other than it was"
    if "fields" in facts:
        facts["fields"] = ", ".join(FIELD_WORDS.get(field, field) for field in str(facts["fields"]).split(", "))
    return template.format_map(_Facts({name: isolated(str(value)) for name, value in facts.items()}))


def changed_fields(entry: AuditEntry) -> list[str]:
    """The fields of an entry from before there were ``before`` and ``after``, as its details name them."""
    after, keys = entry.details.get("after"), entry.details.get("keys")
    if isinstance(after, dict):
        return list(after)
    return [str(key) for key in keys] if isinstance(keys, list) else []


class _Facts(dict[str, str]):
    """What an old entry does not say is left open, and not a failure of the page."""

    def __missing__(self, _name: str) -> str:
        return "…"


def _name(subject: Base) -> str | None:
    match subject:
        case Station() | Procedure() | Team() | Webhook() | Attachment():
            return subject.name
        case ProcedureVersion():
            return subject.tag
        case User() | Invitation():
            return subject.email
        case Part() | Batch() | Revision():
            return subject.number
        case Unit():
            return subject.serial_number
        case _:
            return None
