"""The pieces that workers and plug hosts share with the OpenHTF connector, loaded by their files.

In the procedure's interpreter this distribution is not importable, and its folder must not be on the search path.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

_SHARED = "stationmaster_shared"


def load_shared() -> Any:
    """The package of the OpenHTF connector, whose `wire`, `output`, `reasons` and `values` need no OpenHTF."""
    if _SHARED not in sys.modules:
        folder = Path(__file__).absolute().parent.parent / "openhtf_run"
        spec = importlib.util.spec_from_file_location(
            _SHARED, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        if spec is None or spec.loader is None:
            raise ImportError(f"{folder} is not a package")
        package = importlib.util.module_from_spec(spec)
        sys.modules[_SHARED] = package
        spec.loader.exec_module(package)
    for name in ("wire", "output", "reasons", "values"):
        importlib.import_module(f"{_SHARED}.{name}")
    return sys.modules[_SHARED]


def die_with_parent(signal_number: int) -> None:
    """On Linux: let this process get the signal when the thread that started it ends."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(1, signal_number)  # PR_SET_PDEATHSIG
