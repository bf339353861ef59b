"""What people set of a station: its rules, and forms that several people have open."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select

from portal.database import Database, Db
from portal.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, TooLarge
from portal.models import Attachment, AuditEntry, Station, Team
from portal.services import pictures, shifts
from portal.services.actors import SYSTEM
from portal.services.attachments import announce_upload, open_attachment, receive_upload
from portal.services.shifts import Shift
from portal.services.station_lookup import get_station_by_number, read_number
from portal.services.station_pictures import remove_picture, set_picture
from portal.services.station_settings import Seen, Stale, StationSettings, save_settings, show_settings
from portal.services.stations import StationChanges, show_station, update_station
from tests.cast import Cast

LATE = (Shift(0, 22 * 60, 6 * 60), Shift(6, 0, 0))


@pytest.fixture
def team(db: Db) -> Team:
    made = Team(name="Line 2", name_key="line 2", created_at=datetime.now(UTC))
    with db.write():
        db.session.add(made)
    return made


@pytest.fixture
def opened(db: Db, cast: Cast) -> StationSettings:
    """What a form was filled from."""
    changes = StationChanges(notes="Long cable", metadata={"line": "2", "slots": 4})
    update_station(db, cast.dev, cast.station.id, changes)
    return show_settings(db, cast.dev, cast.station.id)


def save(db: Db, actor: Any, opened: StationSettings, **typed: Any) -> bool:
    """Send the form that was filled from ``opened``, with these fields typed anew."""
    values = opened.values() | {name.replace("__", "."): value for name, value in typed.items()}
    return save_settings(db, actor, opened.id, values, opened.seen)


def test_all_that_is_set_is_kept_shown_and_noted_with_before_and_after(db: Db, cast: Cast, team: Team) -> None:
    changes = StationChanges(
        name=" Bench 7b ", team_id=team.id, notes="one\r\ntwo ", time_zone="europe/berlin", shifts=LATE,
        metadata={"esd": True},
    )  # fmt: skip

    update_station(db, cast.dev, cast.station.id, changes)

    shown = show_station(db, cast.vera, cast.station.id).settings
    assert (shown.name, shown.team and shown.team.name, shown.notes) == ("Bench 7b", "Line 2", "one\ntwo")
    assert (shown.time_zone, shown.zone_name, shown.shifts) == ("Europe/Berlin", "Europe/Berlin", LATE)
    changed, renamed = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(2)).all()
    assert (renamed.before, renamed.after) == ({"name": "Bench 7"}, {"name": "Bench 7b"})
    assert changed.details == {"fields": "team, notes, time zone, shifts, metadata"}
    assert changed.before == dict.fromkeys(("team", "notes", "time_zone", "metadata.esd")) | {"shifts": "always"}
    assert changed.after == {
        "team": "Line 2", "notes": "one\ntwo", "time_zone": "Europe/Berlin",
        "shifts": "Mon 22:00–06:00; Sun 00:00–24:00", "metadata.esd": True,
    }  # fmt: skip


def test_what_is_set_can_be_taken_away(db: Db, cast: Cast, team: Team) -> None:
    station_id = cast.station.id
    update_station(db, cast.dev, station_id, StationChanges(team_id=team.id, notes="x", time_zone="UTC", shifts=LATE))

    update_station(db, cast.dev, station_id, StationChanges(team_id="", notes=" ", time_zone="", shifts=()))

    kept = db.session.get_one(Station, station_id)
    assert (kept.team_id, kept.notes, kept.time_zone, kept.shifts) == (None, None, None, None)
    assert show_settings(db, cast.dev, station_id).zone_name == "UTC"


def test_everything_that_is_wrong_is_said_at_once(db: Db, cast: Cast) -> None:
    changes = StationChanges(name="two\nlines", notes="\0", time_zone="Mars/Olympus", metadata={"bad key": 1})

    with pytest.raises(Invalid) as refused:
        update_station(db, cast.dev, cast.station.id, changes)

    assert [issue.path for issue in refused.value.issues] == [("name",), ("notes",), ("time_zone",), ("metadata",)]


def test_ten_thousand_characters_of_notes_are_kept_and_one_more_refused(db: Db, cast: Cast) -> None:
    update_station(db, cast.dev, cast.station.id, StationChanges(notes="ß" * 10_000))

    with pytest.raises(Invalid, match="The notes are too long: 10001 characters"):
        update_station(db, cast.dev, cast.station.id, StationChanges(notes="ß" * 10_001))
    assert len(show_settings(db, cast.dev, cast.station.id).notes) == 10_000


def test_a_number_that_becomes_true_is_a_change(db: Db, cast: Cast) -> None:
    update_station(db, cast.dev, cast.station.id, StationChanges(metadata={"esd": 1}))
    update_station(db, cast.dev, cast.station.id, StationChanges(metadata={"esd": True}))

    assert show_settings(db, cast.dev, cast.station.id).metadata["esd"] is True


def test_an_unknown_team_is_not_found_and_one_that_is_gone_is_said_in_the_form(
    db: Db, cast: Cast, team: Team, opened: StationSettings
) -> None:
    with pytest.raises(NotFound):
        update_station(db, cast.dev, opened.id, StationChanges(team_id=cast.station.id))
    with db.write():
        db.session.delete(db.session.get_one(Team, team.id))

    with pytest.raises(Invalid, match="This team is not there any more") as refused:
        save(db, cast.dev, opened, team=team.id)
    assert refused.value.issues[0].path == ("team",)


def test_who_may_not_edit_saves_nothing(db: Db, cast: Cast, opened: StationSettings) -> None:
    for actor in (cast.vera, cast.olga, cast.bench, cast.otto):
        with pytest.raises(Forbidden):
            show_settings(db, actor, opened.id)
        with pytest.raises(Forbidden):
            save(db, actor, opened, notes="mine")
        with pytest.raises(Forbidden):
            set_picture(db, actor, opened.id, io.BytesIO(a_picture()), seen="")
        with pytest.raises(Forbidden):
            remove_picture(db, actor, opened.id, seen="")


def test_two_who_change_different_fields_lose_nothing(db: Db, cast: Cast, opened: StationSettings) -> None:
    save(db, cast.ada, opened, notes="Short cable", metadata__slots=6, shifts=shifts.store(LATE))
    save(db, cast.dev, opened, name="Bench 8", time_zone="Europe/Berlin", metadata__esd=True, metadata__line=None)

    now = show_settings(db, cast.dev, opened.id)
    assert (now.name, now.notes, now.time_zone, now.shifts) == ("Bench 8", "Short cable", "Europe/Berlin", LATE)
    assert now.metadata == {"slots": 6, "esd": True}


def test_a_form_that_is_sent_as_it_came_changes_nothing(db: Db, cast: Cast, opened: StationSettings) -> None:
    before = db.session.scalar(select(func.count()).select_from(AuditEntry))

    assert not save(db, cast.dev, opened, notes=" Long cable\r\n", name="Bench 7 ")

    assert db.session.scalar(select(func.count()).select_from(AuditEntry)) == before
    assert show_settings(db, cast.dev, opened.id).etag == opened.etag


def test_two_who_change_the_same_field_are_told_and_nothing_is_written(
    db: Db, cast: Cast, opened: StationSettings
) -> None:
    save(db, cast.ada, opened, notes="Short cable", metadata__slots=6, name="Bench 8")

    with pytest.raises(Stale) as stale:
        save(db, cast.dev, opened, notes="No cable", metadata__slots=None, time_zone="Europe/Berlin")

    notes, slots = stale.value.clashes
    assert (notes.who, notes.before, notes.theirs, notes.mine) == ("Ada", "Long cable", "Short cable", "No cable")
    assert (slots.label, slots.before, slots.theirs, slots.mine) == ("metadata slots", "4", "6", "")
    # The form comes back with what only they changed, and what I typed.
    assert (stale.value.values["name"], stale.value.values["notes"]) == ("Bench 8", "No cable")
    assert stale.value.values["time_zone"] == "Europe/Berlin"
    assert "metadata.slots" not in stale.value.values
    assert show_settings(db, cast.dev, opened.id).notes == "Short cable"


def test_after_that_one_takes_theirs_or_saves_ones_own(db: Db, cast: Cast, opened: StationSettings) -> None:
    save(db, cast.ada, opened, notes="Short cable", metadata__slots=6)
    with pytest.raises(Stale) as stale:
        save(db, cast.dev, opened, notes="No cable", metadata__slots=8)
    values, seen = stale.value.values, stale.value.settings.seen

    save_settings(db, cast.dev, opened.id, values, seen, frozenset({"notes"}))

    now = show_settings(db, cast.dev, opened.id)
    assert (now.notes, now.metadata["slots"]) == ("Short cable", 8)


def test_the_same_change_by_two_is_no_clash(db: Db, cast: Cast, opened: StationSettings) -> None:
    save(db, cast.ada, opened, notes="Short cable")

    assert save(db, cast.dev, opened, notes="Short cable")
    assert show_settings(db, cast.dev, opened.id).notes == "Short cable"


def test_of_two_forms_sent_at_once_one_is_told(
    database: Database, cast: Cast, opened: StationSettings, at_once: Callable[..., list[object]]
) -> None:
    def send(name: str) -> bool:
        with database.open() as own:
            return save(own, cast.dev, opened, name=name)

    assert {type(result) for result in at_once(lambda: send("A"), lambda: send("B"))} == {bool, Stale}


@pytest.mark.parametrize("text", ["", "no json", "[]", "1", "{}", "[" * 9999])
def test_a_form_that_does_not_say_what_it_was_filled_from_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="Nothing was changed"):
        Seen.read(text)


def test_what_a_form_was_not_filled_from_is_not_overwritten(db: Db, cast: Cast, opened: StationSettings) -> None:
    with pytest.raises(Stale):
        save_settings(db, cast.dev, opened.id, {"name": "Bench 8"}, Seen.read('{"etag": 1, "notes": []}'))


def a_picture(size: tuple[int, int] = (40, 30)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, "red").save(written, "PNG")
    return written.getvalue()


def test_a_picture_is_set_replaced_and_removed(db: Db, cast: Cast) -> None:
    station_id = cast.station.id
    set_picture(db, cast.dev, station_id, io.BytesIO(a_picture((2000, 1000))), seen="")
    first = show_settings(db, cast.dev, station_id).picture_id
    assert first is not None
    kept = open_attachment(db, cast.vera, first)
    assert (kept.content_type, kept.is_image) == ("image/jpeg", True)
    assert Image.open(io.BytesIO(kept.read())).size == (1024, 512)

    with pytest.raises(Conflict, match="Somebody else has changed the picture"):
        set_picture(db, cast.ada, station_id, io.BytesIO(a_picture()), seen="")
    set_picture(db, cast.ada, station_id, io.BytesIO(a_picture()), seen=first)
    second = show_settings(db, cast.dev, station_id).picture_id
    assert second not in (None, first)
    remove_picture(db, cast.dev, station_id, seen=second)

    assert show_settings(db, cast.dev, station_id).picture_id is None
    assert db.session.scalar(select(func.count()).select_from(Attachment)) == 0


def test_a_refused_picture_leaves_nothing(db: Db, cast: Cast) -> None:
    for content, error in ((b"text", Invalid), (b"", Invalid), (b"\0" * (pictures.MOST_BYTES + 9), TooLarge)):
        with pytest.raises(error):
            set_picture(db, cast.dev, cast.station.id, io.BytesIO(content), seen="")

    assert db.session.scalar(select(func.count()).select_from(Attachment)) == 0


@pytest.mark.parametrize(
    ("text", "number"),
    [("ST-0007", 7), ("st-7", 7), ("st7", 7), (" St-007 ", 7), ("ST-12345", 12345)]
    + [(text, None) for text in ("", "7", "ST-", "ST-7x", "ST-9999999999", "XST-7", "ST-٧")],
)
def test_a_number_is_read_as_people_write_it(text: str, number: int | None) -> None:
    assert read_number(text) == number


def test_a_station_is_found_by_its_number_by_who_may_see_it(db: Db, cast: Cast) -> None:
    assert get_station_by_number(db, cast.vera, 1).id == cast.station.id
    for actor, number in ((cast.otto, 1), (SYSTEM, 99), (SYSTEM, 0)):
        with pytest.raises(NotFound):
            get_station_by_number(db, actor, number)


def test_a_picture_that_came_as_a_file_tells_nothing_of_where_it_was_taken(db: Db, cast: Cast) -> None:
    station_id, exif = cast.station.id, Image.Exif()
    exif[0x0110] = "Camera of Olga"
    written = io.BytesIO()
    Image.new("RGB", (2000, 1000)).save(written, "JPEG", exif=exif)
    photo = written.getvalue()
    before, after, no_picture = (announce_upload(db, cast.dev, f"{name}.jpg").id for name in ("before", "after", "no"))

    receive_upload(db, before, io.BytesIO(photo), "image/jpeg")
    receive_upload(db, no_picture, io.BytesIO(b"no picture"), "image/jpeg")
    for upload_id in (before, after):
        update_station(db, cast.dev, station_id, StationChanges(image_id=upload_id))
        receive_upload(db, upload_id, io.BytesIO(photo), "image/jpeg")
        shown = open_attachment(db, cast.vera, upload_id).read()
        assert b"Olga" not in shown
        assert Image.open(io.BytesIO(shown)).size == (1024, 512)

    with pytest.raises(Invalid, match="no picture") as refused:
        update_station(db, cast.dev, station_id, StationChanges(name="Other", image_id=no_picture))
    assert [tuple(issue.path) for issue in refused.value.issues] == [("image_id",)]
    assert show_settings(db, cast.dev, station_id).picture_id == after
    assert show_settings(db, cast.dev, station_id).name == "Bench 7"
    update_station(db, cast.dev, station_id, StationChanges(image_id=""))
    empty = announce_upload(db, cast.dev, "late.jpg").id
    update_station(db, cast.dev, station_id, StationChanges(image_id=empty))
    with pytest.raises(Invalid):
        receive_upload(db, empty, io.BytesIO(b"no picture"), "image/jpeg")
