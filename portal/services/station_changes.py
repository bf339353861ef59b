"""Changing a station: name, picture, team, notes, metadata, zone and shifts. Source: contract/v2-api.md §8."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select
from sqlalchemy.orm.attributes import flag_modified

from portal.announcements import StationChanged
from portal.errors import Invalid, Issue
from portal.models import Attachment, Station
from portal.services import audit, edits, names, shifts
from portal.services.actors import Actor, Permission, require
from portal.services.attachments import delete_attachments, link_uploads
from portal.services.audit import Changes
from portal.services.metadata import MetadataChanges, merged
from portal.services.picture_uploads import redraw_upload
from portal.services.shifts import Shifts
from portal.services.station_lookup import LONGEST_NAME, get_station, refuse_taken
from portal.services.station_teams import find_team, get_team_ref
from portal.time_zones import find_zone

if TYPE_CHECKING:
    from portal.database import Db

LONGEST_NOTES = 10_000
_METADATA: TypeAdapter[dict[str, Any]] = TypeAdapter(MetadataChanges)


@dataclass(frozen=True)
class StationChanges:
    """What shall be other than it is; None: stays as it is.

    Empty takes away: no picture, no team, no notes, the portal's time zone; no shifts: the station is always expected.
    ``image_id``: an uploaded file. ``metadata``: keys that are not named stay, None removes one.
    """

    name: str | None = None
    image_id: str | None = None
    metadata: Mapping[str, Any] | None = None
    team_id: str | None = None
    notes: str | None = None
    time_zone: str | None = None
    shifts: Shifts | None = None


def rename_station(db: Db, actor: Actor, station_id: str, name: str) -> Station:
    """Give the station another name. Raises as `create_station`, and `NotFound`."""
    return update_station(db, actor, station_id, StationChanges(name=name))


def update_station(
    db: Db, actor: Actor, station_id: str, changes: StationChanges, if_match: str | None = None
) -> Station:
    """Change what is given of the station. Nothing happens where nothing is other than it was.

    Raises as `create_station`; `NotFound`, also for a team, and for an unknown picture; `Invalid` and `TooLarge` for a
    file that is none; `PreconditionFailed`.
    """
    require(actor, Permission.EDIT)
    get_station(db, actor, station_id)
    if changes.image_id:
        redraw_upload(db, changes.image_id)
    with db.write():
        db.serialise("stations")  # of two that merge metadata, or take one name, the second sees what the first did
        station = get_station(db, actor, station_id)
        edits.check(station, if_match)
        change_station(db, actor, station, changes)
    return station


def change_station(db: Db, actor: Actor, station: Station, changes: StationChanges) -> None:
    """The same, inside a write transaction of whoever may."""
    wanted, issues = checked(changes)
    if issues:
        raise Invalid(issues)
    team_before = station.team_id
    is_renamed = wanted.name is not None and _rename(db, actor, station, wanted.name)
    done: dict[str, Changes] = {
        "picture": {} if wanted.image_id is None else _set_picture(db, actor, station, wanted.image_id),
        "team": {} if wanted.team_id is None else _set_team(db, station, wanted.team_id),
        "notes": _set(station, "notes", wanted.notes),
        "time zone": _set(station, "time_zone", wanted.time_zone),
        "shifts": {} if wanted.shifts is None else _set_shifts(station, wanted.shifts),
        "metadata": {} if wanted.metadata is None else _merge_metadata(station, wanted.metadata),
    }
    fields = [words for words, found in done.items() if found]
    if fields:
        both = {field: values for found in done.values() for field, values in found.items()}
        audit.record(db, actor, "station:changed", station, changes=both, fields=", ".join(fields))
    if done["team"]:
        db.announce(StationChanged(station.id, team_before))
    if fields or is_renamed:
        edits.touch(station)


def checked(changes: StationChanges) -> tuple[StationChanges, list[Issue]]:
    """The changes as they are kept, and all that is wrong with them."""
    issues: list[Issue] = []
    found = changes
    for field, check in (("name", _clean_name), ("notes", _clean_notes), ("time_zone", _clean_zone)):
        given = getattr(changes, field)
        if given is not None:
            try:
                kept: Any = check(given)
                found = replace(found, **{field: kept})
            except Invalid as invalid:
                issues += invalid.issues
    for key, value in (changes.metadata or {}).items():  # one by one: each mistake is told
        try:
            _METADATA.validate_python({key: value})
        except ValidationError as error:
            issues += [Issue(one["msg"], ("metadata",)) for one in error.errors(include_url=False)]
    return found, issues


def _clean_name(text: str) -> str:
    return names.clean(text, "station's name", LONGEST_NAME, "name")


def _clean_notes(text: str) -> str:
    notes = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(notes) > LONGEST_NOTES:
        raise Invalid(
            f"The notes are too long: {len(notes)} characters, at most {LONGEST_NOTES} are possible.", "notes"
        )
    if any(unicodedata.category(letter) in {"Cc", "Cs"} and letter not in "\n\t" for letter in notes):
        raise Invalid("The notes hold characters that cannot be shown.", "notes")
    return notes


def _clean_zone(text: str) -> str:
    if not text.strip():
        return ""
    zone = find_zone(text)
    if zone is None:
        raise Invalid(f"“{text.strip()[:60]}” is no time zone: choose one such as Europe/Berlin.", "time_zone")
    return zone.key


def _rename(db: Db, actor: Actor, station: Station, name: str) -> bool:
    before = station.name
    if name == before:
        return False
    refuse_taken(db, name, but=station.id)
    station.name, station.name_key = name, names.same(name)
    changes = {"name": (before, name)}
    audit.record(db, actor, "station:renamed", station, changes=changes, before=before, after=name)
    db.announce(StationChanged(station.id))
    return True


def _set_picture(db: Db, actor: Actor, station: Station, image_id: str) -> Changes:
    present = list(db.session.scalars(select(Attachment.id).where(Attachment.station_id == station.id)))
    wanted = [image_id.lower()] if image_id else []
    link_uploads(db, actor, wanted, station)
    delete_attachments(db, actor, [one for one in present if one not in wanted])
    if present == wanted:
        return {}
    return {"picture": (next(iter(present), None), next(iter(wanted), None))}


def _set_team(db: Db, station: Station, team_id: str) -> Changes:
    before = find_team(db, station.team_id) if station.team_id else None
    after = get_team_ref(db, team_id) if team_id else None
    if before == after:
        return {}
    station.team_id = after.id if after is not None else None
    return {"team": (before.name if before else None, after.name if after else None)}


def _set(station: Station, field: str, value: str | None) -> Changes:
    before, after = getattr(station, field), value or None
    if value is None or before == after:
        return {}
    setattr(station, field, after)
    return {field: (before, after)}


def _set_shifts(station: Station, wanted: Shifts) -> Changes:
    before, after = shifts.load(station.shifts), wanted or None
    if before == after:
        return {}
    station.shifts = shifts.store(after)
    return {"shifts": (shifts.in_words(before), shifts.in_words(after))}


def _merge_metadata(station: Station, changes: Mapping[str, Any]) -> Changes:
    before = station.station_metadata or {}
    after = merged(before, dict(changes))
    found = {
        f"metadata.{key}": (before.get(key), after.get(key))
        for key in sorted({*before, *after})
        if not _alike(before.get(key), after.get(key))
    }
    if found:
        station.station_metadata = after
        flag_modified(station, "station_metadata")  # which SQLAlchemy would not see in a 1 that becomes True
    return found


def _alike(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)  # for Python 1, 1.0 and True are the same
