"""The interpreter of a procedure: the one that was named, its environment, one that is made for it, or the station's.

Source: contract/run-json.md §2.2. An environment is started by its path as it is: ``.venv/bin/python`` resolved is an
interpreter that does not know the environment's packages.

An environment that we make is built beside its place and then renamed, so whatever is in that place is whole. A file in
it keeps the fingerprint of what it was made from: while that holds, nothing is asked of any index. One without such a
file, or a link, was made by hand and is never touched.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
import structlog

from station.dependencies import Dependencies, dependencies_of, project_above
from station.environment_building import EnvironmentFailed, build, find_uv

__all__ = ["EnvironmentFailed", "Interpreters", "named_python"]

log = structlog.get_logger()

PLACES = (".venv", "venv")
FINGERPRINT = "stationmaster.fingerprint"
_POLL_S = 0.2
_ASK_S = 10.0  # for an interpreter to say its version


class Interpreters:
    """Finds the interpreter of a procedure, and makes its environment where that is needed.

    ``named``: the one to use whatever a folder has. ``may_make``: False: never make an environment. ``logs``: where
    what the installer says is kept.
    """

    def __init__(self, named: Path | None = None, *, may_make: bool = True, logs: Path | None = None) -> None:
        self._named = named
        self._may_make = may_make
        self._logs = logs or Path(platformdirs.user_log_dir("stationmaster", appauthor=False)) / "environments"

    def interpreter_for(self, folder: Path, is_stopped: Callable[[], bool] = lambda: False) -> Path:
        """The interpreter. Raises `EnvironmentFailed`, also when ``is_stopped`` turns true meanwhile."""
        if self._named is not None:
            return self._named
        project = project_above(folder)
        for root in (folder, *([project] if project is not None else [])):
            for place in (root / name for name in PLACES):
                if _python(place).exists() and not _is_ours(place):
                    return _python(place)
        declared = dependencies_of(folder)
        if declared is None or declared.are_met_here():
            return Path(sys.executable)
        return self._made_for(declared, is_stopped)

    def _made_for(self, declared: Dependencies, is_stopped: Callable[[], bool]) -> Path:
        place = declared.root / PLACES[0]
        python, version = _base_python(declared)
        fingerprint = declared.fingerprint(version)
        if _is_current(place, fingerprint):
            return _python(place)
        if not self._may_make:
            raise EnvironmentFailed(f"{declared.root} needs an environment for its {declared.kind}: none may be made.")
        if os.path.lexists(place) and not _is_ours(place):
            raise EnvironmentFailed(f"{place} has no interpreter, and was made by hand: mend it or remove it.")
        try:
            with _only_one(declared.root, is_stopped):
                if not _is_current(place, fingerprint):  # another program may just have made it
                    self._make(declared, place, python, fingerprint, is_stopped)
        except OSError as error:
            raise EnvironmentFailed(f"The environment {place} cannot be made: {error}.") from error
        return _python(place)

    def _make(
        self, declared: Dependencies, place: Path, python: str, fingerprint: str, is_stopped: Callable[[], bool]
    ) -> None:
        log.warning("environment_is_being_made", place=str(place), made_from=declared.kind)
        for left in place.parent.glob(f"{place.name}.new-*"):
            shutil.rmtree(left, ignore_errors=True)
        aside = place.with_name(f"{place.name}.new-{os.getpid()}")
        self._logs.mkdir(parents=True, exist_ok=True)
        try:
            build(declared, aside, place, python, self._logs / f"{declared.root.name}.log", is_stopped)
            (aside / FINGERPRINT).write_text(fingerprint)
            old = place.with_name(f"{place.name}.old-{os.getpid()}")
            if place.exists():
                place.rename(old)
            aside.rename(place)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        log.warning("environment_is_made", place=str(place))


def named_python() -> Path | None:
    """The interpreter that the environment variable ``STATIONMASTER_PYTHON`` names."""
    name = os.environ.get("STATIONMASTER_PYTHON")
    return Path(name) if name else None


def _base_python(declared: Dependencies) -> tuple[str, str]:
    """The interpreter to make an environment from, and its version: the oldest that the project is written for."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    oldest = declared.oldest_python
    if oldest is None or oldest == own:
        return sys.executable, own
    found = shutil.which(f"python{oldest}")
    if found is not None and _is_python(found, oldest):
        return found, oldest
    if ".".join(map(str, sys.version_info[:3])) in declared.python_versions:
        return sys.executable, own
    if find_uv() is not None:
        return oldest, oldest
    raise EnvironmentFailed(f"{declared.root} needs Python {declared.python}, which this machine does not have.")


def _is_python(program: str, version: str) -> bool:
    """Whether the program is what its name says: a version manager leaves the names of versions that it lacks."""
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([program, "-c", asked], capture_output=True, text=True, check=False, timeout=_ASK_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == version


def _python(place: Path) -> Path:
    return place / "bin" / "python"


def _is_ours(place: Path) -> bool:
    return not place.is_symlink() and (place / FINGERPRINT).is_file()


def _is_current(place: Path, fingerprint: str) -> bool:
    return _is_ours(place) and _python(place).exists() and (place / FINGERPRINT).read_text() == fingerprint


@contextmanager
def _only_one(root: Path, is_stopped: Callable[[], bool]) -> Iterator[None]:
    """Wait until no other program makes an environment in this folder. Raises `EnvironmentFailed` when stopped."""
    fd = os.open(root, os.O_RDONLY)
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if is_stopped():
                    raise EnvironmentFailed("Stopped.") from None
                time.sleep(_POLL_S)
        yield
    finally:
        os.close(fd)
