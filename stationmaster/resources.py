"""Where the files that are no Python modules are: in the checkout's root, or inside the installed wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Folder = Literal["templates", "static", "migrations", "procedures"]


def folder(name: Folder) -> Path:
    """The folder of that name. Raises FileNotFoundError when the installation is incomplete."""
    here = Path(__file__).resolve().parent
    for root in (here / "share", here.parent):
        if (root / name).is_dir():
            return root / name
    raise FileNotFoundError(f"this installation of Stationmaster has no folder {name}: install it again")
