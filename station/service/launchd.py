"""launchd on macOS: an agent of the person who installs it, or a daemon of the machine when that is root.

launchd knows only success and failure, so the program says 0 where it would say 75; it has no watchdog either.
Source: launchd.plist(5), launchctl(1).
"""

from __future__ import annotations

import os
import plistlib
from pathlib import Path

from station.service.order import ServiceOrder, call, succeeds
from stationmaster.cli_errors import Refusal

EXIT_LIMIT_S = 90  # for the running test's teardown


class Launchd:
    """The service in launchd. ``folder``: where its property lists are."""

    def __init__(self, order: ServiceOrder, folder: Path | None = None) -> None:
        self._order = order
        usual = Path("/Library/LaunchDaemons") if order.is_root else Path.home() / "Library" / "LaunchAgents"
        self._path = (folder or usual) / f"{_label(order)}.plist"
        self._domain = "system" if order.is_root else f"gui/{os.getuid()}"
        self._target = f"{self._domain}/{_label(order)}"

    def is_installed(self) -> bool:
        """See `ServiceManager`."""
        return self._path.exists()

    def install(self) -> str:
        """See `ServiceManager`."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._path.with_suffix(".new")
            draft.write_bytes(property_list(self._order))
            draft.replace(self._path)
        except OSError as error:
            raise Refusal(f"The service {self._path} cannot be written: {error.strerror or error}.") from error
        call("launchctl", "enable", self._target)
        return f"The service {_label(self._order)} is installed."

    def start(self) -> None:
        """See `ServiceManager`."""
        self.stop()
        call("launchctl", "bootstrap", self._domain, str(self._path))

    def stop(self) -> None:
        """See `ServiceManager`. It is loaded again at the next sign-in, or start of the machine."""
        if succeeds("launchctl", "print", self._target):
            call("launchctl", "bootout", self._target)

    def status(self) -> str:
        """See `ServiceManager`."""
        return "loaded" if succeeds("launchctl", "print", self._target) else "not loaded"

    def uninstall(self) -> None:
        """See `ServiceManager`."""
        self.stop()
        self._path.unlink(missing_ok=True)


def property_list(order: ServiceOrder) -> bytes:
    """The service as launchd reads it."""
    return plistlib.dumps(
        {
            "Label": _label(order),
            "ProgramArguments": list(order.words("--ok-when-parted")),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 10,
            "ExitTimeOut": EXIT_LIMIT_S,
            "ProcessType": "Interactive",  # not slowed down: it measures
            "StandardOutPath": str(order.home.log_file),
            "StandardErrorPath": str(order.home.log_file),
        }
    )


def _label(order: ServiceOrder) -> str:
    return f"org.stationmaster.{order.name.removeprefix('stationmaster-')}"
