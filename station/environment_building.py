"""Makes an environment: with uv where there is one, else with the standard library's venv and pip."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from station.dependencies import WHEELS, Dependencies
from station.frameworks import environment_for

_POLL_S = 0.2
_MOST_WORDS = 300  # characters of an installer's reason


class EnvironmentFailed(Exception):
    """There is no interpreter for the procedure. The text is one sentence for people."""


def find_uv() -> str | None:
    """The program uv: beside the station's interpreter, else on the search path."""
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else shutil.which("uv")


def build(
    declared: Dependencies, aside: Path, place: Path, python: str, log: Path, is_stopped: Callable[[], bool]
) -> None:
    """Make the environment in ``aside``, from where it will be moved to ``place``. Raises `EnvironmentFailed`.

    ``python``: the interpreter to make it from; with uv also a version. ``log``: what the programs say, written anew.
    """
    uv = find_uv()
    steps = _steps_with_uv(uv, declared, aside, python) if uv else _steps_with_pip(declared, aside, python)
    environment = environment_for({"UV_PROJECT_ENVIRONMENT": str(aside), "PIP_NO_INPUT": "1"}, None)
    environment.pop("VIRTUAL_ENV", None)
    with log.open("wb") as output:
        for words in steps:
            output.write(f"$ {' '.join(words)}\n".encode())
            output.flush()
            status = _run(words, declared.root, environment, output.fileno(), is_stopped)
            if status != 0:
                raise EnvironmentFailed(
                    f"The environment of {declared.root.name} could not be made from its {declared.kind}: "
                    f"{_reason(log)} (log: {log})"
                )
    _settle_scripts(aside, place)


def _steps_with_uv(uv: str, declared: Dependencies, aside: Path, python: str) -> list[list[str]]:
    inside = ["--python", str(aside / "bin" / "python"), *_source(declared)]
    install = {
        "uv.lock": [uv, "sync", "--frozen", "--no-install-project", "--no-dev"],
        "pylock.toml": [uv, "pip", "sync", *inside, declared.kind],
        "pyproject.toml": [uv, "pip", "install", *inside, "-r", declared.kind],
        "requirements.txt": [uv, "pip", "install", *inside, "-r", declared.kind],
    }
    return [[uv, "venv", "--python", python, str(aside)], install[declared.kind]]


def _steps_with_pip(declared: Dependencies, aside: Path, python: str) -> list[list[str]]:
    if declared.packages is None:
        raise EnvironmentFailed(f"{declared.root} is locked by {declared.kind}, which needs uv: pip install uv")
    named = ["-r", declared.kind] if declared.kind == "requirements.txt" else ["--", *declared.packages]
    inside = str(aside / "bin" / "python")
    install = ["install", "--disable-pip-version-check", *_source(declared), *named]
    if importlib.util.find_spec("pip") is None:
        return [[python, "-m", "venv", str(aside)], [inside, "-m", "pip", *install]]
    # Our own pip installs into it: a pip of its own takes seconds, and some systems leave out what it is made from.
    return [
        [python, "-m", "venv", "--without-pip", str(aside)],
        [sys.executable, "-m", "pip", "--python", inside, *install],
    ]


def _source(declared: Dependencies) -> list[str]:
    return ["--no-index", "--find-links", WHEELS] if declared.has_wheels else []


def _run(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], output: int, is_stopped: Callable[[], bool]
) -> int:
    """Run one program in a group of its own. Its status; the group is ended when the run is stopped."""
    with subprocess.Popen(
        words,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    ) as process:
        while True:
            try:
                return process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                if is_stopped():
                    os.killpg(process.pid, signal.SIGKILL)
                    raise EnvironmentFailed("Stopped while the environment was made.") from None


def _reason(log: Path) -> str:
    """The line that says most: a cause, else an error, else the last one."""
    lines = [line.strip(" ×╰─▶│\t.") for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    for beginning in ("cause:", "because ", "error:"):
        found = [line for line in lines if line.lower().startswith(beginning)]
        if found:
            return found[-1].removeprefix("cause: ").removeprefix("ERROR: ").removeprefix("error: ")[:_MOST_WORDS]
    return lines[-1][:_MOST_WORDS]


def _settle_scripts(aside: Path, place: Path) -> None:
    """Let the environment's programs know where it will be: their first line names its interpreter."""
    for file in (aside / "bin").iterdir():
        if file.is_file() and not file.is_symlink():
            content = file.read_bytes()
            if os.fsencode(aside) in content and b"\0" not in content:
                file.write_bytes(content.replace(os.fsencode(aside), os.fsencode(place)))
