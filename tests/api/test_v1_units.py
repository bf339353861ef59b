"""Units in the older API. No client of the generations in use asks for them, so all is sent without one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.api.test_v1_raw import body, create, refusal
from tests.core.conftest import Api

Fresh = Callable[[str], str]


def new_unit(api: Api, fresh: Fresh, *, is_tested: bool = False) -> str:
    serial, part = fresh("SN"), fresh("PN")
    if is_tested:
        unit = {"serial_number": serial, "part_number": part}
        assert create(api, "bench", body(api, fresh, unit_under_test=unit)).status_code == 200
    else:
        made = {"serial_number": serial, "part_number": part, "revision_number": "A"}
        api.call("dev", "POST", "/api/v2/parts", json={"number": part})
        api.call("dev", "POST", f"/api/v2/parts/{part}/revisions", json={"number": "A"})
        answer = api.call("dev", "POST", "/api/v2/units", json=made)
        assert answer.status_code == 200, answer.text
    return serial


def children(api: Api, serial: str) -> set[str]:
    found = api.call("dev", "GET", f"/api/v2/units/{serial}").json()
    return {one["serial_number"] for one in found["children"]}


@pytest.mark.parametrize("who", ["dev", "bench"])
@pytest.mark.parametrize("is_in_path", [True, False])
def test_units_are_built_into_one(api: Api, fresh: Fresh, who: str, is_in_path: bool) -> None:
    unit, first, second = (new_unit(api, fresh) for _ in range(3))

    for sub in (first, second):
        wanted = {"sub_units": [{"serial_number": sub.lower()}]}
        path = f"/api/v1/units/{unit}" if is_in_path else "/api/v1/units"
        answer = api.call(who, "PATCH", path, json=wanted if is_in_path else wanted | {"serial_number": unit})
        assert (answer.status_code, set(answer.json())) == (200, {"id"})

    assert children(api, unit) == {first, second}


def test_all_are_built_in_or_none(api: Api, fresh: Fresh) -> None:
    unit, sub = new_unit(api, fresh), new_unit(api, fresh)
    path = f"/api/v1/units/{unit}"

    refusal(api.call("dev", "PATCH", path, json={"sub_units": [{"serial_number": sub}, {"serial_number": "no"}]}), 404)
    refusal(api.call("dev", "PATCH", path, json={"sub_units": [{"serial_number": sub}, {"serial_number": unit}]}), 400)
    refusal(api.call("dev", "PATCH", "/api/v1/units/nobody", json={"sub_units": []}), 404)
    refusal(api.call("dev", "PATCH", path, json={"sub_units": ["plain"]}), 400)
    refusal(api.call("vera", "PATCH", path, json={"sub_units": []}), 403)

    assert children(api, unit) == set()


def test_a_unit_without_runs_is_deleted_by_people(api: Api, fresh: Fresh) -> None:
    unit, tested = new_unit(api, fresh), new_unit(api, fresh, is_tested=True)

    refusal(api.call("bench", "DELETE", f"/api/v1/units/{unit}"), 403)
    assert api.call("dev", "DELETE", f"/api/v1/units/{unit}").status_code == 200
    refusal(api.call("dev", "DELETE", f"/api/v1/units/{unit}"), 404)
    assert "has runs" in refusal(api.call("dev", "DELETE", f"/api/v1/units/{tested}"), 409)


def test_a_serial_number_may_hold_a_slash(api: Api, fresh: Fresh) -> None:
    unit = {"serial_number": f"{fresh('SN')}/A", "part_number": fresh("PN")}
    assert create(api, "bench", body(api, fresh, unit_under_test=unit)).status_code == 200
    sub = new_unit(api, fresh)

    path = f"/api/v1/units/{unit['serial_number']}"
    answer = api.call("bench", "PATCH", path, json={"sub_units": [{"serial_number": sub}]})

    assert answer.status_code == 200, answer.text
