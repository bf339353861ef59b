from __future__ import annotations

import json
import re
from pathlib import Path

from portal.api.openapi_refusals import WORDS
from portal.services.run_input import RunIn

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def test_the_examples_are_what_the_portal_takes_and_gives() -> None:
    run, refusal = (json.loads(block) for block in re.findall(r"```json\n(.+?)```", TEXT, re.DOTALL))

    assert RunIn.model_validate(run).phases[0].measurements[0].units == "V"
    assert set(refusal) == {"message", "code", "issues"}


def test_every_status_of_a_refusal_is_told() -> None:
    rows = re.findall(r"^\| (\d{3}) \|", TEXT, re.MULTILINE)

    assert sorted(map(int, rows)) == sorted({*WORDS, 405})
    assert rows == sorted(rows)
