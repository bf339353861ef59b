from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.announcements import LinkRevoked, StationChanged, StationEnrolled
from portal.database import Database, Db
from portal.errors import BadRequest, Forbidden, NotFound, Unauthorized
from portal.services.actors import SYSTEM
from portal.services.api_keys import authenticate_key, create_station_key
from portal.services.installations import note_uploads_waiting, record_hardware
from portal.services.setup_tokens import Enrolment, MachineFacts, issue_setup_token, redeem_setup_token
from portal.services.stations import find_row, show_station
from station.protocol import Hardware
from tests.cast import NOON, Cast

FACTS = MachineFacts("bench-pc-7", "Debian 12", "linux_x86_64", "0.1.0", "02:00:00:00:00:07", "10.0.0.7")


def enrol(db: Db, cast: Cast) -> Enrolment:
    return redeem_setup_token(db, issue_setup_token(db, cast.dev, cast.station.id).token, FACTS)


def test_a_token_makes_a_machine_the_stations(db: Db, database: Database, cast: Cast) -> None:
    heard: list[object] = []
    database.listen(heard.append)

    issued = issue_setup_token(db, cast.dev, cast.station.id, NOON)
    enrolment = redeem_setup_token(db, f" {issued.token}\n", FACTS, NOON + timedelta(minutes=59))

    assert len(issued.token) == 64
    assert issued.token.isalnum()
    assert issued.expires_at == NOON + timedelta(hours=1)
    assert enrolment.replaced_installations == 0
    actor = authenticate_key(db, enrolment.api_key)
    assert (actor.id, actor.installation_id) == (cast.station.id, enrolment.installation_id)
    assert heard == [StationEnrolled(cast.station.id), StationChanged(cast.station.id)]
    shown = show_station(db, cast.vera, cast.station.id)
    assert shown.installation is not None
    assert (shown.installation.hostname, shown.installation.address) == ("bench-pc-7", "10.0.0.7")
    assert shown.api_key is not None
    assert enrolment.api_key.startswith(shown.api_key.prefix)
    assert shown.activity[0].what == "enrolled the machine bench-pc-7"


def test_a_token_works_once(db: Db, cast: Cast) -> None:
    token = issue_setup_token(db, cast.dev, cast.station.id).token
    redeem_setup_token(db, token, FACTS)

    with pytest.raises(BadRequest) as refused:
        redeem_setup_token(db, token, FACTS)

    assert refused.value.message == (
        "This setup token was already used: they are single-use. Create a new one on the station's page."
    )


def test_of_two_machines_with_one_token_one_is_enrolled(
    db: Db, database: Database, cast: Cast, at_once: Callable[..., list[object]]
) -> None:
    token = issue_setup_token(db, cast.dev, cast.station.id).token

    def redeem() -> Enrolment:
        with database.open() as own:
            return redeem_setup_token(own, token, FACTS)

    assert {type(result) for result in at_once(redeem, redeem)} == {Enrolment, BadRequest}


def test_a_token_expires_after_one_hour(db: Db, cast: Cast) -> None:
    token = issue_setup_token(db, cast.dev, cast.station.id, NOON).token

    with pytest.raises(BadRequest, match="This setup token expired after one hour"):
        redeem_setup_token(db, token, FACTS, NOON + timedelta(hours=1))


def test_a_newer_token_replaces_an_older_one(db: Db, cast: Cast) -> None:
    older = issue_setup_token(db, cast.dev, cast.station.id).token
    newer = issue_setup_token(db, cast.dev, cast.station.id).token

    with pytest.raises(BadRequest, match="replaced by a newer one"):
        redeem_setup_token(db, older, FACTS)
    assert redeem_setup_token(db, newer, FACTS).station.name == "Bench 7"


@pytest.mark.parametrize("token", ["", "x" * 64, "\0", "ü" * 64])
def test_an_unknown_token_is_refused(db: Db, token: str) -> None:
    with pytest.raises(BadRequest, match="This setup token is not known"):
        redeem_setup_token(db, token, FACTS)


def test_a_second_machine_replaces_the_first(db: Db, database: Database, cast: Cast) -> None:
    by_hand = create_station_key(db, SYSTEM, cast.station.id)
    first = enrol(db, cast)
    heard: list[object] = []
    database.listen(heard.append)

    second = enrol(db, cast)

    assert second.replaced_installations == 1
    with pytest.raises(Unauthorized):
        authenticate_key(db, first.api_key)
    assert authenticate_key(db, second.api_key).id == cast.station.id
    assert authenticate_key(db, by_hand).id == cast.station.id
    assert any(isinstance(event, LinkRevoked) for event in heard)


def test_only_who_may_edit_issues_tokens(db: Db, cast: Cast) -> None:
    for actor in (cast.vera, cast.olga, cast.bench, cast.otto):
        with pytest.raises(Forbidden):
            issue_setup_token(db, actor, cast.station.id)


def test_the_greeting_says_what_the_machine_is(db: Db, cast: Cast) -> None:
    made = enrol(db, cast)
    hardware = Hardware(
        hostname="renamed\0",
        os="Debian 13",
        platform="linux_x86_64",
        program_version="0.2.0",
        cpu_count=4,
        memory_mb=8192,
    )

    record_hardware(db, cast.station.id, made.installation_id, hardware, "10.0.0.9")
    is_change = [note_uploads_waiting(db, cast.station.id, count) for count in (3, 3, 0, 2)]

    machine = show_station(db, cast.vera, cast.station.id).installation
    assert machine is not None
    assert (machine.hostname, machine.address, machine.cpu_count) == ("renamed", "10.0.0.9", 4)
    assert is_change == [True, False, True, True]
    row = find_row(db, cast.station.id)
    assert row is not None
    assert (row.uploads_waiting, row.program_version) == (2, "0.2.0")


def test_a_program_with_a_key_made_by_hand_becomes_the_machine(db: Db, cast: Cast) -> None:
    hardware = Hardware(hostname="pc", os="Debian 12", platform="linux_x86_64", program_version="0.1.0")

    for _ in range(2):
        record_hardware(db, cast.station.id, None, hardware, None)

    machine = show_station(db, cast.vera, cast.station.id).installation
    assert machine is not None
    assert machine.hostname == "pc"
    with pytest.raises(NotFound):
        record_hardware(db, cast.station.id, "00000000-0000-0000-0000-000000000000", hardware, None)
