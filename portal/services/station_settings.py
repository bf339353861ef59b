"""What people have set of a station, and the saving of a form that shows it.

A form knows what it was filled from: a fingerprint of each field. So only those fields are written that the person has
really changed, and two people who change different ones do not undo each other. Where both have changed the same one,
the form is stale: nothing is written, and `Stale` holds both values with who set the other one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from portal.errors import BadRequest, Conflict, Invalid, Issue
from portal.models import Attachment, AuditEntry, Station, Team
from portal.services import edits, shifts
from portal.services.actors import Actor, Permission, require
from portal.services.shifts import Shifts
from portal.services.station_changes import StationChanges, change_station, checked
from portal.services.station_lookup import get_station, refuse_taken
from portal.services.station_teams import TeamRef, find_team

if TYPE_CHECKING:
    from portal.database import Db

METADATA = "metadata."  # before the key, in the name of a field
LABELS = {"name": "name", "team": "team", "notes": "notes", "time_zone": "time zone", "shifts": "shifts"}
UNSEEN = (
    "The form does not say what it was filled from, so it might undo what others have set. Nothing was changed: open "
    "the page again, and change it there."
)
LOOKED_BACK = 200  # entries of the audit trail in which the other change is looked for

# Values by field: name, team (its id), notes, time_zone, shifts (in their stored form), and each key of metadata.
Values = Mapping[str, Any]


@dataclass(frozen=True)
class StationSettings:
    """What people have set. ``time_zone``: its own; None: ``zone_name`` is the portal's. ``etag``: of this state."""

    id: str
    number: int
    name: str
    team: TeamRef | None
    notes: str
    time_zone: str | None
    zone_name: str
    shifts: Shifts | None
    metadata: dict[str, Any]
    picture_id: str | None
    etag: str

    @property
    def expected(self) -> str:
        """When it is expected to be there, in a line."""
        return shifts.in_words(self.shifts)

    def values(self) -> dict[str, Any]:
        """By field, for a form."""
        return {
            "name": self.name,
            "team": self.team.id if self.team is not None else "",
            "notes": self.notes,
            "time_zone": self.time_zone or "",
            "shifts": shifts.store(self.shifts),
            **{METADATA + key: value for key, value in self.metadata.items()},
        }

    @property
    def seen(self) -> Seen:
        """What a form that shows all of it was filled from."""
        return Seen(self.etag, {field: fingerprint(value) for field, value in self.values().items()})

    @property
    def seen_name(self) -> Seen:
        """What a form that shows only the name was filled from."""
        return Seen(self.etag, {"name": fingerprint(self.name)})


@dataclass(frozen=True)
class Seen:
    """What a form was filled from. A field that is not in ``prints`` was not there."""

    etag: str
    prints: Mapping[str, str]

    def __str__(self) -> str:
        return json.dumps({"etag": self.etag, **self.prints}, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Seen:
        """From what the form carried. Raises `BadRequest` when it carried nothing that can be read."""
        try:
            found = json.loads(text)
            return cls(str(found.pop("etag")), {str(field): str(value) for field, value in found.items()})
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise BadRequest(UNSEEN) from error


@dataclass(frozen=True)
class Clash:
    """A field that two have changed. ``theirs`` is in force; ``who`` and ``at``: None where the trail does not say."""

    field: str
    label: str
    before: str | None
    theirs: str
    mine: str
    who: str | None
    at: datetime | None


class Stale(Conflict):
    """Somebody else has changed the same fields. Nothing was written. ``values``: theirs, with mine upon it."""

    def __init__(self, clashes: list[Clash], settings: StationSettings, values: dict[str, Any]) -> None:
        super().__init__("Somebody else has changed this station meanwhile. Nothing of yours was saved yet.")
        self.clashes, self.settings, self.values = clashes, settings, values


def show_settings(db: Db, actor: Actor, station_id: str) -> StationSettings:
    """What is set of a station, for who may change it. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.EDIT)
    return settings_of(db, get_station(db, actor, station_id))


def settings_of(db: Db, station: Station) -> StationSettings:
    """The same of a station at hand, in one statement."""
    wanted = (
        select(Team.id, Team.name, Attachment.id)
        .select_from(Station)
        .outerjoin(Team, Team.id == Station.team_id)
        .outerjoin(Attachment, (Attachment.station_id == Station.id) & Attachment.is_image)
        .where(Station.id == station.id)
        .limit(1)
    )
    team_id, team_name, picture_id = db.session.execute(wanted).one()
    return StationSettings(
        id=station.id,
        number=station.number,
        name=station.name,
        team=TeamRef(team_id, team_name) if team_id is not None else None,
        notes=station.notes or "",
        time_zone=station.time_zone,
        zone_name=station.time_zone or db.settings.time_zone,
        shifts=shifts.load(station.shifts),
        metadata=station.station_metadata or {},
        picture_id=picture_id,
        etag=edits.etag(station),
    )


def save_settings(
    db: Db,
    actor: Actor,
    station_id: str,
    typed: Values,
    seen: Seen,
    dropped: frozenset[str] = frozenset(),
    mistakes: Sequence[Issue] = (),
) -> bool:
    """Write what somebody has changed in a form, and nothing else. Whether there was anything to write.

    ``typed``: what the form holds now; a key of metadata that is not in it any more is removed. ``dropped``: fields in
    which the person takes what is in force. ``mistakes``: what could not be read at all; it is told with the others.
    Raises `Invalid` with all that is wrong at once; `Stale`; `Conflict` for a taken name; `NotFound`; `Forbidden`.
    """
    require(actor, Permission.EDIT)
    with db.write():
        db.serialise("stations")
        station = get_station(db, actor, station_id)
        if mistakes:
            _refuse_mistakes(db, station, typed, mistakes)
        settings = settings_of(db, station)
        current = settings.values()
        known = seen.prints
        mine = {
            field: typed.get(field)
            for field in (*typed, *(one for one in known if one.startswith(METADATA) and one not in typed))
            if fingerprint(typed.get(field)) != known.get(field, fingerprint(None)) and field not in dropped
        }
        clashing = [
            field
            for field in mine
            if fingerprint(current.get(field)) not in (known.get(field, fingerprint(None)), fingerprint(mine[field]))
        ]
        if clashing:
            raise Stale(_clashes(db, station, clashing, current, mine), settings, _upon(current, mine))
        if not mine:
            return False
        _refuse_mistakes(db, station, mine)
        change_station(db, actor, station, _changes(mine))
    return True


def fingerprint(value: Any) -> str:
    """The same for values that a person would take for the same; empty for nothing."""
    if value is None:
        return ""
    if isinstance(value, str):  # browsers send line breaks in their own form, and blanks around a text are no change
        value = value.replace("\r\n", "\n").strip()
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def label(field: str) -> str:
    """A field's name for people."""
    return LABELS.get(field) or f"metadata {field.removeprefix(METADATA)}"


def _changes(mine: Values) -> StationChanges:
    metadata = {field.removeprefix(METADATA): value for field, value in mine.items() if field.startswith(METADATA)}
    return StationChanges(
        name=mine.get("name"),
        metadata=metadata or None,
        team_id=mine.get("team"),
        notes=mine.get("notes"),
        time_zone=mine.get("time_zone"),
        shifts=(shifts.load(mine["shifts"]) or ()) if "shifts" in mine else None,
    )


def _refuse_mistakes(db: Db, station: Station, values: Values, found: Sequence[Issue] = ()) -> None:
    _kept, wrong = checked(_changes(values))
    issues = [*found, *wrong]
    team_id = str(values.get("team") or "")
    if team_id and find_team(db, team_id) is None:
        issues.append(Issue("This team is not there any more: choose another one.", ("team",)))
    if not issues:
        return
    try:
        refuse_taken(db, str(values.get("name") or ""), but=station.id)
    except Conflict as conflict:
        issues += conflict.issues
    raise Invalid(issues)


def _upon(current: Values, mine: Values) -> dict[str, Any]:
    found = {**current, **mine}
    return {field: value for field, value in found.items() if value is not None or field in LABELS}


def _clashes(db: Db, station: Station, fields: list[str], current: Values, mine: Values) -> list[Clash]:
    wanted = (
        select(AuditEntry)
        .where(AuditEntry.object_kind == Station.__tablename__, AuditEntry.object_id == station.id)
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(LOOKED_BACK)
    )
    entries = [entry for entry in db.session.scalars(wanted) if entry.after]
    found = []
    for field in fields:
        entry = next((one for one in entries if one.after and field in one.after), None)
        before = (entry.before or {}).get(field) if entry is not None else None
        found.append(
            Clash(
                field=field,
                label=label(field),
                before=str(before) if before is not None else None,
                theirs=_in_words(db, field, current.get(field)),
                mine=_in_words(db, field, mine.get(field)),
                who=entry.actor_name if entry is not None else None,
                at=entry.at if entry is not None else None,
            )
        )
    return found


def _in_words(db: Db, field: str, value: Any) -> str:
    """A value as people read it; empty for nothing."""
    if field == "shifts":
        return shifts.in_words(shifts.load(value))
    if field == "team" and value:
        team = find_team(db, value)
        return team.name if team is not None else "a team that is not there any more"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
