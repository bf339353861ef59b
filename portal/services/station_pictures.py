"""The picture of a station: uploaded by a person, shown in the head of its page."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from portal.errors import Conflict, NotFound
from portal.services import pictures
from portal.services.actors import Actor, Permission, require
from portal.services.attachments import announce_upload, open_attachment, receive_upload
from portal.services.station_changes import StationChanges, change_station, update_station
from portal.services.station_lookup import get_station
from portal.services.station_settings import settings_of
from portal.storage import Readable

if TYPE_CHECKING:
    from portal.database import Db


def set_picture(db: Db, actor: Actor, station_id: str, stream: Readable, seen: str) -> None:
    """Make what is in the stream the station's picture.

    ``seen``: id of the picture that the person saw, empty for none. Raises `Conflict` when there is
    another one now; `Invalid` and `TooLarge` with the path ``picture``; `NotFound`; `Forbidden`.
    """
    require(actor, Permission.EDIT)
    _refuse_stale(db, actor, station_id, seen)
    content, ending = pictures.redraw(stream.read(pictures.MOST_BYTES + 1))
    upload = announce_upload(db, actor, f"picture.{ending}")
    receive_upload(db, upload.id, io.BytesIO(content), None)
    with db.write():
        db.serialise("stations")
        change_station(db, actor, get_station(db, actor, station_id), StationChanges(image_id=upload.id))


def remove_picture(db: Db, actor: Actor, station_id: str, seen: str) -> None:
    """Take the station's picture away. Raises as `set_picture`."""
    require(actor, Permission.EDIT)
    _refuse_stale(db, actor, station_id, seen)
    update_station(db, actor, station_id, StationChanges(image_id=""))


def small_picture(db: Db, actor: Actor, station_id: str) -> tuple[bytes, str]:
    """The station's picture for a list, with the ending of its name. Raises `NotFound`, also for none; `Forbidden`."""
    picture_id = settings_of(db, get_station(db, actor, station_id)).picture_id
    if picture_id is None:
        raise NotFound("picture")
    picture = open_attachment(db, actor, picture_id)
    if picture.size_bytes > pictures.MOST_BYTES:  # from before such were refused
        raise NotFound("small picture")
    return pictures.thumbnail(picture.read())


def _refuse_stale(db: Db, actor: Actor, station_id: str, seen: str) -> None:
    present = settings_of(db, get_station(db, actor, station_id)).picture_id or ""
    if seen != present:
        raise Conflict("Somebody else has changed the picture meanwhile: look at it, then try again.", "picture")
