"""How often a key may ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal import migrations
from portal.api import limits
from portal.api.limits import KeyLimits
from portal.settings import load_settings
from tests.core.conftest import Api, serving

WHOAMI = "/api/v2/whoami"


class Clock:
    """Time that passes when told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A portal that lets each key ask three times, then once in 100 s."""
    folder = Path(tmp_path_factory.mktemp("strict"))
    settings = load_settings(data_dir=folder, key_rate_per_s=0.01, key_rate_burst=3)
    migrations.upgrade(settings)
    with serving(settings) as api:
        yield api


def test_a_key_that_asks_too_often_waits_and_others_do_not(strict: Api) -> None:
    answers = [strict.call("dev", "GET", WHOAMI) for _ in range(4)]

    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert [one.headers["RateLimit-Remaining"] for one in answers] == ["2", "1", "0", "0"]
    refused = answers[-1]
    assert refused.json()["code"] == "TOO_MANY_REQUESTS"
    assert 90 <= int(refused.headers["Retry-After"]) <= 100
    assert refused.headers["RateLimit-Policy"] == '"key";q=3;w=300'
    assert re.fullmatch(r'"key";r=0;t=(29|30)\d', refused.headers["RateLimit"])
    assert refused.headers["RateLimit-Limit"] == "3"
    assert strict.call("vera", "GET", WHOAMI).status_code == 200


def test_refusals_say_what_is_left_too_and_keys_that_are_none_are_not_counted(strict: Api) -> None:
    strict.keys["nobody"] = "smu_no-such-key"

    assert strict.call("ada", "GET", "/api/v2/runs/x").headers["RateLimit-Remaining"] == "2"
    assert "RateLimit-Limit" not in strict.call("nobody", "GET", WHOAMI).headers
    assert "RateLimit-Limit" not in strict.call(None, "GET", "/healthz").headers


def test_a_bucket_fills_evenly_and_never_over() -> None:
    clock = Clock()
    bucket = KeyLimits(per_s=2.0, burst=4, clock=clock)
    for _ in range(4):
        assert bucket.take(b"a")[1] == 0

    assert bucket.take(b"a")[1] == 0.5
    clock.now += 0.5
    assert bucket.take(b"a")[1] == 0
    clock.now += 1000
    standing, wait_s = bucket.take(b"a")
    assert (standing.remaining, standing.reset_s, wait_s) == (3, 1, 0)


def test_full_buckets_are_forgotten_before_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_BUCKETS", 3)
    clock = Clock()
    buckets = KeyLimits(per_s=1.0, burst=2, clock=clock)
    for key in (b"a", b"b", b"c"):
        buckets.take(key)
    clock.now += 0.5
    buckets.take(b"a")
    clock.now += 0.6  # b and c are full again, a is not

    buckets.take(b"d")

    assert buckets.take(b"a")[0].remaining == 0
