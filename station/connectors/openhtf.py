"""Runs one OpenHTF script, unmodified, as ``__main__``; started by the station as a program of its own.

Arguments: the numbers of four pipes, with commas between them (for events, for commands, the reading ends of this
process's own stdout and stderr), the procedure's folder, the name of its entry file, the folder for attachments. Exit
status: the script's own.

Python puts the folder of a program in front of its search path. From there ``import openhtf`` would find this very
file, so the first thing to do is to put the procedure's folder in its place, as for ``python main.py``.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

PARTS = "stationmaster_openhtf_run"  # a name that no procedure uses


def main(arguments: list[str]) -> int:
    """Run the script named by the arguments, see the module's docstring."""
    pipes, folder, entry, attachments = arguments
    here = Path(__file__).absolute().parent
    sys.path[:] = [folder] + [path for path in sys.path if Path(path).absolute() != here]
    _load_parts(here / "openhtf_run")
    from stationmaster_openhtf_run.run import run  # type: ignore[import-not-found]

    status: int = run([int(fd) for fd in pipes.split(",")], folder, entry, attachments)
    return status


def _load_parts(folder: Path) -> ModuleType:
    """Make the modules beside this file importable without a search path of their own."""
    spec = importlib.util.spec_from_file_location(
        PARTS, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} is not a package")
    package = importlib.util.module_from_spec(spec)
    sys.modules[PARTS] = package
    spec.loader.exec_module(package)
    return package


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
