"""A station's home: the folder with all that one station program keeps, and the lock that keeps a second one out.

::

    station.json            settings (bench, autopilot)
    credentials/            0700: station.json (0600), what proves to the portal which station this is
    journals/  runs/        what happened in each execution, and the files its phases attached
    outbox.db               finished records on their way to the portal
    procedures/             procedures of this bench, one folder per identifier
    linked.json             the procedures that the portal linked last: the station also works without the portal
    kiosk.key  operator     who may use the kiosk (0600), and who said there to be at the bench
    station.log             what the program says, where nobody else keeps that
    lock                    held while a station program runs here
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from stationmaster.cli_errors import Refusal
from stationmaster.folder_lock import FolderLock, Held

LOOKED_AT_S = 0.05  # longer than a look at the lock takes
HOME_VARIABLE = "STATIONMASTER_STATION_HOME"


def default_home() -> Path:
    """The home of this person's only station: in the platform's folder for a program's data."""
    if sys.platform == "darwin":
        data = Path.home() / "Library" / "Application Support"
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "stationmaster" / "station"


@dataclass(frozen=True)
class Home:
    """The paths of one home. Nothing is created before `prepare`."""

    root: Path

    @property
    def settings_file(self) -> Path:
        """See `station.settings`."""
        return self.root / "station.json"

    @property
    def credentials_folder(self) -> Path:
        """Readable by its owner only."""
        return self.root / "credentials"

    @property
    def credentials_file(self) -> Path:
        """See `station.credentials`."""
        return self.credentials_folder / "station.json"

    @property
    def journals(self) -> Path:
        """See `station.journal`."""
        return self.root / "journals"

    @property
    def runs(self) -> Path:
        """Working folders of executions, with the files that phases attached."""
        return self.root / "runs"

    @property
    def outbox_file(self) -> Path:
        """See `station.outbox`."""
        return self.root / "outbox.db"

    @property
    def procedures(self) -> Path:
        """Procedures that were put on this bench by hand."""
        return self.root / "procedures"

    @property
    def linked_file(self) -> Path:
        """See `station.procedure_folders`."""
        return self.root / "linked.json"

    @property
    def autopilot_file(self) -> Path:
        """Number of the autopilot's next unit."""
        return self.root / "autopilot.json"

    @property
    def kiosk_key_file(self) -> Path:
        """See `station.kiosk.access`."""
        return self.root / "kiosk.key"

    @property
    def operator_file(self) -> Path:
        """See `station.kiosk.operator`."""
        return self.root / "operator"

    @property
    def kiosk_browser(self) -> Path:
        """The profile of the browser that `station kiosk` opens."""
        return self.root / "kiosk-browser"

    @property
    def log_file(self) -> Path:
        """What the program says where it was started in the background, or by launchd."""
        return self.root / "station.log"

    @property
    def lock_file(self) -> Path:
        """See `InstanceLock`."""
        return self.root / "lock"

    def prepare(self) -> None:
        """Create the folders, 0700. Raises `Refusal` when the place cannot be written.

        A root that exists already keeps its mode: it may be a folder that people share on purpose.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.credentials_folder, self.journals, self.runs, self.procedures):
                folder.mkdir(mode=0o700, exist_ok=True)
            self.credentials_folder.chmod(0o700)
            write_privately(self.root / ".writable", "")
            (self.root / ".writable").unlink()
        except OSError as error:
            raise Refusal(f"The station's home {self.root} cannot be written: {error.strerror or error}.") from error


class InstanceLock:
    """Held by the one program that may work in a home. Raises `Refusal` on entering when another holds it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = FolderLock(home.lock_file)

    def __enter__(self) -> InstanceLock:
        try:
            try:
                self._lock.acquire()
            except Held:
                time.sleep(LOOKED_AT_S)  # `station service status` may just be looking
                self._lock.acquire()
        except Held as held:
            raise Refusal(
                f"Another station program (process {held.holder}) already runs in this home: {self._home.root}. "
                "Stop it, or choose another home with --home."
            ) from held
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


def write_privately(path: Path, text: str) -> None:
    """Replace a file, mode 0600, whole or not at all, also through a power cut. Raises OSError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
