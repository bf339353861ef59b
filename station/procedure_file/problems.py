"""What is wrong with a procedure file: each problem with its place and, where one is near, the word that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from station.procedure_file.models import Procedure

Path = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Problem:
    """One problem. ``line`` and ``column`` count from 1. ``path``: where it is, as in ``main[2].timeout``."""

    line: int
    column: int
    path: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        where = f"{self.line}:{self.column}: {self.path}: " if self.path else f"{self.line}:{self.column}: "
        return where + self.message + (f" {self.hint}" if self.hint else "")


@dataclass(frozen=True)
class Loaded:
    """A procedure, and what in its file has no effect or another one than its writer may think."""

    procedure: Procedure
    warnings: tuple[Problem, ...] = ()


class ProcedureRefused(Exception):
    """The file is no procedure. ``problems``: all of them, in the order of their lines; at least one."""

    def __init__(self, file_name: str, problems: Iterable[Problem]) -> None:
        self.file_name = file_name
        self.problems = tuple(sorted(set(problems)))
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = (f"  {file_name}:{problem}" for problem in self.problems)
        super().__init__("\n".join([f"{file_name} has {count}:", *lines]))


def in_words(path: Path) -> str:
    """A path as people read it: ``main[2].measurements[0].name``, counted from 0 like the tools that they use."""
    words = ""
    for step in path:
        words += f"[{step}]" if isinstance(step, int) else f".{step}" if words else step
    return words


def meant(word: str, known: Iterable[str]) -> str | None:
    """A question that names the known word which is near enough; None where none is."""
    near = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"Did you mean “{near[0]}”?" if near else None
