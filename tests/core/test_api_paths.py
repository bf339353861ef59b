from __future__ import annotations

import pytest

from tests.core.conftest import Api


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_addresses_that_are_meant_well_are_answered_where_they_are(api: Api) -> None:
    meant = api.call("dev", "GET", "/api/v2/whoami").json()

    for path in ("/v2/whoami", "//api/v2/whoami", "/api/api/v2/whoami", "//api//api/v2/whoami", "//v2/whoami"):
        answer = api.call("dev", "GET", api.url + path)
        assert (answer.status_code, answer.json()) == (200, meant), path
    for path in ("/v1/nothing", "//api/v1/nothing", "/api/api/v1/nothing", "/api/v2//whoami", "/v2/", "/api//v2//runs"):
        answer = api.call("dev", "GET", api.url + path)
        assert answer.status_code == 404, path
        assert answer.headers["Content-Type"] == "application/json", path
