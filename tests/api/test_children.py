"""Units that are built into others, through the public client and without it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tests.api.clients import Client, Refused
from tests.cast import record
from tests.core.conftest import Api

Connect = Callable[[str], Client]
Fresh = Callable[[str], str]


@pytest.fixture
def units(fresh: Fresh, api: Api) -> Callable[[int], list[str]]:
    """Makes so many units; their serial numbers."""

    def make(count: int) -> list[str]:
        serials = [fresh("SN") for _ in range(count)]
        for serial in serials:
            body = {"serial_number": serial, "part_number": "PCB-1", "revision_number": "A"}
            assert api.call("dev", "POST", "/api/v2/units", json=body).status_code == 200
        return serials

    return make


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_a_unit_is_built_in_taken_out_and_built_in_again(
    connect: Connect, units: Callable[[int], list[str]], who: str
) -> None:
    client, (outer, inner) = connect(who), units(2)
    inner_id = client.units.get(serial_number=inner).id

    for _ in range(2):
        assert client.units.add_child(serial_number=outer, child_serial_number=inner.lower()).id == inner_id
        parent = client.units.get(serial_number=inner).parent
        (child,) = client.units.get(serial_number=outer).children
        assert (parent.serial_number, parent.part.number, parent.part.revision.number) == (outer, "PCB-1", "A")
        assert (child.id, child.serial_number, child.part.number) == (inner_id, inner, "PCB-1")
        assert client.units.remove_child(serial_number=outer, child_serial_number=inner).id == inner_id
        assert client.units.get(serial_number=inner).parent is None


def test_a_unit_leaves_its_former_parent(connect: Connect, units: Callable[[int], list[str]]) -> None:
    client, (first, second, inner) = connect("dev"), units(3)
    client.units.add_child(serial_number=first, child_serial_number=inner)

    client.units.add_child(serial_number=second, child_serial_number=inner)

    assert client.units.get(serial_number=first).children == []
    assert client.units.get(serial_number=inner).parent.serial_number == second
    with pytest.raises(Refused) as refused:
        client.units.remove_child(serial_number=first, child_serial_number=inner)
    assert (refused.value.kind, "is not a child of" in refused.value.message) == ("ErrorBADREQUEST", True)


def test_nothing_is_inside_of_itself(connect: Connect, units: Callable[[int], list[str]]) -> None:
    client, chain = connect("dev"), units(4)
    for outer, inner in itertools.pairwise(chain):
        client.units.add_child(serial_number=outer, child_serial_number=inner)

    for inner in chain:
        with pytest.raises(Refused) as refused:
            client.units.add_child(serial_number=chain[-1], child_serial_number=inner)
        assert (refused.value.kind, "a part of itself" in refused.value.message) == ("ErrorBADREQUEST", True)


def test_both_must_be_known(connect: Connect, fresh: Fresh, units: Callable[[int], list[str]]) -> None:
    client, (known,) = connect("dev"), units(1)

    for act in (client.units.add_child, client.units.remove_child):
        for outer, inner in ((known, fresh("NO")), (fresh("NO"), known)):
            with pytest.raises(Refused) as refused:
                act(serial_number=outer, child_serial_number=inner)
            assert refused.value.kind == "ErrorNOTFOUND"


def test_a_list_shows_the_first_ten_children(newest: Connect, units: Callable[[int], list[str]]) -> None:
    client, (outer, *inner) = newest("dev"), units(13)
    for one in inner:
        client.units.add_child(serial_number=outer, child_serial_number=one)

    (row,) = client.units.list(serial_numbers=[outer]).data

    assert [one.serial_number for one in row.children] == inner[:10]
    assert len(client.units.get(serial_number=outer).children) == 12


def test_a_run_builds_sub_units_in_and_refuses_a_circle(api: Api, units: Callable[[int], list[str]]) -> None:
    outer, inner = units(2)
    done = api.post_run("bench", record(api.cast, serial_number=outer, sub_units=[inner]))

    circle = api.post_run("bench", record(api.cast, serial_number=inner, sub_units=[outer]))

    assert done.status_code == 200
    assert api.call("dev", "GET", f"/api/v2/units/{inner}").json()["parent"]["serial_number"] == outer
    assert (circle.status_code, circle.json()["issues"][0]["path"]) == (400, ["sub_units"])


def test_a_serial_number_with_slashes_has_children(connect: Connect, fresh: Fresh) -> None:
    client, outer, inner = connect("dev"), fresh("a/b"), fresh("c/children")
    for serial in (outer, inner):
        client.units.create(serial_number=serial, part_number="PCB-1", revision_number="A")

    client.units.add_child(serial_number=outer, child_serial_number=inner)

    assert client.units.get(serial_number=inner).parent.serial_number == outer
    client.units.remove_child(serial_number=outer, child_serial_number=inner)


@pytest.mark.parametrize("inner", ["", "  ", "x" * 61])
def test_what_is_no_serial_number_is_refused(api: Api, units: Callable[[int], list[str]], inner: str) -> None:
    (outer,) = units(1)
    path = f"/api/v2/units/{outer}/children"

    put = api.call("dev", "PUT", path, json={"child_serial_number": inner})
    delete = api.call("dev", "DELETE", path, params={"child_serial_number": inner})

    assert (put.status_code, delete.status_code) == (400, 400)
