"""systemd: a unit of the person who installs it, or of the machine when that is root.

A hung program is found by its watchdog: see `station.notify`. Source: systemd.service(5), systemd.exec(5).
"""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from station.service.order import ServiceOrder, call, succeeds
from stationmaster.cli_errors import Refusal

UNIT = """\
[Unit]
Description=Stationmaster station program
Wants=network-online.target
After=network-online.target
# It is tried again for ever: a bench that was left alone comes back by itself.
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={command}
Restart=always
RestartSec=5
# 0: somebody stopped it. 75: the portal ended it for good.
RestartPreventExitStatus=0 75
WatchdogSec=60
# To the program alone: it ends the running test itself, and makes the instruments safe.
KillMode=mixed
TimeoutStopSec=90

[Install]
WantedBy={target}
"""


class Systemd:
    """The service in systemd. ``folder``: where its units are."""

    def __init__(self, order: ServiceOrder, folder: Path | None = None) -> None:
        self._order = order
        self._folder = folder or _unit_folder(order)
        self._systemctl = ("systemctl",) if order.is_root else ("systemctl", "--user")
        self._unit = f"{order.name}.service"

    @staticmethod
    def is_there(order: ServiceOrder) -> bool:
        """Whether systemd runs here and speaks to us. The program alone may be there in a container."""
        if not Path("/run/systemd/system").is_dir():
            return False
        return succeeds("systemctl", *(() if order.is_root else ("--user",)), "show-environment")

    def is_installed(self) -> bool:
        """See `ServiceManager`."""
        return self._path.exists()

    def install(self) -> str:
        """See `ServiceManager`. A person's service runs while they are away only if they may linger."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            draft = self._path.with_suffix(".new")
            draft.write_text(unit_text(self._order), "utf-8")
            draft.replace(self._path)
        except OSError as error:
            raise Refusal(f"The service {self._path} cannot be written: {error.strerror or error}.") from error
        call(*self._systemctl, "daemon-reload")
        call(*self._systemctl, "enable", self._unit)
        said = f"The service {self._unit} is installed."
        if not self._order.is_root and not succeeds("loginctl", "enable-linger"):
            linger = f"sudo loginctl enable-linger {getpass.getuser()}"
            said += f" It starts when you sign in; to have it start with the machine: {linger}"
        return said

    def start(self) -> None:
        """See `ServiceManager`. Ends when the program says that it is ready."""
        call(*self._systemctl, "restart", self._unit)

    def stop(self) -> None:
        """See `ServiceManager`."""
        call(*self._systemctl, "stop", self._unit)

    def status(self) -> str:
        """See `ServiceManager`."""
        shown = call(*self._systemctl, "show", "--property=ActiveState,StatusText", self._unit, may_fail=True)
        said = dict(line.partition("=")[::2] for line in shown.splitlines())
        text = said.get("StatusText")
        return said.get("ActiveState", "unknown") + (f" ({text})" if text else "")

    def uninstall(self) -> None:
        """See `ServiceManager`."""
        call(*self._systemctl, "disable", "--now", self._unit)
        self._path.unlink(missing_ok=True)
        call(*self._systemctl, "daemon-reload")

    @property
    def _path(self) -> Path:
        return self._folder / self._unit


def unit_text(order: ServiceOrder) -> str:
    """The unit file."""
    return UNIT.format(
        command=" ".join(map(quoted, order.words())),
        target="multi-user.target" if order.is_root else "default.target",
    )


def quoted(word: str) -> str:
    """One word of a command line, as systemd reads it: quotes, specifiers (%) and variables ($) are text."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"'


def _unit_folder(order: ServiceOrder) -> Path:
    if order.is_root:
        return Path("/etc/systemd/system")
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
