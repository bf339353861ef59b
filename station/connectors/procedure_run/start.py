"""Starts a worker or a plug host: a program of the procedure's own interpreter.

Arguments: the numbers of four pipes (for messages, for commands, the reading ends of this process's own stdout and
stderr), ``worker`` or ``plug``, the procedure's folder, and for a worker the folder for attachments.

In this interpreter the distribution is not importable, and its folders must not be on the search path: the two packages
that are needed here are loaded by their files, under names that no procedure uses.
"""

from __future__ import annotations

import importlib.util
import signal
import sys
from pathlib import Path

HERE = Path(__file__).absolute().parent


def main(arguments: list[str]) -> int:
    """Begin to work, see the module's docstring."""
    pipes, kind, folder, *more = arguments
    # Python put this program's folder in front of the search path; the procedure's own belongs there.
    sys.path[:] = [folder] + [path for path in sys.path if Path(path).absolute() != HERE]
    load_package("stationmaster_shared", HERE.parent / "openhtf_run")  # of which nothing here needs OpenHTF
    load_package("stationmaster_phase", HERE)
    from stationmaster_phase import parents, plug_host, worker

    fds = [int(fd) for fd in pipes.split(",")]
    # A plug makes its instrument safe when it is left alone; a phase has nothing to lose.
    parents.die_with_parent(signal.SIGTERM if kind == "plug" else signal.SIGKILL)
    program = plug_host.PlugHost(fds, folder) if kind == "plug" else worker.Worker(fds, folder, *more)
    status: int = program.run()
    return status


def load_package(name: str, folder: Path) -> None:
    """The modules of a folder, as a package of that name."""
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} is not a package")
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
