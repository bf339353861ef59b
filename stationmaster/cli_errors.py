"""How every command refuses: one line on stderr that says what is wrong and what to do, and an exit code."""

from __future__ import annotations

import sys
from typing import IO, Any

import click


class Refusal(click.ClickException):
    """Ends the command with one line on stderr. ``exit_code``: 1 unless the contract names another."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click declares it for the class; ours differ by refusal

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        click.echo(f"stationmaster: {self.format_message()}", file=file or sys.stderr)
