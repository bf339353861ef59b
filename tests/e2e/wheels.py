"""Wheels of what is installed here, for installations that may ask no package index: each made from its own RECORD."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_OF_THE_INSTALLATION = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"}


def collect_wheels(of: str, folder: Path) -> None:
    """Put what the distribution needs, without itself and its extras, into the folder."""
    waiting, seen = [Requirement(of)], {canonicalize_name(of)}
    while waiting:
        wanted = waiting.pop()
        installed = distribution(wanted.name)
        if wanted.name != of:
            _repack(installed, folder)
        for line in installed.requires or []:
            needed = Requirement(line)
            extras = wanted.extras or {""}
            if needed.marker and not any(needed.marker.evaluate(default_environment() | {"extra": e}) for e in extras):
                continue
            if canonicalize_name(needed.name) not in seen:
                seen.add(canonicalize_name(needed.name))
                waiting.append(needed)


def _repack(installed: Distribution, folder: Path) -> None:
    files = {
        file.as_posix(): Path(str(file.locate())).read_bytes()
        for file in installed.files or []
        if ".." not in file.parts and file.suffix != ".pyc" and file.name not in _OF_THE_INSTALLATION
    }
    info = next(name.split("/")[0] for name in files if name.endswith(".dist-info/METADATA"))
    said = files[f"{info}/WHEEL"].decode().splitlines()
    tags = zip(*(line.removeprefix("Tag: ").split("-") for line in said if line.startswith("Tag: ")), strict=True)
    tag = "-".join(".".join(dict.fromkeys(part)) for part in tags)
    lines = io.StringIO()
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        csv.writer(lines).writerow((name, f"sha256={digest}", len(content)))
    csv.writer(lines).writerow((f"{info}/RECORD", "", ""))
    with zipfile.ZipFile(folder / f"{info.removesuffix('.dist-info')}-{tag}.whl", "w") as wheel:
        for name, content in [*files.items(), (f"{info}/RECORD", lines.getvalue().encode())]:
            wheel.writestr(name, content)
