"""Pages that are open while what they may show changes: real sockets of a real server."""

from __future__ import annotations

import httpx
from sqlalchemy import select
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from portal.models import ApiKey
from portal.services import teams
from portal.services.actors import Role
from portal.services.api_keys import create_station_key
from portal.services.station_bulk import assign_team
from portal.services.station_keys import delete_station_key
from tests.cast import PASSWORD, person
from tests.core.conftest import Api

RIGHTS_CHANGED = 4403
WAIT_S = 60  # on a machine that is busy with other tests


def open_list(api: Api, email: str) -> ClientConnection:
    """The socket of a page that lists the stations, once it has its first state."""
    with httpx.Client(base_url=api.url) as browser:
        answer = browser.post("/sign-in", data={"email": email, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        cookie = f"stationmaster={browser.cookies['stationmaster']}"
    socket = connect(f"{api.url.replace('http', 'ws')}/live/fleet", additional_headers={"Cookie": cookie}, legacy=True)
    socket.recv(timeout=WAIT_S)
    return socket


HELLO = '{"type": "hello", "hardware": {"hostname": "h", "os": "o", "platform": "p", "program_version": "1"}}'


def test_a_program_whose_key_has_died_leaves_the_link_to_the_one_that_had_it(api: Api) -> None:
    bench = api.cast.station.id
    with api.database.open() as db:
        dead = create_station_key(db, api.cast.dev, bench)
        key_id = db.session.scalars(select(ApiKey.id).where(ApiKey.prefix == dead[:12])).one()

    def link(key: str) -> ClientConnection:
        address = f"{api.url.replace('http', 'ws')}/api/station/link"
        return connect(address, additional_headers={"Authorization": f"Bearer {key}"}, compression=None, legacy=True)

    with link(dead) as late, link(api.keys["bench"]) as first, api.database.open() as db:
        first.send(HELLO)
        assert "welcome" in str(first.recv(timeout=WAIT_S))
        delete_station_key(db, api.cast.dev, bench, key_id)
        late.send(HELLO)

        assert closed_with(late) == 1008
        assert closed_with(first) == 1013
        with link(api.keys["bench"]) as again:
            again.send(HELLO)
            assert "welcome" in str(again.recv(timeout=WAIT_S))


def closed_with(socket: ClientConnection) -> int | None:
    """The code with which the portal closes it, after what was on its way."""
    try:
        while True:
            socket.recv(timeout=WAIT_S)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else None


def test_a_list_of_whom_a_station_leaves_loads_again_and_others_go_on(api: Api) -> None:
    bench = api.cast.station.id
    with api.database.open() as db:
        mine, others = (teams.create_team(db, api.cast.ada, name).id for name in ("Mine", "Others"))
        teams.set_teams(db, api.cast.ada, api.cast.vera.id, [mine])
        teams.set_teams(db, api.cast.ada, person(db, "vic", Role.VIEWER).id, [mine, others])
        assign_team(db, api.cast.ada, [bench], mine)
    api.fleet.stations.get(bench)  # of which the list gets its first state
    veras, vics, devs = (open_list(api, f"{name}@example.com") for name in ("vera", "vic", "dev"))

    with veras, vics, devs, api.database.open() as db:
        assign_team(db, api.cast.ada, [bench], others)

        assert closed_with(veras) == RIGHTS_CHANGED
        for still_open in (vics, devs):
            assert bench in str(still_open.recv(timeout=WAIT_S))
