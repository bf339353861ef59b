"""What is installed from a wheel: the programs and everything they need beside Python modules."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from portal.own_wheel import own_wheel

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


def test_the_portal_hands_out_the_same_wheel_from_a_checkout_and_from_an_installation(unpacked, tmp_path):
    own = own_wheel()
    words = [sys.executable, "-c", "from portal.own_wheel import own_wheel as w; print(w.__module__, w().sha256)"]
    environment = {"PYTHONPATH": str(unpacked), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    said = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    with zipfile.ZipFile(io.BytesIO(own.content)) as wheel:
        for name in wheel.namelist():
            ours, built_one = wheel.read(name), (unpacked / name).read_bytes()
            if name.endswith(".dist-info/METADATA"):
                assert ours.rstrip() == built_one.partition(b"\n\n")[0]
            elif not name.endswith((".dist-info/RECORD", ".dist-info/WHEEL")):
                assert ours == built_one, name
        built = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
        assert {name for name in built if "__pycache__" not in name} == set(wheel.namelist())
    assert said.split() == ["portal.own_wheel", own.sha256]


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
