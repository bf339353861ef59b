"""Members, teams and links: who may change whom, and that nothing outlives the rights that made it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import announcements
from portal.database import Database, Db
from portal.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests, Unauthorized
from portal.models import AuditEntry, Station, User
from portal.services import accounts, invitations, members, sign_ins, teams
from portal.services.actors import SYSTEM, Actor, Role
from portal.services.api_keys import authenticate_key, create_user_key
from portal.services.batches import show_batch
from portal.services.paging import Place
from portal.services.parts import show_part
from portal.services.procedures import link_procedure
from portal.services.run_details import show_run
from portal.services.run_filters import RunFilter
from portal.services.run_lists import RunQuery, list_runs, page_runs
from portal.services.runs import create_run
from portal.services.station_lists import StationQuery, page_stations
from portal.services.stations import get_station, list_stations
from portal.services.unit_details import show_unit
from portal.services.unit_lists import list_units
from portal.services.unit_queries import UnitQuery
from portal.services.users import create_user, find_actor, list_users
from portal.services.yields import Yield, yield_of_batch
from tests.cast import NOON, PASSWORD, Cast, person, run_in

NEW_PASSWORD = "another horse battery"


def again(db: Db, actor: Actor) -> Actor:
    """The member with the rights of now."""
    found = find_actor(db, actor.id)
    assert found is not None
    return found


def put(db: Db, station_id: str, team_id: str | None) -> None:
    with db.write():
        db.session.get_one(Station, station_id).team_id = team_id


def last_entry(db: Db) -> AuditEntry:
    return db.session.scalars(select(AuditEntry).order_by(AuditEntry.at.desc(), AuditEntry.id.desc())).first()  # type: ignore[return-value]


def test_a_role_is_changed_and_the_audit_says_from_what_to_what(db: Db, cast: Cast) -> None:
    members.change_role(db, cast.ada, cast.vera.id, "developer")

    entry = last_entry(db)
    assert again(db, cast.vera).role is Role.DEVELOPER
    assert (entry.action, entry.before, entry.after) == (
        "user:role_changed", {"role": "viewer"}, {"role": "developer"},
    )  # fmt: skip


def test_nobody_raises_anybody_above_themselves(db: Db, cast: Cast) -> None:
    owner = person(db, "owen", Role.OWNER)

    for act in (
        lambda: members.change_role(db, cast.ada, cast.ada.id, "owner"),
        lambda: members.change_role(db, cast.ada, owner.id, "viewer"),
        lambda: members.remove_member(db, cast.ada, owner.id),
        lambda: invitations.invite(db, cast.ada, "new@example.com", "owner"),
        lambda: invitations.make_reset_link(db, cast.ada, owner.id),
    ):
        with pytest.raises(Forbidden):
            act()
    for other in (cast.dev, cast.vera, cast.olga, cast.bench):
        with pytest.raises(Forbidden):
            members.change_role(db, other, cast.vera.id, "admin")
    members.change_role(db, owner, cast.ada.id, "owner")
    assert again(db, cast.ada).role is Role.OWNER


def test_the_last_owner_stays(db: Db, cast: Cast) -> None:
    owner = person(db, "owen", Role.OWNER)

    for actor in (owner, SYSTEM):
        with pytest.raises(Conflict, match="last owner"):
            members.change_role(db, actor, owner.id, "admin")
    with pytest.raises(Conflict, match="last owner"):
        members.remove_member(db, SYSTEM, owner.id)
    with pytest.raises(Conflict, match="yourself"):
        members.remove_member(db, owner, owner.id)

    members.change_role(db, owner, cast.ada.id, "owner")
    members.change_role(db, owner, owner.id, "viewer")
    assert again(db, owner).role is Role.VIEWER


def test_who_is_removed_is_out_at_once_and_comes_back_as_who_they_were(db: Db, cast: Cast) -> None:
    told: list[object] = []
    db.database.listen(told.append)
    signed_in = sign_ins.sign_in(db, "dev@example.com", PASSWORD, "10.0.0.7", None, now=NOON)
    key = create_user_key(db, SYSTEM, db.session.get_one(User, cast.dev.id))
    link = invitations.make_reset_link(db, cast.ada, cast.dev.id, now=NOON)

    members.remove_member(db, cast.ada, cast.dev.id)

    assert sign_ins.find_user_by_token(db, signed_in.token, NOON) is None
    assert announcements.RightsChanged(cast.dev.id) in told
    assert sum(isinstance(one, announcements.SignedOut) for one in told) == 1
    with pytest.raises(Unauthorized):
        authenticate_key(db, key)
    with pytest.raises(Invalid):
        sign_ins.sign_in(db, "dev@example.com", PASSWORD, "10.0.0.7", None, now=NOON)
    with pytest.raises(NotFound):
        invitations.accept(db, link.token, "", NEW_PASSWORD, "10.0.0.8", None, now=NOON)
    with pytest.raises(NotFound):
        members.show_member(db, cast.ada, cast.dev.id)
    assert "dev@example.com" not in [one.email for one in list_users(db, cast.ada)]

    back = create_user(db, cast.ada, "DEV@example.com", "viewer", NEW_PASSWORD)

    assert (back.id, again(db, cast.dev).role) == (cast.dev.id, Role.VIEWER)
    with pytest.raises(Unauthorized):
        authenticate_key(db, key)


def test_an_invitation_works_once_and_puts_into_role_and_teams(db: Db, cast: Cast) -> None:
    team = teams.create_team(db, cast.ada, "Line 4")
    made = invitations.invite(db, cast.ada, "new@example.com", "operator", [team.id], now=NOON)
    (listed,) = invitations.list_open(db, cast.ada, now=NOON)

    welcome = invitations.show_welcome(db, made.token, "10.0.0.9", now=NOON)
    with pytest.raises(Invalid):
        invitations.accept(db, made.token, "Nina", "short", "10.0.0.9", None, now=NOON)
    signed_in = invitations.accept(db, made.token, "Nina", NEW_PASSWORD, "10.0.0.9", "Tablet", now=NOON)

    assert (welcome.email, welcome.role, welcome.is_reset) == ("new@example.com", "operator", False)
    assert (listed.role, listed.team_names) == ("operator", ["Line 4"])
    assert made.token not in str(vars(db.session.scalars(select(invitations.Invitation)).one()))
    nina = sign_ins.peek(db, signed_in.token, NOON)
    assert nina is not None
    assert (nina.name, nina.role, nina.team_ids) == ("Nina", Role.OPERATOR, (team.id,))
    with pytest.raises(NotFound):
        invitations.accept(db, made.token, "Eve", NEW_PASSWORD, "10.0.0.9", None, now=NOON)
    with pytest.raises(Conflict):
        invitations.invite(db, cast.ada, "NEW@example.com", "viewer", now=NOON)


def test_a_link_ends_with_its_time_its_withdrawal_or_a_newer_one(db: Db, cast: Cast) -> None:
    old = invitations.invite(db, cast.ada, "new@example.com", "viewer", now=NOON)
    newer = invitations.invite(db, cast.ada, "new@example.com", "viewer", now=NOON)
    other = invitations.invite(db, cast.ada, "other@example.com", "viewer", now=NOON)
    invitations.withdraw(db, cast.ada, other.id)

    for token, now in ((old.token, NOON), (other.token, NOON), (newer.token, NOON + timedelta(days=7))):
        with pytest.raises(NotFound):
            invitations.show_welcome(db, token, "10.0.0.9", now=now)
    assert invitations.show_welcome(db, newer.token, "10.0.0.9", now=NOON + timedelta(days=6)).role == "viewer"


def test_what_somebody_handed_out_ends_with_their_right_to(db: Db, cast: Cast) -> None:
    owner = person(db, "owen", Role.OWNER)
    theirs = invitations.invite(db, cast.ada, "new@example.com", "admin", now=NOON)
    reset = invitations.make_reset_link(db, cast.ada, cast.dev.id, now=NOON)

    members.change_role(db, owner, cast.dev.id, "owner")
    with pytest.raises(NotFound):
        invitations.accept(db, reset.token, "", NEW_PASSWORD, "10.0.0.9", None, now=NOON)

    members.change_role(db, owner, cast.ada.id, "viewer")
    with pytest.raises(NotFound):
        invitations.accept(db, theirs.token, "Eve", NEW_PASSWORD, "10.0.0.9", None, now=NOON)


def test_a_link_that_was_on_its_way_while_rights_changed_gives_nothing(
    db: Db, database: Database, cast: Cast, at_once: Callable[..., list[object]]
) -> None:
    owner = person(db, "owen", Role.OWNER)

    def promote() -> None:
        with database.open() as own:
            members.change_role(own, owner, cast.dev.id, "owner")

    def make_link() -> invitations.Made:
        with database.open() as own:
            return invitations.make_reset_link(own, cast.ada, cast.dev.id, now=NOON)

    _, link = at_once(promote, make_link)
    members.change_role(db, owner, cast.ada.id, "viewer")
    late = invitations.invite(db, cast.ada, "new@example.com", "admin", now=NOON)  # ada's request began before that

    for made in (link, late):
        if not isinstance(made, Forbidden):
            assert isinstance(made, invitations.Made)
            with pytest.raises(NotFound):
                invitations.accept(db, made.token, "Eve", NEW_PASSWORD, "10.0.0.9", None, now=NOON)


def test_a_link_for_a_new_password_ends_the_other_sessions(db: Db, cast: Cast) -> None:
    before = sign_ins.sign_in(db, "dev@example.com", PASSWORD, "10.0.0.7", None, now=NOON)
    made = invitations.make_reset_link(db, cast.ada, cast.dev.id, now=NOON)

    after = invitations.accept(db, made.token, "", NEW_PASSWORD, "10.0.0.8", None, now=NOON)

    assert sign_ins.peek(db, before.token, NOON) is None
    assert sign_ins.peek(db, after.token, NOON) == again(db, cast.dev)
    assert again(db, cast.dev).name == "Dev"
    noted = select(AuditEntry.action, AuditEntry.address).order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(2)
    assert {tuple(row) for row in db.session.execute(noted)} == {
        ("user:password_reset", "10.0.0.8"),
        ("user:signed_in", "10.0.0.8"),
    }
    assert sign_ins.sign_in(db, "dev@example.com", NEW_PASSWORD, "10.0.0.7", None, now=NOON)


def test_links_and_old_passwords_cannot_be_tried_for_ever(db: Db, cast: Cast) -> None:
    for _ in range(20):
        with pytest.raises(NotFound):
            invitations.show_welcome(db, "wrong", "10.0.0.66", now=NOON)
    for _ in range(5):
        with pytest.raises(Invalid):
            accounts.change_password(db, cast.dev, "wrong", NEW_PASSWORD, "x", now=NOON)

    with pytest.raises(TooManyRequests):
        invitations.show_welcome(db, "wrong", "10.0.0.66", now=NOON)
    with pytest.raises(TooManyRequests):
        accounts.change_password(db, cast.dev, PASSWORD, NEW_PASSWORD, "x", now=NOON)


def test_one_changes_ones_own_password_with_the_old_one_and_stays_signed_in_here_only(db: Db, cast: Cast) -> None:
    here = sign_ins.sign_in(db, "dev@example.com", PASSWORD, "10.0.0.7", "Here", now=NOON)
    there = sign_ins.sign_in(db, "dev@example.com", PASSWORD, "10.0.0.8", "There", now=NOON)
    with pytest.raises(Invalid) as refused:
        accounts.change_password(db, cast.dev, "wrong password", NEW_PASSWORD, here.token, now=NOON)

    count = accounts.change_password(db, cast.dev, PASSWORD, NEW_PASSWORD, here.token, now=NOON)

    assert refused.value.issues[0].path == ("old_password",)
    assert count == 1
    assert sign_ins.peek(db, here.token, NOON) is not None
    assert sign_ins.peek(db, there.token, NOON) is None


def test_sessions_and_keys_are_ended_by_their_own_member_only(db: Db, cast: Cast) -> None:
    here = sign_ins.sign_in(db, "dev@example.com", PASSWORD, "10.0.0.7", "Here", now=NOON)
    there = sign_ins.sign_in(db, "dev@example.com", PASSWORD, "10.0.0.8", "There", now=NOON + timedelta(minutes=1))
    key = accounts.create_key(db, cast.dev, "MES")
    authenticate_key(db, key, "10.0.0.5", now=NOON)
    rows = sign_ins.list_sessions(db, cast.dev, here.token, NOON)
    (row,) = accounts.list_keys(db, cast.dev)

    assert [(one.user_agent, one.is_this) for one in rows] == [("Here", True), ("There", False)]
    assert (row.name, row.last_used_address, key.startswith(row.prefix)) == ("MES", "10.0.0.5", True)
    with pytest.raises(NotFound):
        sign_ins.end_session(db, cast.vera, rows[1].id)
    with pytest.raises(NotFound):
        accounts.revoke_key(db, cast.vera, row.id)

    sign_ins.end_session(db, cast.dev, rows[1].id)
    accounts.revoke_key(db, cast.dev, row.id)

    assert sign_ins.peek(db, there.token, NOON) is None
    assert sign_ins.peek(db, here.token, NOON) is not None
    assert accounts.list_keys(db, cast.dev) == []
    with pytest.raises(Unauthorized):
        authenticate_key(db, key)


def test_teams_narrow_what_viewers_and_operators_see_with_all_that_is_beneath(db: Db, cast: Cast) -> None:
    run_id = create_run(db, cast.bench, run_in(cast))
    mine, others = teams.create_team(db, cast.ada, "Mine"), teams.create_team(db, cast.ada, "Others")
    put(db, cast.station.id, others.id)
    for somebody in (cast.vera, cast.olga):
        assert again(db, somebody).team_ids is None
        assert len(list_stations(db, again(db, somebody))) == 2
        teams.set_teams(db, cast.ada, somebody.id, [mine.id])
    teams.set_teams(db, cast.ada, cast.dev.id, [mine.id])

    for somebody in (cast.vera, cast.olga):
        now = again(db, somebody)
        assert [row.id for row in list_stations(db, now)] == [cast.other_station.id]
        assert [one.id for one in page_stations(db, now, StationQuery(), Place("created_at")).items] == [
            cast.other_station.id
        ]
        assert list_runs(db, now, RunQuery()).items == []
        assert page_runs(db, now, RunFilter(), Place("started_at")).items == []
        with pytest.raises(NotFound):
            get_station(db, now, cast.station.id)
        with pytest.raises(NotFound):
            show_run(db, now, run_id)
    assert len(list_stations(db, again(db, cast.dev))) == 2

    teams.set_members(db, cast.ada, others.id, [cast.vera.id])
    assert [row.id for row in list_runs(db, again(db, cast.vera), RunQuery()).items] == [run_id]
    assert last_entry(db).after == {"members": ["vera@example.com"]}

    teams.delete_team(db, cast.ada, others.id)
    assert [row.id for row in list_runs(db, again(db, cast.olga), RunQuery()).items] == [run_id]


def test_units_tell_nothing_of_runs_and_stations_of_other_teams(db: Db, cast: Cast) -> None:
    link_procedure(db, SYSTEM, cast.other_station.id, cast.procedure.id)
    seen_id = create_run(db, cast.otto, run_in(cast, batch_number="B-1"))
    later = (NOON + timedelta(hours=1)).isoformat()
    hidden = {"started_at": later, "ended_at": later, "outcome": "FAIL", "batch_number": "B-1"}
    create_run(db, cast.bench, run_in(cast, **hidden))
    create_run(db, cast.bench, run_in(cast, **hidden | {"serial_number": "SN-0002", "part_number": "PCBA-200"}))
    mine, others = teams.create_team(db, cast.ada, "Mine"), teams.create_team(db, cast.ada, "Others")
    put(db, cast.station.id, others.id)
    teams.set_teams(db, cast.ada, cast.vera.id, [mine.id])
    now = again(db, cast.vera)

    units = {one.serial_number: one for one in list_units(db, now, UnitQuery(), Place("created_at")).items}
    failed = list_units(db, now, UnitQuery(outcomes=("FAIL",)), Place("last_run_procedure")).items
    whole = list_units(db, cast.dev, UnitQuery(outcomes=("FAIL",), latest_only=True), Place("created_at")).items

    assert (units["SN-0001"].last_run or pytest.fail("no run")).id == seen_id
    assert (units["SN-0002"].last_run, units["SN-0002"].maker.station) == (None, None)
    assert show_unit(db, now, "SN-0002").maker.station is None
    assert show_part(db, now, "PCBA-200").maker.station is None
    assert show_batch(db, now, "B-1").maker.station is not None
    assert failed == []
    assert {one.serial_number for one in whole} == {"SN-0001", "SN-0002"}
    batch_id = show_batch(db, now, "B-1").id
    assert yield_of_batch(db, now, batch_id) == Yield(units=2, tested=1, passed=1)
    assert yield_of_batch(db, cast.dev, batch_id) == Yield(units=2, tested=2, passed=0)


def test_a_teams_name_is_its_own(db: Db, cast: Cast) -> None:
    team = teams.create_team(db, cast.ada, "Line 4")

    with pytest.raises(Conflict):
        teams.create_team(db, cast.ada, " LINE 4")
    with pytest.raises(Invalid):
        teams.rename_team(db, cast.ada, team.id, " ")
    with pytest.raises(Invalid):
        teams.set_members(db, cast.ada, team.id, ["nobody"])
    with pytest.raises(Forbidden):
        teams.create_team(db, cast.dev, "Line 5")
    teams.rename_team(db, cast.ada, team.id, "Line 5")
    assert [row.name for row in teams.list_teams(db, cast.ada)] == ["Line 5"]
