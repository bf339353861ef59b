"""The wheel of the very program that runs here, made from its own files: what a bench installs from its portal.

It is made the same way from a checkout and from an installed wheel: from the packages as they are imported, the folders
beside them, and the metadata of the installation. No build tool and no network are needed. The same files give the same
bytes, so it is made anew by each process at its first request and kept in memory (about 1 MB): nothing on disk could be
of an older version.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import get_args

import stationmaster
from portal.errors import NotFound
from stationmaster.resources import Folder, folder

PACKAGES = ("bench_sim", "portal", "pyvisa_bench.py", "station", "stationmaster")
DISTRIBUTION = "stationmaster"
_TAG = "py3-none-any"
_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a ZIP file can say


@dataclass(frozen=True)
class OwnWheel:
    """``name``: the file's, as installers need it. ``sha256``: of ``content``, in hexadecimal."""

    name: str
    content: bytes
    sha256: str


@cache
def own_wheel() -> OwnWheel:
    """The wheel of this version. Raises `NotFound` when this program was never installed, so has no metadata."""
    try:
        installed = distribution(DISTRIBUTION)
    except PackageNotFoundError as error:
        raise NotFound("program: this portal runs without having been installed") from error
    info = f"{DISTRIBUTION}-{stationmaster.__version__}.dist-info"
    files = dict(_code()) | dict(_metadata(installed, info))
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    content = _packed(files)
    name = f"{DISTRIBUTION}-{stationmaster.__version__}-{_TAG}.whl"
    return OwnWheel(name, content, hashlib.sha256(content).hexdigest())


def _code() -> Iterator[tuple[str, bytes]]:
    """What is imported, and the folders that are no packages, where an installed program looks for them."""
    site = Path(stationmaster.__file__).resolve().parent.parent
    for package in PACKAGES:
        for path in _files(site / package):
            name = path.relative_to(site).as_posix()
            if not name.startswith("stationmaster/share/"):  # in a checkout: left there by an installation
                yield name, path.read_bytes()
    for name in get_args(Folder):
        for path in _files(folder(name)):
            yield f"stationmaster/share/{name}/{path.relative_to(folder(name)).as_posix()}", path.read_bytes()


def _files(root: Path) -> list[Path]:
    """Without what Python and editors leave behind."""
    found = [root] if root.is_file() else root.rglob("*")
    return [path for path in found if path.is_file() and not _is_litter(path, root)]


def _is_litter(path: Path, root: Path) -> bool:
    parts = path.relative_to(root.parent).parts
    return path.suffix == ".pyc" or any(part == "__pycache__" or part.startswith(".") for part in parts)


def _metadata(installed: Distribution, info: str) -> Iterator[tuple[str, bytes]]:
    # A checkout that was updated without being installed again has its old version there, and its old README: that is
    # left out, so that the same program gives the same wheel however it was installed.
    said = (installed.read_text("METADATA") or "").partition("\n\n")[0] + "\n"
    version = f"Version: {stationmaster.__version__}"
    yield f"{info}/METADATA", re.sub(r"(?m)^Version: .*$", version, said, count=1).encode()
    wheel = ("Wheel-Version: 1.0", f"Generator: {DISTRIBUTION}", "Root-Is-Purelib: true", f"Tag: {_TAG}", "")
    yield f"{info}/WHEEL", "\n".join(wheel).encode()
    yield f"{info}/entry_points.txt", (installed.read_text("entry_points.txt") or "").encode()
    for file in installed.files or []:
        if file.parts[0].endswith(".dist-info") and file.parts[1] == "licenses":
            yield "/".join((info, *file.parts[1:])), file.read_binary()


def _record(files: dict[str, bytes], own_name: str) -> bytes:
    """The wheel's own list of its files. Source: the binary distribution format, RECORD."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    for name in sorted(files):
        digest = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=").decode()
        writer.writerow((name, f"sha256={digest}", len(files[name])))
    writer.writerow((own_name, "", ""))
    return lines.getvalue().encode()


def _packed(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name in sorted(files, key=lambda name: (".dist-info/" in name, name)):
            entry = zipfile.ZipInfo(name, _NO_TIME)
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3
            wheel.writestr(entry, files[name], zipfile.ZIP_DEFLATED)
    return packed.getvalue()
