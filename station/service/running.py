"""The program that works in a home now, whoever started it; and starting one without a service."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time

from station.home import Home
from station.service.order import ServiceOrder
from stationmaster.cli_errors import Refusal
from stationmaster.folder_lock import find_holder

END_LIMIT_S = 90.0  # the running test is ended first, and its instruments are made safe
START_LIMIT_S = 60.0
_LOOK_EVERY_S = 0.1


def find_running(home: Home) -> int | None:
    """The process that holds the home's lock; None when nobody does. Its number is 0 where it is not known."""
    try:
        holder = find_holder(home.lock_file)
    except OSError as error:
        raise Refusal(f"The station's home {home.root} cannot be used: {error.strerror or error}.") from error
    if holder is None:
        return None
    return int(holder) if holder.isdecimal() else 0


def end_running(home: Home) -> bool:
    """Ask the program to end, and wait until it has. False: there was none. Raises `Refusal` when it does not end."""
    process = find_running(home)
    if process is None:
        return False
    if process == 0:
        raise Refusal(f"A station program works in {home.root}, and its number is not known: stop it, then try again.")
    try:
        os.kill(process, signal.SIGTERM)
    except ProcessLookupError:
        pass  # it has just ended
    except PermissionError as error:
        raise Refusal(f"The station program (process {process}) belongs to somebody else: stop it as them.") from error
    deadline = time.monotonic() + END_LIMIT_S
    while find_running(home) is not None:
        if time.monotonic() > deadline:
            raise Refusal(f"The station program (process {process}) did not end within {END_LIMIT_S:.0f} s.")
        time.sleep(_LOOK_EVERY_S)
    return True


def start_in_background(order: ServiceOrder) -> int:
    """Start the program without a service: it ends with the machine. Its process.

    Raises `Refusal` with the last line that it said.
    """
    home = order.home
    home.prepare()
    environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    with home.log_file.open("ab") as log:
        began_at = log.tell()
        process = subprocess.Popen(
            order.words(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    deadline = time.monotonic() + START_LIMIT_S
    while find_running(home) != process.pid:
        if process.poll() is not None:
            with contextlib.suppress(OSError), home.log_file.open(errors="replace") as said:
                said.seek(began_at)
                lines = said.read().strip().splitlines()
                raise Refusal(lines[-1].removeprefix("stationmaster: ") if lines else "The program ended at once.")
            raise Refusal("The program ended at once.")
        if time.monotonic() > deadline:
            raise Refusal(f"The program has not begun to work within {START_LIMIT_S:.0f} s: see {home.log_file}.")
        time.sleep(_LOOK_EVERY_S)
    process.returncode = 0  # it is meant to outlive us: nobody here waits for it
    return process.pid
