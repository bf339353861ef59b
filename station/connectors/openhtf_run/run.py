"""Executes the entry file as ``python main.py`` would, and tells the station how that ended."""

from __future__ import annotations

import faulthandler
import signal
import sys
from pathlib import Path
from typing import Any

from ..common import reasons
from ..common.output import LoosePipes, Printing
from ..common.parents import die_with_parent
from ..common.scripts import execute
from ..common.wire import Wire, flush_before_hard_exit
from .session import Session


def run(pipes: list[int], folder: str, entry: str, attachments: str) -> int:
    """Run the script. Returns its exit status; whatever happens is told on the events pipe.

    ``pipes``: for events, for commands, and the reading ends of this process's own stdout and stderr.
    """
    faulthandler.enable()
    events_fd, commands_fd, stdout_fd, stderr_fd = pipes
    wire = Wire(events_fd, commands_fd)
    wire.emit("ready", python=sys.version.split()[0], executable=sys.executable)
    session = Session(wire, folder, attachments)
    printing = Printing(wire, session.watch, folder)
    loose = LoosePipes(wire, session.watch, stdout_fd, stderr_fd)
    session.watch.before_boundary = loose.drain
    _end_with_the_station(session)
    flush_before_hard_exit(wire)
    wire.listen(session.take)
    try:
        return _run_script(wire, session, printing, folder, entry)
    finally:
        printing.put_back()
        loose.drain()
        wire.emit("script_end")
        wire.finish()


def _run_script(wire: Wire, session: Session, printing: Printing, folder: str, entry: str) -> int:
    try:
        session.install()
    except ImportError as error:
        kind, words = _missing_framework(error)
        wire.emit("script_error", error_kind=kind, error=words, traceback=reasons.traceback_in_words(error))
        return 1
    # After OpenHTF's import: colorama, which comes with it, wraps the streams that it finds.
    printing.install()
    try:
        _disarm_portal_client(folder)
        execute(str(Path(folder, entry)))
    except SystemExit as leaving:
        return _leave(wire, session, leaving)
    except BaseException as error:  # noqa: BLE001 - the edge between the user's script and the station
        words = reasons.exception_in_words(error, folder)
        what = "The script failed" if session.has_executed else "The script could not be loaded"
        wire.emit(
            "script_error",
            error_kind="subprocess_crash" if session.has_executed else "load_error",
            error=f"{what}: {words}",
            traceback=reasons.traceback_in_words(error),
        )
        return 1
    return 0


def _leave(wire: Wire, session: Session, leaving: SystemExit) -> int:
    """The exit status that the script asked for; a text goes to the person, as on a console."""
    if leaving.code is None or isinstance(leaving.code, int):
        status = int(leaving.code or 0)
        words = f"The script ended with exit status {status} before it executed a test."
    else:
        status, words = 1, f"The script ended before it executed a test: {leaving.code}"
    if not session.has_executed and status:
        wire.emit("script_error", error_kind="load_error", error=words, traceback="")
    return status


def _missing_framework(error: ImportError) -> tuple[str, str]:
    if isinstance(error, ModuleNotFoundError) and error.name == "openhtf":
        install = "pip install openhtf"
        return "env_error", (f"This procedure needs OpenHTF, which is not installed for {sys.executable}: {install}")
    return "env_error", f"OpenHTF cannot be used with {sys.executable}: {error}"


def _end_with_the_station(session: Session) -> None:
    """SIGTERM stops the test and makes instruments safe; so does, on Linux, the death of the station."""
    signal.signal(signal.SIGTERM, lambda *_: session.stop())
    die_with_parent(signal.SIGTERM)


def _disarm_portal_client(folder: str) -> None:
    """Make the portal's own OpenHTF helpers do nothing in a script that uses them: the station uploads the run.

    Looked for in the procedure's own files first, because importing that client takes a second.
    """
    if not any(b"tofupilot" in path.read_bytes() for path in Path(folder).glob("*.py")):
        return
    try:
        from tofupilot import openhtf as client  # type: ignore[import-not-found]
    except Exception:  # noqa: BLE001 - not installed, or broken: the script's own import will say so
        return

    class Nothing:
        """In place of a callback, or of a context around a test."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            """Accept what the client accepts."""

        def __call__(self, *args: Any, **kwargs: Any) -> None:
            """Upload nothing."""

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *args: object) -> None:
            """Nothing to close."""

    for name in ("upload", "TofuPilot"):
        if hasattr(client, name):
            setattr(client, name, Nothing)
