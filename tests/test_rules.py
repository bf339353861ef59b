"""The rules of the house that a machine can check."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
OURS = ("stationmaster", "portal", "station", "bench_sim")


def test_rooms_import_only_what_they_may():
    words = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-3000:]


def test_nothing_is_loaded_from_another_host():
    for file in [*ROOT.glob("templates/**/*.html"), *ROOT.glob("static/css/**/*.css"), *ROOT.glob("static/js/**/*.js")]:
        text = file.read_text()
        assert not re.search(
            r"""(src|href)=["']https?://|@import\s+url|url\(["']?https?://|from ["']https?://""", text
        ), file


def test_pages_have_no_inline_script_or_style():
    for file in ROOT.glob("templates/**/*.html"):
        text = file.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|hx-on", text), file


def test_changes_of_the_commands_are_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    for command in (
        "make demo",
        "make install",
        "make test",
        "stationmaster portal serve",
        "station enrol",
        "station run",
    ):
        assert command in readme
