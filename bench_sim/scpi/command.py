"""A command as a row of a table, and the table of all commands of an instrument."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bench_sim.scpi.errors import ScpiError
from bench_sim.scpi.header import match_header, parse_pattern
from bench_sim.scpi.message import Unit
from bench_sim.scpi.parameters import Parameter, parse_all

Handler = Callable[..., Any]


@dataclass(frozen=True)
class Command:
    """One header of an instrument's manual.

    header: as the manual prints it, ``[SOURce:]VOLTage[:LEVel]``; numeric suffixes as ``ISUMmary<1:3>``.
    write, takes: what the plain form does, and its parameters. None: there is no plain form.
    query, asks: the same for the form with a question mark; the handler returns the answer as text.

    A handler is called with the instrument, then the numeric suffixes, then the parameters' values in order.
    """

    header: str
    write: Handler | None = None
    takes: tuple[Parameter, ...] = ()
    query: Handler | None = None
    asks: tuple[Parameter, ...] = ()


@dataclass(frozen=True)
class Found:
    """A command with the numeric suffixes it was called by, and the path for the next unit of the message."""

    command: Command
    suffixes: tuple[int, ...]
    path: tuple[str, ...]

    def execute(self, instrument: object, unit: Unit) -> str | None:
        """Do it. Returns the answer of a query, else None. Raises `ScpiError`, `NoAnswer`."""
        command = self.command
        handler, parameters = (command.query, command.asks) if unit.is_query else (command.write, command.takes)
        if handler is None:
            raise ScpiError(-113)
        answer = handler(instrument, *self.suffixes, *parse_all(parameters, unit.parameters))
        return str(answer) if unit.is_query else None


class CommandTable:
    """All commands of one instrument model. Finds the command that a message unit means."""

    def __init__(self, commands: Iterable[Command]) -> None:
        self._commands = tuple(commands)
        self._common = {c.header.upper(): c for c in self._commands if c.header.startswith("*")}
        self._patterns = tuple((parse_pattern(c.header), c) for c in self._commands if not c.header.startswith("*"))
        self._find = lru_cache(maxsize=2_000)(self._search)

    @property
    def commands(self) -> tuple[Command, ...]:
        """All of them, as listed."""
        return self._commands

    def find(self, unit: Unit, path: tuple[str, ...]) -> Found:
        """What a unit means, given the path that the unit before it left. Raises `ScpiError` (-113, -114).

        The path is the words written above the last one; a common command leaves it alone (SCPI-1999, 6.2.4).
        """
        if unit.is_common:
            return Found(self._common_command(unit), (), path)
        words = tuple(unit.header.removeprefix(":").upper().split(":"))
        words = words if unit.header.startswith(":") else path + words
        command, suffixes = self._find(words, unit.is_query)
        return Found(command, suffixes, words[:-1])

    def _common_command(self, unit: Unit) -> Command:
        command = self._common.get(unit.header.upper())
        if command is None or (command.query if unit.is_query else command.write) is None:
            raise ScpiError(-113)
        return command

    def _search(self, words: tuple[str, ...], is_query: bool) -> tuple[Command, tuple[int, ...]]:
        refusal = ScpiError(-113)
        for pattern, command in self._patterns:
            if (command.query if is_query else command.write) is None:
                continue
            try:
                suffixes = match_header(pattern, words)
            except ScpiError as error:
                refusal = error  # another pattern may still allow the suffix
                continue
            if suffixes is not None:
                return command, suffixes
        raise refusal
