"""Which interpreter a procedure gets, and the environments that are made for it. No package index is asked."""

from __future__ import annotations

import os
import sys
import time
import zipfile
from pathlib import Path

import pytest

from station import environment_building
from station.environments import FINGERPRINT, EnvironmentFailed, Interpreters
from station.protocol import Outcome, RunCrashed
from tests.engine.bench import Bench, open_bench

WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


def wheel(folder: Path, name: str = "tinyprobe", version: str = "1.0") -> Path:
    """A wheel of one module."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", METADATA.format(name=name, version=version))
        archive.writestr(f"{info}/WHEEL", WHEEL)
        archive.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name}={name}:print\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def interpreters(tmp_path: Path) -> Interpreters:
    return Interpreters(logs=tmp_path / "logs")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "probe"
    wheel(made / "wheels")
    (made / "requirements.txt").write_text("tinyprobe  # of the bench\n")
    (made / "main.py").write_text("import sys, tinyprobe\nprint(tinyprobe.VERSION, sys.prefix)\n")
    return made


def python_in(place: Path) -> Path:
    (place / "bin").mkdir(parents=True)
    (place / "bin/python").symlink_to(sys.executable)
    return place / "bin/python"


def test_an_environment_is_made_once_and_again_when_something_changed(folder: Path, tmp_path: Path) -> None:
    with open_bench(tmp_path, interpreters=Interpreters(logs=tmp_path / "logs")) as bench:
        assert bench.run("probe", folder=folder).outcome is Outcome.PASS
        made = (folder / ".venv").stat()
        begun_s = time.monotonic()
        bench.run("probe", folder=folder)
        took_s = time.monotonic() - begun_s

        assert (folder / ".venv").stat().st_ino == made.st_ino
        assert bench.lines == [f"1.0 {folder}/.venv"] * 2
        assert took_s < 2.0
        script = (folder / ".venv/bin/tinyprobe").read_text()
        assert f"{folder}/.venv/bin/python" in script
        assert ".new-" not in script

        (folder / "wheels/tinyprobe-1.0-py3-none-any.whl").unlink()
        wheel(folder / "wheels", version="2.0")
        bench.run("probe", folder=folder)

        assert bench.lines[-1] == f"2.0 {folder}/.venv"
        assert {path.name for path in folder.iterdir()} == {".venv", "main.py", "requirements.txt", "wheels"}


def test_without_uv_it_is_made_by_pip(
    folder: Path, interpreters: Interpreters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment_building, "find_uv", lambda: None)

    assert interpreters.interpreter_for(folder) == folder / ".venv/bin/python"
    assert list(folder.glob(".venv/lib/*/site-packages/tinyprobe.py"))

    (folder / "uv.lock").touch()
    with pytest.raises(EnvironmentFailed, match=r"is locked by uv.lock, which needs uv: pip install uv"):
        interpreters.interpreter_for(folder)


def test_a_project_is_read_for_its_packages_and_its_python(
    folder: Path, interpreters: Interpreters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "requirements.txt").unlink()
    shim = tmp_path / "bin/python3.7"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent), prepend=os.pathsep)
    oldest = "3.7"  # which this machine seems to have
    project = f'[project]\nname = "p"\nversion = "1"\nrequires-python = ">={oldest}"\n'
    (folder / "pyproject.toml").write_text(project + 'dependencies = ["tinyprobe>=1"]\n')
    below = folder / "final"
    below.mkdir()

    python = interpreters.interpreter_for(below)
    (folder / "pyproject.toml").write_text(project + 'dependencies = ["tinyprobe>=1"]\n[tool.tofupilot]\nx = 1\n')

    assert python == folder / ".venv/bin/python"
    assert Interpreters(may_make=False).interpreter_for(below) == python  # what it is made from has not changed


def test_an_environment_that_cannot_be_made_is_one_sentence_and_a_log(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "lost"
    wheel(folder / "wheels")
    (folder / "requirements.txt").write_text("no_such_probe\n")
    (folder / "main.py").write_text("")
    interpreters = Interpreters(logs=tmp_path / "logs")
    with open_bench(tmp_path / "home", interpreters=interpreters) as own:
        state = own.run("lost", folder=folder)

        crash = own.one(RunCrashed)
        own.is_well_formed()
        assert (state.outcome, crash.error_kind) == (Outcome.ERROR, "env_error")
        assert crash.error.startswith("The environment of lost could not be made from its requirements.txt: ")
        assert "no_such_probe" in crash.error.replace("-", "_")
        assert crash.error.endswith(f"(log: {tmp_path}/logs/lost.log)")
        assert "\n" not in crash.error
        assert (tmp_path / "logs/lost.log").read_text().startswith("$ ")
        assert sorted(path.name for path in folder.iterdir()) == ["main.py", "requirements.txt", "wheels"]


def test_stop_ends_the_making_of_an_environment(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "uv"
    slow.write_text(f"#!/bin/sh\ntouch {tmp_path}/begun\nexec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setattr(environment_building, "find_uv", lambda: str(slow))

    def is_stopped() -> bool:
        return (tmp_path / "begun").exists()

    with pytest.raises(EnvironmentFailed, match="Stopped"):
        Interpreters(logs=tmp_path / "logs").interpreter_for(folder, is_stopped)
    assert not (folder / ".venv").exists()


def test_what_was_made_by_hand_is_used_as_it_is(folder: Path, interpreters: Interpreters, tmp_path: Path) -> None:
    elsewhere = python_in(tmp_path / "elsewhere").parent.parent
    (elsewhere / FINGERPRINT).write_text("of another procedure")
    (folder / ".venv").symlink_to(elsewhere)

    assert interpreters.interpreter_for(folder) == folder / ".venv/bin/python"
    (folder / ".venv").unlink()
    assert interpreters.interpreter_for(folder / "x") == Path(sys.executable)
    venv = python_in(folder / "venv")
    assert interpreters.interpreter_for(folder) == venv
    own = python_in(folder / ".venv")
    assert interpreters.interpreter_for(folder) == own
    (folder / "pyproject.toml").touch()
    assert interpreters.interpreter_for(folder / "a/b") == own
    assert interpreters.interpreter_for(folder.joinpath(*"abcdefghi")) == Path(sys.executable)
    assert Interpreters(Path("/named")).interpreter_for(folder) == Path("/named")


def test_a_broken_environment_of_somebody_else_is_left_alone(folder: Path, interpreters: Interpreters) -> None:
    (folder / ".venv").mkdir()

    with pytest.raises(EnvironmentFailed, match="was made by hand: mend it or remove it"):
        interpreters.interpreter_for(folder)
    assert list((folder / ".venv").iterdir()) == []


def test_one_that_was_cut_off_is_never_used(folder: Path, interpreters: Interpreters) -> None:
    left = folder / ".venv.new-1"
    python_in(left)

    assert interpreters.interpreter_for(folder) == folder / ".venv/bin/python"
    assert not left.exists()


def test_none_is_made_where_none_is_needed_or_allowed(folder: Path) -> None:
    forbidding = Interpreters(may_make=False)
    with pytest.raises(EnvironmentFailed, match="needs an environment for its requirements"):
        forbidding.interpreter_for(folder)

    (folder / "wheels").rename(folder / "others")
    (folder / "requirements.txt").write_text("# nothing\nclick>=8\npyyaml ; python_version < '3'\n")
    assert forbidding.interpreter_for(folder) == Path(sys.executable)

    for line in ("click<1", "./others/tinyprobe-1.0-py3-none-any.whl", "click[extra]"):
        (folder / "requirements.txt").write_text(f"{line}\n")
        with pytest.raises(EnvironmentFailed):
            forbidding.interpreter_for(folder)
