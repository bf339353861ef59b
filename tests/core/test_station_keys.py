"""The life of a station's credentials: keys that people made, and machines with theirs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.announcements import LinkRevoked
from portal.database import Database, Db
from portal.errors import Conflict, Forbidden, NotFound, Unauthorized
from portal.models import ApiKey, AuditEntry
from portal.services.api_keys import MOST_STATION_KEYS, authenticate_key, create_station_key, is_valid, why_revoked
from portal.services.installations import (
    FORMER_SHOWN,
    list_installations,
    record_hardware,
    revoke_installation,
    show_installation,
)
from portal.services.setup_tokens import Enrolment, MachineFacts, issue_setup_token, redeem_setup_token
from portal.services.station_keys import delete_station_key, regenerate_station_key, show_station_keys
from portal.services.stations import show_station
from station.protocol import Hardware
from tests.cast import NOON, Cast


def enrol(db: Db, cast: Cast, hostname: str = "pc-1", at: int = 0) -> Enrolment:
    token = issue_setup_token(db, cast.dev, cast.station.id, NOON + timedelta(minutes=at)).token
    facts = MachineFacts(hostname, "Debian 13", "linux_x86_64", "0.1.0")
    return redeem_setup_token(db, token, facts, NOON + timedelta(minutes=at))


def test_a_key_is_listed_by_its_prefix_with_who_made_it_and_who_used_it(db: Db, cast: Cast) -> None:
    key = create_station_key(db, cast.dev, cast.station.id, "upload script")
    authenticate_key(db, key, "10.0.0.9", NOON)
    enrol(db, cast)

    of_machine, by_hand = show_station_keys(db, cast.vera, cast.station.id)

    assert (by_hand.name, by_hand.created_by, by_hand.hostname) == ("upload script", "Dev", None)
    assert (by_hand.last_used_at, by_hand.last_used_address) == (NOON, "10.0.0.9")
    assert key.startswith(by_hand.prefix)
    assert (of_machine.hostname, of_machine.last_used_at) == ("pc-1", None)
    stored = [text for row in db.session.execute(select(ApiKey.__table__)) for text in row if isinstance(text, str)]
    assert not [text for text in stored if key in text]


def test_a_regenerated_key_stops_working_at_once_and_its_link_is_cut(db: Db, database: Database, cast: Cast) -> None:
    before = create_station_key(db, cast.dev, cast.station.id, "upload script")
    (listed,) = show_station_keys(db, cast.dev, cast.station.id)
    heard: list[object] = []
    database.listen(heard.append)

    after = regenerate_station_key(db, cast.dev, cast.station.id, listed.id)

    with pytest.raises(Unauthorized):
        authenticate_key(db, before)
    assert authenticate_key(db, after).id == cast.station.id
    assert LinkRevoked(cast.station.id, "its API key was regenerated", frozenset({listed.id})) in heard
    (now,) = show_station_keys(db, cast.dev, cast.station.id)
    assert (now.name, now.created_by, after.startswith(now.prefix)) == ("upload script", "Dev", True)
    assert not is_valid(db, listed.id)
    assert is_valid(db, now.id)
    with pytest.raises(Conflict, match="was regenerated or deleted before"):
        regenerate_station_key(db, cast.dev, cast.station.id, listed.id)


def test_of_two_who_end_a_key_at_once_one_does(
    db: Db, database: Database, cast: Cast, at_once: Callable[..., list[object]]
) -> None:
    create_station_key(db, cast.dev, cast.station.id)
    (listed,) = show_station_keys(db, cast.dev, cast.station.id)

    def delete() -> str:
        with database.open() as own:
            return delete_station_key(own, cast.dev, cast.station.id, listed.id)

    assert {type(result) for result in at_once(delete, delete)} == {str, Conflict}
    with database.open() as later:
        assert show_station_keys(later, cast.dev, cast.station.id) == []


def test_only_so_many_keys_can_be_made(db: Db, cast: Cast) -> None:
    enrol(db, cast)
    for number in range(MOST_STATION_KEYS):
        create_station_key(db, cast.dev, cast.station.id, f"key {number}")

    with pytest.raises(Conflict, match="first delete one"):
        create_station_key(db, cast.dev, cast.station.id)

    assert len(show_station_keys(db, cast.dev, cast.station.id)) == MOST_STATION_KEYS + 1


def test_a_machines_key_ends_with_its_installation_only(db: Db, database: Database, cast: Cast) -> None:
    by_hand = create_station_key(db, cast.dev, cast.station.id)
    made = enrol(db, cast)
    of_machine = show_station_keys(db, cast.dev, cast.station.id)[0]
    for end in (regenerate_station_key, delete_station_key):
        with pytest.raises(Conflict, match="revoke its installation"):
            end(db, cast.dev, cast.station.id, of_machine.id)
    heard: list[object] = []
    database.listen(heard.append)

    assert revoke_installation(db, cast.dev, cast.station.id, made.installation_id) == "pc-1"

    with pytest.raises(Unauthorized):
        authenticate_key(db, made.api_key)
    assert authenticate_key(db, by_hand).id == cast.station.id
    assert LinkRevoked(cast.station.id, "it was revoked by Dev", frozenset({of_machine.id})) in heard
    assert why_revoked(db, made.api_key) == "it was revoked by Dev"
    assert why_revoked(db, by_hand) is None
    with pytest.raises(Conflict, match="pc-1 is not this station's machine any more: it was revoked by Dev"):
        revoke_installation(db, cast.dev, cast.station.id, made.installation_id)


def test_a_second_machine_replaces_the_first_and_the_history_says_so(db: Db, cast: Cast) -> None:
    first = enrol(db, cast, "pc-1")
    for number in range(2, FORMER_SHOWN + 4):
        enrol(db, cast, f"pc-{number}", number)

    newest, *former = list_installations(db, cast.station.id)

    assert (newest.hostname, newest.revoked_at) == (f"pc-{FORMER_SHOWN + 3}", None)
    assert [one.hostname for one in former] == [f"pc-{number}" for number in range(FORMER_SHOWN + 2, 2, -1)]
    assert former[0].revoked_reason == f"replaced by host {newest.hostname} (setup token of Dev)"
    assert former[0].revoked_at == newest.enrolled_at
    assert why_revoked(db, first.api_key) == "it was replaced by host pc-2 (setup token of Dev)"
    whats = [entry.what for entry in show_station(db, cast.vera, cast.station.id).activity]
    assert f"replaced the machine {former[0].hostname} by {newest.hostname}" in whats


def test_a_machine_without_a_key_of_its_own_cannot_be_revoked(db: Db, cast: Cast) -> None:
    hardware = Hardware(hostname="pc", os="Debian 13", platform="linux_x86_64", program_version="0.1.0")
    record_hardware(db, cast.station.id, None, hardware, None)
    machine = show_installation(db, cast.dev, cast.station.id)
    assert machine is not None

    with pytest.raises(Conflict, match="delete that key"):
        revoke_installation(db, cast.dev, cast.station.id, machine.id)


def test_who_may_not_change_stations_ends_nothing(db: Db, cast: Cast) -> None:
    create_station_key(db, cast.dev, cast.station.id)
    made = enrol(db, cast)
    *_, by_hand = show_station_keys(db, cast.dev, cast.station.id)

    for actor in (cast.vera, cast.olga, cast.bench, cast.otto):
        for act in (regenerate_station_key, delete_station_key):
            with pytest.raises(Forbidden):
                act(db, actor, cast.station.id, by_hand.id)
        with pytest.raises(Forbidden):
            revoke_installation(db, actor, cast.station.id, made.installation_id)
    for act in (regenerate_station_key, delete_station_key, revoke_installation):
        with pytest.raises(NotFound):
            act(db, cast.dev, cast.other_station.id, by_hand.id)
    assert len(show_station_keys(db, cast.dev, cast.station.id)) == 2


def test_each_act_is_noted_and_no_key_is(db: Db, cast: Cast) -> None:
    key = create_station_key(db, cast.dev, cast.station.id, "one")
    (listed,) = show_station_keys(db, cast.dev, cast.station.id)
    new = regenerate_station_key(db, cast.dev, cast.station.id, listed.id)
    (listed,) = show_station_keys(db, cast.dev, cast.station.id)
    delete_station_key(db, cast.dev, cast.station.id, listed.id)
    made = enrol(db, cast)
    revoke_installation(db, cast.dev, cast.station.id, made.installation_id)

    whats = [entry.what for entry in show_station(db, cast.vera, cast.station.id).activity]

    assert whats[:6] == [
        "revoked the installation on pc-1",
        "enrolled the machine pc-1",
        "made a setup token",
        f"deleted the API key {new[:12]}…",
        f"regenerated the API key {key[:12]}…, which is now {new[:12]}…",
        f"made the API key {key[:12]}…",
    ]
    told = " ".join(str(details) for details in db.session.scalars(select(AuditEntry.details)))
    assert not [one for one in (key, new, made.api_key) if one in told]
