"""What the station says no to, in one sentence that is shown to the person who asked."""

from __future__ import annotations


class Refused(Exception):
    """A command was not carried out, and nothing changed. ``field`` names the field of a form that is to blame."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
