"""What a procedure's folder declares that its interpreter must have."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from station.frameworks import read_project

PARENTS = 8  # how far up a project is looked for, contract/run-json.md §2.2
WHEELS = "wheels"  # a folder beside the file, from which alone everything is installed
_INCLUDED = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[ =]*(\S+)", re.MULTILINE)

Kind = Literal["pylock.toml", "uv.lock", "pyproject.toml", "requirements.txt"]


@dataclass(frozen=True)
class Dependencies:
    """What one file in ``root`` declares. ``packages`` is None for a lock: its versions are exact."""

    root: Path
    kind: Kind
    packages: tuple[str, ...] | None
    python: str

    @property
    def python_versions(self) -> SpecifierSet:
        """The versions of Python that the project names; all, where it names none that make sense."""
        try:
            return SpecifierSet(self.python)
        except InvalidSpecifier:
            return SpecifierSet()

    @property
    def oldest_python(self) -> str | None:
        """The minor version of the lower bound, such as ``3.11``."""
        for bound in self.python_versions:
            if bound.operator in (">=", "==", "~="):
                try:
                    version = Version(bound.version.removesuffix(".*"))
                except InvalidVersion:
                    continue
                return f"{version.major}.{version.minor}"
        return None

    @property
    def has_wheels(self) -> bool:
        """Whether everything comes from a folder of wheels."""
        return (self.root / WHEELS).is_dir()

    def fingerprint(self, python: str) -> str:
        """Changes when an environment made from this, with that version of Python, would be another one."""
        wheels = sorted((file.name, file.stat().st_size) for file in (self.root / WHEELS).glob("*.whl"))
        facts = {"python": python, "kind": self.kind, "content": self._content(), "wheels": wheels}
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def are_met_here(self) -> bool:
        """Whether the station's own interpreter has it all, so that no environment need be made."""
        own = ".".join(map(str, sys.version_info[:3]))
        if self.packages is None or self.has_wheels or own not in self.python_versions:
            return False
        return all(map(_is_installed, self.packages))

    def _content(self) -> Any:
        if self.kind == "pyproject.toml":  # of which other parts say nothing about the environment
            return [self.python, self.packages, read_project(self.root).get("tool", {}).get("uv")]
        return [path.read_text("utf-8", "replace") for path in _with_included(self.root / self.kind, set())]


def dependencies_of(folder: Path) -> Dependencies | None:
    """What the folder declares, else what the nearest project above it does. None where nothing is declared."""
    found = _declared_in(folder)
    if found is not None:
        return found
    project = project_above(folder)
    return _declared_in(project) if project is not None else None


def project_above(folder: Path) -> Path | None:
    """The nearest folder above with a ``pyproject.toml``."""
    return next((one for one in list(folder.parents)[:PARENTS] if (one / "pyproject.toml").is_file()), None)


def _declared_in(root: Path) -> Dependencies | None:
    project = read_project(root).get("project")
    project = project if isinstance(project, dict) else {}
    python = str(project.get("requires-python") or "")
    if (root / "pylock.toml").is_file():
        return Dependencies(root, "pylock.toml", None, python)
    if (root / "uv.lock").is_file():
        return Dependencies(root, "uv.lock", None, python)
    packages = project.get("dependencies")
    if isinstance(packages, list) and packages:
        return Dependencies(root, "pyproject.toml", tuple(map(str, packages)), python)
    file = root / "requirements.txt"
    if not file.is_file():
        return None
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in file.read_text("utf-8", "replace").splitlines()]
    named = tuple(filter(None, lines))
    return Dependencies(root, "requirements.txt", named, python) if named else None


def _with_included(file: Path, known: set[Path]) -> Iterator[Path]:
    """A file of requirements, and those that it includes."""
    if file in known or not file.is_file():
        return
    known.add(file)
    yield file
    if file.suffix == ".txt":
        for name in _INCLUDED.findall(file.read_text("utf-8", "replace")):
            yield from _with_included(file.parent / name, known)


def _is_installed(line: str) -> bool:
    """False also for what is no plain requirement: a file, an option, an extra."""
    try:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate():
            return True
        if wanted.url or wanted.extras:
            return False
        return wanted.specifier.contains(importlib.metadata.version(wanted.name), prereleases=True)
    except (InvalidRequirement, InvalidVersion, importlib.metadata.PackageNotFoundError):
        return False
