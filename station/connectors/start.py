"""Starts one of the connectors: a program of the procedure's own interpreter.

Arguments: the numbers of four pipes, with commas between them (for messages, for commands, the reading ends of this
process's own stdout and stderr), which one, the procedure's folder, and what else that one wants. Exit status: the
procedure's own.

In that interpreter this distribution is not importable, and its folders must not be on the search path: Python put the
folder of this program in front of it, where the procedure's own belongs, as for ``python main.py``. So the modules
beside this file are loaded as a package of a name that no procedure uses.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

PACKAGE = "stationmaster_connectors"


def main(arguments: list[str]) -> int:
    """Run what the arguments name, see the module's docstring."""
    pipes, kind, folder, *more = arguments
    here = Path(__file__).absolute().parent
    sys.path[:] = [folder] + [path for path in sys.path if Path(path).absolute() != here]
    _load(here)
    connector = importlib.import_module(f"{PACKAGE}.{kind}.run")
    status: int = connector.run([int(fd) for fd in pipes.split(",")], folder, *more)
    return status


def _load(here: Path) -> None:
    spec = importlib.util.spec_from_file_location(PACKAGE, here / "__init__.py", submodule_search_locations=[str(here)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{here} is not a package")
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
