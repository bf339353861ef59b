from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from station.home import Home, InstanceLock, default_home, write_privately
from station.settings import AutopilotPlan, StationSettings, bench_name, load_settings
from stationmaster.cli_errors import Refusal

HOLD = """
import sys
from pathlib import Path
from station.home import Home, InstanceLock

with InstanceLock(Home(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_everything_in_a_home_is_private(home: Home) -> None:
    home.prepare()

    for folder in (home.root, home.credentials_folder, home.journals, home.runs, home.procedures):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_shared_root_keeps_its_mode_but_credentials_never_are_shared(home: Home) -> None:
    home.credentials_folder.mkdir(parents=True, mode=0o755)
    home.root.chmod(0o755)

    home.prepare()

    assert stat.S_IMODE(home.root.stat().st_mode) == 0o755
    assert stat.S_IMODE(home.credentials_folder.stat().st_mode) == 0o700


def test_a_second_program_is_refused_and_told_which_one_holds_the_home(home: Home) -> None:
    home.prepare()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        with pytest.raises(Refusal, match=rf"process {holder.pid}\) already runs in this home"):
            InstanceLock(home).__enter__()

        holder.kill()
    with InstanceLock(home):  # the kernel frees it, however the holder ended
        assert home.lock_file.read_text() == f"{os.getpid()}\n"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_privately(path, "first")
    tmp_path.chmod(0o500)
    try:
        if os.geteuid() != 0:  # root may write anywhere
            with pytest.raises(OSError):
                write_privately(path, "second")
    finally:
        tmp_path.chmod(0o700)

    assert path.read_text() == "first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_default_home_is_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data/of/olga")
    monkeypatch.setattr(sys, "platform", "linux")

    assert default_home() == Path("/data/of/olga/stationmaster/station")


@pytest.mark.parametrize(
    ("bench", "library"),
    [(None, None), ("pcba", "pcba@bench"), ("@bench", "@bench"), ("/b/x.yaml", "/b/x.yaml@bench")],
)
def test_a_bench_names_the_visa_library(bench: str | None, library: str | None) -> None:
    settings = StationSettings(bench=bench)

    assert settings.visa_library == library
    assert settings.is_simulated == (bench is not None)


def test_a_bench_file_must_exist(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("")

    assert bench_name(str(tmp_path / "own.yaml")) == str(tmp_path / "own.yaml")
    with pytest.raises(Refusal, match="There is no bench file"):
        bench_name(str(tmp_path / "other.yaml"))
    with pytest.raises(Refusal, match="needs a name"):
        bench_name(" ")


@pytest.mark.parametrize(
    ("text", "named"),
    [("{", "JSON"), ('{"bnech": "pcba"}', "bnech"), ('{"autopilot": {"procedure": "p", "pause_s": -1}}', "pause_s")],
)
def test_bad_settings_are_named(home: Home, text: str, named: str) -> None:
    home.prepare()
    home.settings_file.write_text(text)

    with pytest.raises(Refusal, match=named):
        load_settings(home)


def test_answers_are_kept_as_the_text_that_a_person_would_send() -> None:
    plan = AutopilotPlan.model_validate({"procedure": "p", "answers": {"a": {"ok": True, "n": 5, "t": "green"}}})

    assert plan.answers == {"a": {"ok": "true", "n": "5", "t": "green"}}
    assert AutopilotPlan.model_validate_json(plan.model_dump_json()) == plan
