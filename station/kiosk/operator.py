"""Who is at the bench: a name that somebody typed or scanned at the kiosk, kept until it is changed."""

from __future__ import annotations

import contextlib

import structlog

from station.home import Home, write_privately

LONGEST_NAME = 100

log = structlog.get_logger(__name__)


class BenchOperator:
    """The name, also over restarts of the program."""

    def __init__(self, home: Home) -> None:
        self._file = home.operator_file
        self._name = self._load()

    @property
    def name(self) -> str | None:
        """Who is here; None when nobody has said so."""
        return self._name

    def change(self, text: str) -> None:
        """Somebody else is here; an empty text: nobody is."""
        self._name = _cleaned(text)
        try:
            if self._name is None:
                self._file.unlink(missing_ok=True)
            else:
                write_privately(self._file, self._name + "\n")
        except OSError:
            log.exception("operator_not_kept")  # holds until the program ends

    def _load(self) -> str | None:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return _cleaned(self._file.read_text("utf-8"))
        return None


def _cleaned(text: str) -> str | None:
    """On one line, without what a scanner adds, and no longer than a name is."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(shown.split())[:LONGEST_NAME].strip() or None
