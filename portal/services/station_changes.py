"""Changing a station: its name, picture and metadata. Source: contract/v2-api.md §8."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from portal.announcements import StationChanged
from portal.models import Attachment, Station
from portal.services import audit, edits, names
from portal.services.actors import Actor, Permission, require
from portal.services.attachments import delete_attachments, link_uploads
from portal.services.metadata import merged
from portal.services.station_lookup import LONGEST_NAME, get_station, refuse_taken

if TYPE_CHECKING:
    from portal.database import Db


@dataclass(frozen=True)
class StationChanges:
    """What shall be other than it is. ``image_id``: an uploaded file, empty for no picture any more."""

    name: str | None = None
    image_id: str | None = None
    metadata: Mapping[str, Any] | None = None


def rename_station(db: Db, actor: Actor, station_id: str, name: str) -> Station:
    """Give the station another name. Raises as `create_station`, and `NotFound`."""
    return update_station(db, actor, station_id, StationChanges(name=name))


def update_station(
    db: Db, actor: Actor, station_id: str, changes: StationChanges, if_match: str | None = None
) -> Station:
    """Change what is given of the station. Nothing happens where nothing is other than it was.

    Raises as `create_station`; `NotFound`, also for a picture that is none; `PreconditionFailed`.
    """
    require(actor, Permission.EDIT)
    with db.write():
        db.serialise("stations")  # of two that merge metadata, or take one name, the second sees what the first did
        station = get_station(db, actor, station_id)
        edits.check(station, if_match)
        is_renamed = changes.name is not None and _rename(db, actor, station, changes.name)
        others = {
            "image": changes.image_id is not None and _set_picture(db, actor, station, changes.image_id),
            "metadata": changes.metadata is not None and _merge_metadata(station, changes.metadata),
        }
        fields = [name for name, is_changed in others.items() if is_changed]
        if fields:
            audit.record(db, actor, "station:changed", station, fields=", ".join(fields))
        if fields or is_renamed:
            edits.touch(station)
    return station


def _rename(db: Db, actor: Actor, station: Station, given: str) -> bool:
    name = names.clean(given, "station's name", LONGEST_NAME, "name")
    if name == station.name:
        return False
    refuse_taken(db, name, but=station.id)
    before, station.name, station.name_key = station.name, name, names.same(name)
    audit.record(db, actor, "station:renamed", station, before=before, after=name)
    db.announce(StationChanged(station.id))
    return True


def _set_picture(db: Db, actor: Actor, station: Station, image_id: str) -> bool:
    present = list(db.session.scalars(select(Attachment.id).where(Attachment.station_id == station.id)))
    wanted = [image_id.lower()] if image_id else []
    link_uploads(db, actor, wanted, station)
    delete_attachments(db, actor, [one for one in present if one not in wanted])
    return present != wanted


def _merge_metadata(station: Station, changes: Mapping[str, Any]) -> bool:
    before, station.station_metadata = station.station_metadata or {}, merged(station.station_metadata, dict(changes))
    return before != station.station_metadata
