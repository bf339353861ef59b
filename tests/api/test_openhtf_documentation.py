"""docs/openhtf.md says what is so: its programs run, with each generation of the client."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.clients import GENERATIONS, NEWEST, OLDEST
from tests.api.programs import Programs
from tests.core.conftest import Api

TEXT = (Path(__file__).parents[2] / "docs" / "openhtf.md").read_text("utf-8")
UPLOADING, READING = re.findall(r"```python\n(.+?)```", TEXT, re.DOTALL)


def at_home(program: str, api: Api, serial: str) -> str:
    """The program with this portal's address, a key of ours, and a unit of its own."""
    here = {"http://portal:8000": api.url, "smu_…": api.keys["dev"], "SN-0001": serial}
    for written, real in here.items():
        assert written in program
        program = program.replace(written, real)
    return program


@pytest.mark.parametrize("version", GENERATIONS)
def test_the_example_uploads_its_run(version: str, api: Api, fresh: Callable[[str], str], tmp_path: Path) -> None:
    serial = fresh("SN")
    (tmp_path / "test.py").write_text(at_home(UPLOADING, api, serial))
    (tmp_path / "read.py").write_text(at_home(READING, api, serial))

    done = Programs(version, api, tmp_path).start("nobody", "test.py")

    assert done.code == 0, done.text
    assert "Operator UI" not in done.text
    assert Programs(NEWEST, api, tmp_path).start("nobody", "read.py").stdout.strip() == "['PASS']"


def test_what_the_successor_and_the_oldest_say_is_so(api: Api, fresh: Callable[[str], str], tmp_path: Path) -> None:
    call = re.search(r"`(test\.add_output_callbacks\(.+?\))`", TEXT)
    assert call is not None
    start, end = UPLOADING.index("    with TofuPilot"), UPLOADING.index("\n\n\nif __name__")
    newer = UPLOADING.replace("import TofuPilot", "import upload")
    newer = newer.replace(UPLOADING[start:end], f'    {call[1]}\n    test.execute(lambda: "SN-0001")')
    serials = fresh("SN"), fresh("SN")
    (tmp_path / "newer.py").write_text(at_home(newer, api, serials[0]))
    (tmp_path / "older.py").write_text(at_home(UPLOADING.replace(", stream=False", ""), api, serials[1]))

    done = Programs(NEWEST, api, tmp_path).start("nobody", "newer.py")
    old = Programs(OLDEST, api, tmp_path).start("nobody", "older.py")

    assert (done.code, old.code) == (0, 0)
    assert "Operator UI: Auth server connection failed" in old.text
    for serial in serials:
        assert len(api.call("dev", "GET", f"/api/v2/runs?serial_numbers={serial}").json()["data"]) == 1
