"""Taking stations out of service, and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.database import Database, Db
from portal.errors import Conflict, Forbidden, Invalid, NotFound, PortalError, Unauthorized
from portal.models import AuditEntry
from portal.services import presence
from portal.services.api_keys import authenticate_key, create_station_key
from portal.services.installations import note_uploads_waiting
from portal.services.run_lists import RunQuery, list_runs
from portal.services.runs import create_run
from portal.services.setup_tokens import MachineFacts, issue_setup_token, redeem_setup_token
from portal.services.station_archive import list_archived, restore_station, show_archived
from portal.services.station_changes import StationChanges, update_station
from portal.services.station_keys import show_station_keys
from portal.services.station_removal import plan_removal, remove_station
from portal.services.stations import create_station, list_stations, show_station
from portal.services.teams import create_team, delete_team
from portal.services.uptime_details import show_uptime
from tests.cast import NOON, Cast, run_in
from tests.core.test_run_lists import explain, listening

FACTS = MachineFacts("pc-1", "Debian 13", "linux_x86_64", "0.1.0")


def test_the_plan_names_what_is_lost_and_what_stays(db: Db, cast: Cast) -> None:
    redeem_setup_token(db, issue_setup_token(db, cast.dev, cast.station.id).token, FACTS)
    issue_setup_token(db, cast.dev, cast.station.id)
    create_station_key(db, cast.dev, cast.station.id)
    note_uploads_waiting(db, cast.station.id, 3)
    for serial in ("SN-1", "SN-2"):
        create_run(db, cast.bench, run_in(cast, serial_number=serial))

    plan = plan_removal(db, cast.dev, cast.station.id)
    other = plan_removal(db, cast.dev, cast.other_station.id)

    assert (plan.is_kept, plan.runs, plan.keys, plan.tokens, plan.procedures) == (True, 2, 1, 1, 1)
    assert (plan.hostname, plan.uploads_waiting) == ("pc-1", 3)
    assert (other.is_kept, other.runs, other.hostname) == (False, 0, None)
    late = plan_removal(db, cast.dev, cast.station.id, plan_time := NOON + timedelta(days=4000))
    assert late.tokens == 0, plan_time


def test_an_archived_station_is_gone_from_lists_and_kept_in_its_records(db: Db, cast: Cast) -> None:
    made = redeem_setup_token(db, issue_setup_token(db, cast.dev, cast.station.id).token, FACTS)
    key = create_station_key(db, cast.dev, cast.station.id)
    token = issue_setup_token(db, cast.dev, cast.station.id).token
    create_run(db, cast.bench, run_in(cast))
    presence.mark_up(db, cast.station.id, cast.station.created_at, "connected")

    assert remove_station(db, cast.dev, cast.station.id) is True

    assert [row.name for row in list_stations(db, cast.vera)] == ["Otto's bench"]
    for dead in (made.api_key, key):
        with pytest.raises(Unauthorized):
            authenticate_key(db, dead)
    with pytest.raises(Invalid):
        redeem_setup_token(db, token, FACTS)
    left = show_archived(db, cast.vera, cast.station.id)
    assert (left.name, len(left.recent_runs), left.namesake_id) == ("Bench 7", 1, None)
    assert left.installations[0].revoked_reason == "removed together with its station by Dev"
    assert left.activity[0].what == "archived the station"
    (run,) = list_runs(db, cast.vera, RunQuery()).items
    assert run.station is not None
    assert run.station.name == "Bench 7"
    assert show_uptime(db, cast.vera, cast.station.id).windows[0].up_s >= 0
    assert [row.id for row in list_archived(db, cast.vera)] == [cast.station.id]
    for otto in (cast.otto,):
        assert list_archived(db, otto) == []
        with pytest.raises(NotFound):
            show_archived(db, otto, cast.station.id)
    with pytest.raises(NotFound):
        show_station(db, cast.vera, cast.station.id)


def test_a_station_without_records_is_deleted(db: Db, database: Database, cast: Cast) -> None:
    wanted = StationChanges(notes="Left bench", metadata={"fixture": 12})
    update_station(db, cast.dev, cast.other_station.id, wanted)
    create_station_key(db, cast.dev, cast.other_station.id)

    assert remove_station(db, cast.dev, cast.other_station.id) is False

    with pytest.raises(NotFound):
        show_archived(db, cast.vera, cast.other_station.id)
    (deleted,) = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "station:deleted"))
    assert deleted.before == {"notes": "Left bench", "metadata.fixture": 12}


def test_a_restored_station_has_its_records_and_no_keys(db: Db, cast: Cast) -> None:
    create_station_key(db, cast.dev, cast.station.id)
    create_run(db, cast.bench, run_in(cast))
    presence.mark_up(db, cast.station.id, NOON, "connected")
    presence.mark_down(db, cast.station.id, NOON + timedelta(hours=2), "silent")
    remove_station(db, cast.dev, cast.station.id)

    restore_station(db, cast.dev, cast.station.id, "bench 7")

    shown = show_station(db, cast.vera, cast.station.id)
    assert (shown.name, len(shown.recent_runs), shown.procedures) == ("bench 7", 1, [])
    assert show_station_keys(db, cast.vera, cast.station.id) == []
    assert (shown.presence.word, shown.last_seen_at) == ("to be enrolled again", NOON + timedelta(hours=2))
    assert shown.activity[0].what == "restored it"
    assert presence.mark_up(db, cast.station.id, NOON + timedelta(days=4000), "connected")
    with pytest.raises(Conflict, match="is not archived"):
        restore_station(db, cast.dev, cast.station.id, "Bench 7")


def test_a_station_comes_back_under_another_name_when_its_own_is_taken(db: Db, cast: Cast) -> None:
    create_run(db, cast.bench, run_in(cast))
    remove_station(db, cast.dev, cast.station.id)
    successor = create_station(db, cast.dev, "BENCH 7")

    with pytest.raises(Conflict) as refused:
        restore_station(db, cast.dev, cast.station.id, "Bench 7")
    with pytest.raises(Invalid):
        restore_station(db, cast.dev, cast.station.id, " ")
    assert show_archived(db, cast.dev, cast.station.id).namesake_id == successor.id
    restore_station(db, cast.dev, cast.station.id, "Bench 7 (old)")

    assert [tuple(issue.path) for issue in refused.value.issues] == [("name",)]
    assert {row.name for row in list_stations(db, cast.vera)} == {"BENCH 7", "Bench 7 (old)", "Otto's bench"}


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_the_archived_ones_are_read_in_order_from_an_index(db: Db, database: Database, cast: Cast) -> None:
    with listening(database) as heard:
        list_archived(db, cast.vera)

    plan = explain(db, *heard[-1])
    assert "ix_stations_archived" in plan[0]
    assert not [step for step in plan if "TEMP B-TREE" in step], plan


def test_who_may_not_change_stations_takes_none_away(db: Db, cast: Cast) -> None:
    create_run(db, cast.bench, run_in(cast))

    for actor in (cast.vera, cast.olga, cast.bench, cast.otto):
        for act in (plan_removal, remove_station):
            with pytest.raises(Forbidden):
                act(db, actor, cast.station.id)
        with pytest.raises(Forbidden):
            restore_station(db, actor, cast.station.id, "Mine")


def test_what_meets_the_removal_of_its_station_is_done_or_refused(
    db: Db, database: Database, cast: Cast, at_once: Callable[..., list[object]]
) -> None:
    token = issue_setup_token(db, cast.dev, cast.station.id).token
    team = create_team(db, cast.ada, "Line 4")

    def enrol() -> object:
        with database.open() as own:
            return redeem_setup_token(own, token, FACTS)

    def upload() -> object:
        with database.open() as own:
            return create_run(own, cast.bench, run_in(cast))

    def remove() -> object:
        with database.open() as own:
            return remove_station(own, cast.dev, cast.station.id)

    def assign() -> object:
        with database.open() as own:
            return update_station(own, cast.dev, cast.other_station.id, StationChanges(team_id=team.id))

    def dissolve() -> object:
        with database.open() as own:
            delete_team(own, cast.ada, team.id)
            return True

    enrolled, run_id, is_kept, assigned, is_dissolved = at_once(enrol, upload, remove, assign, dissolve)

    assert isinstance(is_kept, bool)
    assert is_dissolved is True
    for one in (enrolled, run_id, assigned):
        assert not isinstance(one, Exception) or isinstance(one, PortalError)
    assert is_kept is isinstance(run_id, str)
