"""What docs/webhooks.md says is so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast, get_type_hints

from portal.services.run_notices import RunNotice
from portal.services.webhook_deliveries import DELAYS
from portal.services.webhook_secrets import signature
from portal.services.webhooks import MOST_WEBHOOKS

TEXT = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()


def test_the_example_verifies_our_signatures_and_no_others() -> None:
    (code,) = re.findall(r"```python\n(.+?)```", TEXT, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    is_genuine = cast("Callable[[str, str, bytes], bool]", names["is_genuine"])
    now = datetime.now(UTC)

    assert is_genuine("whs_x", signature("whs_x", b"{}", now), b"{}")
    assert not is_genuine("whs_y", signature("whs_x", b"{}", now), b"{}")
    assert not is_genuine("whs_x", signature("whs_x", b"{}", now), b"[]")
    assert not is_genuine("whs_x", signature("whs_x", b"{}", now - timedelta(hours=1)), b"{}")


def test_the_examples_have_the_fields_that_are_sent() -> None:
    message, entries = (json.loads(block) for block in re.findall(r"```json\n(.+?)```", TEXT, re.DOTALL))

    assert set(message["run"]) == set(get_type_hints(RunNotice))
    assert [set(entry) for entry in entries] == [{"line", "id"}, {"line", "error"}]


def test_the_waits_are_told() -> None:
    words = [f"{s} s" if s < 60 else f"{s // 60} min" if s < 3600 else f"{s // 3600} h" for s in seconds()]

    assert f"after {', '.join(words[:-1])} and {words[-1]};" in TEXT.replace("\n", " ")
    assert f"At most {MOST_WEBHOOKS}." in TEXT


def seconds() -> list[int]:
    return [int(one.total_seconds()) for one in DELAYS]
