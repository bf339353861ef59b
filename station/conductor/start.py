"""Conducts one declared procedure; started by the station as a program of its own, in the station's interpreter.

Arguments: the numbers of four pipes (see `station.connectors.start`), the procedure's folder, the name of its file,
the folder for attachments, the interpreter for phases and plugs.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
from pathlib import Path
from typing import Any

ORPHAN_LIMIT_S = 15.0  # for teardown and plugs after the station died


def main(arguments: list[str]) -> int:
    """Conduct the procedure named by the arguments."""
    here = Path(__file__).absolute().parent
    sys.path[:] = [path for path in sys.path if Path(path).absolute() != here]
    from station.conductor.conductor import Conductor
    from station.connectors.common.parents import die_with_parent
    from station.connectors.common.wire import Wire
    from station.procedure_file import ProcedureRefused, load

    pipes, folder, entry, attachments, python = arguments
    events_fd, commands_fd, _stdout_fd, _stderr_fd = (int(fd) for fd in pipes.split(","))
    wire = Wire(events_fd, commands_fd)
    wire.emit("ready", python=sys.version.split()[0], executable=sys.executable)
    try:
        loaded = load(Path(folder, entry))
    except ProcedureRefused as refused:
        wire.emit("script_error", error_kind="load_error", error=str(refused), traceback="")
        wire.finish()
        return 1
    conductor = Conductor(wire, loaded.procedure, Path(folder), Path(attachments), python)
    signal.signal(signal.SIGTERM, lambda *_: conductor.take({"type": "stop"}))
    die_with_parent(signal.SIGTERM)

    def take(command: dict[str, Any]) -> None:
        if command["type"] == "station_gone":
            # Nobody would end a run that hangs: this thread of C code does, without needing the interpreter.
            faulthandler.dump_traceback_later(ORPHAN_LIMIT_S, exit=True)
        conductor.take(command)

    wire.listen(take)
    for warning in loaded.warnings:
        wire.emit("log", phase="", attempt=1, level="WARNING", message=f"{entry}:{warning}")
    conductor.run()
    wire.emit("script_end")
    wire.finish()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
