"""What the machine is, and how busy it is.

Source: contract/station-agent.md §3, with its gap closed: the free space is that of the home's disk, not the sum of
all disks, because a full home is what stops a station.
"""

from __future__ import annotations

import os
import platform
import socket
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import psutil

from station.protocol import Hardware
from stationmaster import __version__

MIB = 1024 * 1024
MULTICAST_BIT = 1 << 40  # set in an address that uuid.getnode() made up (RFC 9562 §6.10)


@dataclass(frozen=True)
class Load:
    """How busy the machine is now."""

    cpu_percent: float
    memory_used_mb: int
    disk_free_mb: int | None


def read_hardware() -> Hardware:
    """The facts that are sent with each greeting."""
    return Hardware(
        hostname=socket.gethostname(),
        os=os_name(),
        platform=platform_name(),
        program_version=__version__,
        mac_address=mac_address(),
        python_version=platform.python_version(),
        cpu_count=psutil.cpu_count(),
        memory_mb=psutil.virtual_memory().total // MIB,
        run_mode="root_system" if os.geteuid() == 0 else "user",
    )


def read_load(folder: Path) -> Load:
    """The load since the last call, and the free space of the disk that holds the folder (None: not readable)."""
    memory = psutil.virtual_memory()
    try:
        disk_free_mb = psutil.disk_usage(str(folder)).free // MIB
    except OSError:
        disk_free_mb = None
    return Load(
        cpu_percent=psutil.cpu_percent(interval=None),
        memory_used_mb=(memory.total - memory.available) // MIB,
        disk_free_mb=disk_free_mb,
    )


def os_name() -> str:
    """Name and version, such as ``Debian GNU/Linux 12 (bookworm)``."""
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def platform_name() -> str:
    """``<os>_<arch>``, such as ``linux_x86_64``."""
    return f"{platform.system().lower()}_{platform.machine().lower()}"


def mac_address() -> str | None:
    """The address of a network interface; None when the machine has none."""
    node = uuid.getnode()
    if node & MULTICAST_BIT:
        return None
    return ":".join(f"{node:012x}"[i : i + 2] for i in range(0, 12, 2))
