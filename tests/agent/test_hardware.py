from __future__ import annotations

import re
import socket
from pathlib import Path

from station.hardware import read_hardware, read_load
from stationmaster import __version__


def test_the_machine_is_described() -> None:
    hardware = read_hardware()

    assert hardware.hostname == socket.gethostname()
    assert hardware.program_version == __version__
    assert re.fullmatch(r"[a-z]+_[a-z0-9_]+", hardware.platform)
    assert hardware.mac_address is None or re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", hardware.mac_address)
    assert hardware.memory_mb is not None
    assert hardware.memory_mb > 100


def test_the_load_is_of_this_disk(tmp_path: Path) -> None:
    load = read_load(tmp_path)

    assert 0 <= load.cpu_percent <= 100
    assert load.memory_used_mb > 0
    assert load.disk_free_mb is not None
    assert read_load(tmp_path / "gone").disk_free_mb is None
