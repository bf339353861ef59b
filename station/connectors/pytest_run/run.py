"""Runs pytest in the procedure's folder, as ``python -m pytest`` would, and tells the station how that went."""

from __future__ import annotations

import json
import shutil
import tempfile
from typing import Any

from ..common.log_lines import LogLines
from ..common.missing import missing_in_words
from ..common.reasons import exception_in_words
from ..common.stage import ERROR_STATUS, Stage


def run(pipes: list[int], folder: str, entry: str, identification: str) -> int:
    """``entry``: the one file to run, else empty; ``identification``: JSON with ``mode`` and ``unit``."""
    stage = Stage(pipes, folder)
    return stage.carry_out(lambda: _session(stage, entry, **json.loads(identification)))


def _session(stage: Stage, entry: str, mode: str, unit: dict[str, Any]) -> tuple[str, int, str | None]:
    try:
        import pytest

        from .plugin import Plugin
    except ImportError as error:
        words = missing_in_words("pytest", error)
        stage.begin_run([], {})
        stage.log("ERROR", words)
        return "ERROR", ERROR_STATUS, words
    LogLines(stage).install()
    plugin = Plugin(stage, mode, unit)
    cache = tempfile.mkdtemp(prefix="stationmaster-pytest-")
    try:
        status = int(pytest.main(_arguments(entry, cache), plugins=[plugin]))
    except Exception as error:  # noqa: BLE001 - of a plugin, or of a warning that the project makes an error
        plugin.findings.internal_error = exception_in_words(error, stage.folder)
        status = ERROR_STATUS
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    verdict = plugin.findings.verdict(status, stage.printing.last_words)
    if not plugin.has_begun and not stage.stop_asked:
        plugin.begin({})
        stage.log("ERROR", verdict[2] or "")
    return verdict


def _arguments(entry: str, cache: str) -> list[str]:
    """After those of the project's own configuration, which they overrule."""
    arguments = ["--capture=no", "-o", f"cache_dir={cache}"]
    return [*arguments, entry] if entry else arguments
