"""docs/imports.md says what is so: its program runs, and its mappings read its tables."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from portal.services.imports.mapping import Mapping
from portal.services.imports.rows import read_runs
from portal.services.imports.table import read_table
from tests.api.clients import NEWEST
from tests.api.programs import Programs
from tests.core.conftest import Api
from tests.core.uploading import uploaded

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "imports.md").read_text("utf-8")
SAMPLES = ROOT / "tests" / "core" / "import_samples"
TABLES = re.findall(r"```csv\n(.+?)```", TEXT, re.DOTALL)
MAPPINGS = [json.loads(one) for one in re.findall(r"```json\n(.+?)```", TEXT, re.DOTALL)]


def test_the_program_runs_as_written(api: Api, tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.+?)```", TEXT, re.DOTALL)
    here = {"smu_…": api.keys["dev"], "http://portal:8000": api.url, "PROCEDURE-ID": api.cast.procedure.id}
    for written, real in here.items():
        assert written in program
        program = program.replace(written, real)
    (tmp_path / "program.py").write_text(program)
    (tmp_path / "report.xml").write_bytes((SAMPLES / "wsxf.xml").read_bytes())
    (tmp_path / "table.csv").write_text(TABLES[1])

    done = Programs(NEWEST, api, tmp_path).start("dev", "program.py")

    assert done.code == 0, done.text
    of_report, of_table = done.stdout.splitlines()
    for run_id in (*json.loads(of_report.replace("'", '"')), of_table):
        assert api.call("dev", "GET", f"/api/v2/runs/{run_id}").status_code == 200
    phases = api.call("dev", "GET", f"/api/v2/runs/{of_table}").json()["phases"]
    assert [one["expected_value"] for one in phases[0]["measurements"][0]["validators"]] == [4.75, 5.25]


@pytest.mark.parametrize("place", range(3))
def test_a_mapping_reads_the_table_above_it(place: int) -> None:
    mapping = Mapping.model_validate(MAPPINGS[place])

    found = read_runs(read_table(TABLES[place].encode()), mapping)

    assert mapping.measurements.layout == ("none", "wide", "long")[place]
    assert [(one["serial_number"], one["outcome"]) for one in found] == [("SN-0001", "PASS"), ("SN-0002", "FAIL")]


def test_the_same_table_once_more_makes_new_runs(api: Api, fresh: Callable[[str], str]) -> None:
    table = TABLES[1].replace("SN-0001", fresh("SN")).encode()

    def imported() -> list[str]:
        with api.database.open() as db:
            upload_id = uploaded(db, api.cast.dev, table)
        body = {"upload_id": upload_id, "procedure_id": api.cast.procedure.id, "mapping": MAPPINGS[1]}
        ids: list[str] = api.call("dev", "POST", "/api/v2/imports/tabular", json=body).json()["ids"]
        return ids

    assert not set(imported()) & set(imported())
