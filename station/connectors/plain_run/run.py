"""Executes a plain script as ``python main.py`` would. The station takes the verdict from the exit status."""

from __future__ import annotations

import atexit
import sys
import traceback
from pathlib import Path

from ..common.reasons import own_frames
from ..common.scripts import execute
from ..common.stage import Stage, Stopped

_INTERRUPTED = 130


def run(pipes: list[int], folder: str, entry: str) -> int:
    """Run the script. Returns its exit status."""
    stage = Stage(pipes, folder)
    # The first to be registered is the last to be called: threads and the script's own handlers come before.
    atexit.register(stage.close)
    try:
        stage.begin_run([], stage.identify("never", {}), is_judged_by_status=True)
        stage.printing.install()
        execute(str(Path(folder, entry)))
    except Stopped:
        return _INTERRUPTED
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        print(leaving.code, file=sys.stderr)
        return 1
    except BaseException as error:  # noqa: BLE001 - the edge between the user's script and the station
        traceback.print_exception(type(error), error, own_frames(error.__traceback__))
        return 1
    return 0
