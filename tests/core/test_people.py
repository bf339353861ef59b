from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.database import Database, Db
from portal.errors import Conflict, Forbidden, Invalid, TooManyRequests, Unauthorized
from portal.models import ApiKey, SignInSession, User
from portal.services.actors import BY_ROLE, SYSTEM, Permission, Role, can
from portal.services.api_keys import authenticate_key, create_station_key, create_user_key
from portal.services.sign_ins import find_user_by_token, is_signed_in, sign_in, sign_out
from portal.services.users import create_first_admin, create_user, has_users
from tests.cast import NOON, PASSWORD, Cast, person


def test_the_first_administrator_owns_the_portal_and_there_is_no_second_first(db: Db) -> None:
    assert not has_users(db)
    made = create_first_admin(db, "Ada", "Ada@Example.com", PASSWORD)

    assert (made.role, made.email) == ("owner", "Ada@Example.com")
    assert has_users(db)
    with pytest.raises(Conflict):
        create_first_admin(db, "Eve", "eve@example.com", PASSWORD)


def test_of_two_first_administrators_at_once_there_is_one(
    database: Database, at_once: Callable[..., list[object]]
) -> None:
    def make(name: str) -> str:
        with database.open() as db:
            return create_first_admin(db, name, f"{name}@example.com", PASSWORD).email

    results = at_once(lambda: make("ada"), lambda: make("eve"))

    assert {type(result) for result in results} == {str, Conflict}
    with database.open() as db:
        assert len(db.session.scalars(select(User)).all()) == 1


def test_all_that_is_wrong_with_a_user_is_said_at_once(db: Db) -> None:
    with pytest.raises(Invalid) as refused:
        create_user(db, SYSTEM, "nobody", "king", "short", "x" * 300)

    assert [issue.path[0] for issue in refused.value.issues] == ["email", "role", "name", "password"]


def test_an_address_is_taken_whatever_its_case(db: Db) -> None:
    person(db, "dev", Role.DEVELOPER)

    with pytest.raises(Conflict):
        create_user(db, SYSTEM, "DEV@example.com", Role.VIEWER, PASSWORD)


def test_only_administrators_make_users(db: Db, cast: Cast) -> None:
    for actor in (cast.dev, cast.vera, cast.olga, cast.otto):
        with pytest.raises(Forbidden):
            create_user(db, actor, "new@example.com", Role.VIEWER, PASSWORD)


def test_a_sign_in_is_a_token_that_can_be_ended(db: Db, cast: Cast) -> None:
    made = sign_in(db, "OLGA@example.com ", PASSWORD, "10.0.0.7", "Kiosk", now=NOON)

    found = find_user_by_token(db, made.token, NOON)
    stored = db.session.scalars(select(SignInSession)).one()
    sign_out(db, made.token)

    assert found is not None
    assert found.id == cast.olga.id
    assert made.token not in (stored.token_hash, stored.id)
    assert find_user_by_token(db, made.token, NOON) is None
    assert not is_signed_in(db, made.token, NOON)


def test_a_sign_in_lives_as_long_as_it_is_used(db: Db, cast: Cast) -> None:
    made = sign_in(db, "olga@example.com", PASSWORD, "10.0.0.7", None, now=NOON)
    month = timedelta(seconds=db.settings.sign_in_lifetime_s)

    assert is_signed_in(db, made.token, NOON)
    assert not is_signed_in(db, made.token, NOON + month)

    used_later = find_user_by_token(db, made.token, NOON + month / 2)
    used_again = find_user_by_token(db, made.token, NOON + month)
    forgotten = find_user_by_token(db, made.token, NOON + 3 * month)

    assert used_later is not None
    assert used_later.email == "olga@example.com"
    assert used_again is not None
    assert forgotten is None


@pytest.mark.parametrize(("email", "password"), [("olga@example.com", "wrong password"), ("who@example.com", PASSWORD)])
def test_a_wrong_sign_in_does_not_say_what_was_wrong(db: Db, cast: Cast, email: str, password: str) -> None:
    with pytest.raises(Invalid, match="The e-mail address or the password is wrong"):
        sign_in(db, email, password, "10.0.0.7", None)


def test_after_five_wrong_tries_one_must_wait_and_others_need_not(db: Db, cast: Cast) -> None:
    for _ in range(5):
        with pytest.raises(Invalid):
            sign_in(db, "olga@example.com", "wrong password", "10.0.0.7", None, now=NOON)

    with pytest.raises(TooManyRequests) as refused:
        sign_in(db, "olga@example.com", PASSWORD, "10.0.0.7", None, now=NOON)
    elsewhere = sign_in(db, "olga@example.com", PASSWORD, "10.0.0.8", None, now=NOON)
    later = sign_in(db, "olga@example.com", PASSWORD, "10.0.0.7", None, now=NOON + timedelta(seconds=31))

    assert refused.value.retry_after_s == 30
    assert elsewhere.token != later.token


def test_right_tries_do_not_use_up_the_limit(db: Db, cast: Cast) -> None:
    for _ in range(8):
        sign_in(db, "olga@example.com", PASSWORD, "10.0.0.7", None, now=NOON)


def test_a_key_acts_for_its_owner_and_is_stored_as_a_hash(db: Db, cast: Cast) -> None:
    user_key = create_user_key(db, SYSTEM, db.session.get_one(User, cast.dev.id), "laptop")
    station_key = create_station_key(db, SYSTEM, cast.station.id)

    assert user_key.startswith("smu_")
    assert station_key.startswith("sms_")
    assert len(user_key) == len(station_key) == 47
    assert replace(authenticate_key(db, user_key), key_id=None) == cast.dev
    assert replace(authenticate_key(db, station_key), key_id=None) == cast.bench
    assert not {user_key, station_key} & set(db.session.scalars(select(ApiKey.key_hash)))


def test_that_a_key_was_used_is_noted_at_most_once_a_minute(db: Db, cast: Cast) -> None:
    key = create_station_key(db, SYSTEM, cast.station.id)

    uses = []
    for seconds in (0, 59, 61):
        authenticate_key(db, key, "10.0.0.7", NOON + timedelta(seconds=seconds))
        uses.append(db.session.scalars(select(ApiKey.last_used_at)).one())

    assert uses == [NOON, NOON, NOON + timedelta(seconds=61)]


@pytest.mark.parametrize("key", ["", "smu_nonsense", "\0", "ü", "x" * 10_000])
def test_an_unknown_key_is_nobody(db: Db, key: str) -> None:
    with pytest.raises(Unauthorized):
        authenticate_key(db, key)


def test_what_each_role_may_do() -> None:
    assert {role.value: {p.name for p in BY_ROLE[role]} for role in Role} == {
        "owner": {"VIEW", "DRIVE", "EDIT", "RECORD", "ADMINISTER"},
        "admin": {"VIEW", "DRIVE", "EDIT", "RECORD", "ADMINISTER"},
        "developer": {"VIEW", "DRIVE", "EDIT", "RECORD"},
        "viewer": {"VIEW"},
        "operator": {"VIEW", "DRIVE"},
    }
    assert all(can(SYSTEM, permission) for permission in Permission)


def test_only_administrators_make_keys_for_others(db: Db, cast: Cast) -> None:
    dev = db.session.get_one(User, cast.dev.id)

    assert create_user_key(db, cast.dev, dev)
    for actor in (cast.vera, cast.olga, cast.otto):
        with pytest.raises(Forbidden):
            create_user_key(db, actor, dev)
        with pytest.raises(Forbidden):
            create_station_key(db, actor, cast.station.id)
