"""What is installed from a wheel: the programs and everything they need beside Python modules."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_holds_what_is_no_module(unpacked):
    share = unpacked / "stationmaster" / "share"

    for name in (
        "templates/operator/page.html",
        "templates/base.html",
        "static/vendor/htmx-4.0.1.min.js",
        "static/css/tokens.css",
        "migrations/env.py",
        "procedures/pcba_functional/main.py",
    ):
        assert (share / name).is_file(), name
    assert (unpacked / "bench_sim" / "benches" / "pcba.yaml").is_file()
    assert not (unpacked / "tests").exists()


def test_the_commands_work_from_the_wheel(unpacked, tmp_path):
    """Not from the checkout: the wheel comes first on the path, and the working directory is elsewhere."""
    words = [sys.executable, "-c", "from stationmaster.cli import main; main()"]
    environment = {"PYTHONPATH": str(unpacked), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}

    shown = subprocess.run(
        [*words, "bench", "ls"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    made = subprocess.run(
        [*words, "portal", "station", "create", "Bench 1", "--data-dir", str(tmp_path / "data")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "pcba" in shown.stdout, shown.stderr
    assert len(made.stdout.strip()) == 36, made.stderr
