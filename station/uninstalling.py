"""Taking the program from a machine, with everything that it brought, and nothing else.

In this order: nothing is removed while there are runs that only this machine has; then the portal is told, with the
credentials; then service, data and program go. Source: contract/station-agent.md §1.4.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from station.credentials import load_credentials, wipe_credentials
from station.home import Home
from station.journal import JournalShelf
from station.outbox import Outbox
from station.outbox_file import OutboxBroken
from station.portal_api import NotOurs, PortalApi, PortalRefused, Unreachable
from station.service.commands import remove_service, stop_program
from stationmaster.cli_errors import Refusal

Say = Callable[[str, bool], None]


def uninstall(home: Home, *, keep_data: bool, force: bool, say: Say) -> None:
    """Remove everything. ``force``: also runs that are not sent yet, which are lost.

    Raises `Refusal` when there are such runs, or when something cannot be stopped or removed.
    """
    if not (keep_data or force):
        _refuse_to_lose_runs(home)
    if stop_program(home):
        say("The station program has stopped.", False)
        if not (keep_data or force):  # it may have ended a test, whose record is not sent yet
            _refuse_to_lose_runs(home)
    _tell_the_portal(home, say)
    if remove_service(home):
        say("The service is removed.", False)
    try:
        _remove_data(home, keep_data=keep_data)
        say(f"Runs and settings are kept in {home.root}" if keep_data else f"{home.root} is removed.", False)
        if (prefix := find_prefix()) is not None:
            _remove_program(prefix)
            say(f"The program in {prefix} is removed.", False)
    except OSError as error:
        raise Refusal(f"{error.filename or home.root} cannot be removed: {error.strerror or error}.") from error


def count_unsent(home: Home) -> int:
    """Runs that the portal does not have: in the queue, or cut off before they came there. Raises `Refusal`."""
    cut_off = {journal.execution_id for journal in JournalShelf(home.journals).unfinished()}
    if not home.outbox_file.exists():
        return len(cut_off)
    try:
        with closing(Outbox(home.outbox_file)) as outbox:
            queued = {record.execution_id for record in outbox.records(with_done=False)}
            return len(queued | {execution_id for execution_id in cut_off if not outbox.knows(execution_id)})
    except (sqlite3.Error, OSError, OutboxBroken) as error:
        raise Refusal(
            f"The outbox {home.outbox_file} cannot be read, so nobody knows whether all runs were sent ({error}): "
            "--force removes it all the same, --keep-data keeps it."
        ) from error


def find_prefix() -> Path | None:
    """The folder in which the installer put the program that runs now; None when somebody else installed it."""
    prefix = Path(sys.prefix).parent
    return prefix if Path(sys.prefix).name.startswith("env.") and (prefix / "installed").is_file() else None


def _refuse_to_lose_runs(home: Home) -> None:
    count = count_unsent(home)
    if count:
        runs = "1 run has" if count == 1 else f"{count} runs have"
        raise Refusal(
            f"{runs} not been sent to the portal yet. Nothing was removed: start the program to send them, "
            "or add --keep-data to keep them here, or --force to give them up."
        )


def _tell_the_portal(home: Home, say: Say) -> None:
    try:
        credentials = load_credentials(home)
    except Refusal:
        credentials = None
    if credentials is None:
        return
    with closing(PortalApi.of(credentials)) as api:
        try:
            api.leave()
        except PortalRefused as refusal:
            if not (refusal.status == 401 and refusal.is_signed):  # else it has revoked this machine already
                say(f"The portal could not be told ({refusal}): revoke the machine on the station's page.", True)
        except (Unreachable, NotOurs) as problem:
            say(f"The portal could not be told ({problem}): revoke the machine on the station's page.", True)
        else:
            say(f'The portal knows that this machine is station "{credentials.station_name}" no more.', False)
    wipe_credentials(home)


def _remove_data(home: Home, *, keep_data: bool) -> None:
    """Only what is ours by name: a home may be a folder with other things in it."""
    if not keep_data:
        for folder in (home.journals, home.runs, home.procedures, home.kiosk_browser):
            _remove_folder(folder)
        for file in _files(home):
            file.unlink(missing_ok=True)
    _remove_folder(home.credentials_folder)
    home.lock_file.unlink(missing_ok=True)
    _remove_if_empty(home.root)
    _remove_if_empty(home.root.parent)


def _files(home: Home) -> Iterator[Path]:
    yield from (home.settings_file, home.linked_file, home.autopilot_file, home.log_file)
    yield from (home.kiosk_key_file, home.operator_file)
    yield from home.root.glob(f"{home.outbox_file.name}*")  # the database's own files, and damaged ones moved aside


def _remove_program(prefix: Path) -> None:
    """This program's own files, last of all: what it still needs is in memory."""
    command = Path((prefix / "installed").read_text("utf-8").strip())  # "." where another program had its name
    with contextlib.suppress(OSError):
        if f"# of the installer: {str(prefix)!r}" in command.read_text("utf-8"):
            command.unlink()
    for link in (prefix / "current", prefix / "current.new", prefix / "installed"):
        link.unlink(missing_ok=True)
    for environment in prefix.glob("env.*"):
        _remove_folder(environment)
    _remove_if_empty(prefix)
    _remove_if_empty(prefix.parent)


def _remove_folder(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()  # somebody put the data elsewhere: that place stays
    elif folder.exists():
        shutil.rmtree(folder)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
