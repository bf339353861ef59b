"""Cutting program messages into units, and units into header and parameters.

Separators inside quoted strings, expressions in parentheses and ``#`` blocks do not count. Nothing here knows any
command. Source: IEEE 488.2, 7.3 and 7.7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench_sim.scpi.errors import ScpiError

LONGEST_MNEMONIC = 12


@dataclass(frozen=True)
class Unit:
    """One program message unit. ``header`` without its question mark; ``parameters`` as they were written."""

    header: str
    is_query: bool
    parameters: tuple[str, ...]

    @property
    def is_common(self) -> bool:
        """True for IEEE 488.2 common commands, such as ``*RST``."""
        return self.header.startswith("*")


def split_units(message: str) -> list[str]:
    """The units of one message, without empty ones at its ends. Raises `ScpiError` for an unclosed string."""
    return [unit for unit in split(message, ";") if unit.strip()]


def parse_unit(text: str) -> Unit:
    """Header and parameters of one unit. Raises `ScpiError` with a command error."""
    text = text.strip()
    end = next((i for i, character in enumerate(text) if character.isspace()), len(text))
    header, rest = text[:end], text[end:].strip()
    query = header.endswith("?")
    bare = header[:-1] if query else header
    _check_header(bare)
    parameters = tuple(part.strip() for part in split(rest, ",")) if rest else ()
    if any(not part for part in parameters):
        raise ScpiError(-102)
    return Unit(bare, query, parameters)


def split(text: str, separator: str) -> list[str]:
    """Cut at each separator that stands outside strings, parentheses and blocks. Raises -151, -161, -171."""
    parts, start, i, depth = [], 0, 0, 0
    while i < len(text):
        character = text[i]
        if character in "\"'":
            i = _end_of_string(text, i)
        elif character == "#" and text[i + 1 : i + 2].isdigit():
            i = _end_of_block(text, i)
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth < 0:
                raise ScpiError(-171)
        elif character == separator and depth == 0:
            parts.append(text[start:i])
            start = i + 1
        i += 1
    if depth:
        raise ScpiError(-171)
    parts.append(text[start:])
    return parts


def _check_header(header: str) -> None:
    if re.fullmatch(r"\*[A-Za-z]+", header):
        return
    words = header.removeprefix(":").split(":")
    for word in words:
        if not word or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", word, re.ASCII):
            raise ScpiError(-102 if word == "" or word.isascii() else -101)
        if len(word) > LONGEST_MNEMONIC + 3:  # a numeric suffix may follow the 12 letters
            raise ScpiError(-112)


def _end_of_string(text: str, start: int) -> int:
    """Index of the closing quote. A doubled quote is part of the string."""
    quote, i = text[start], start + 1
    while i < len(text):
        if text[i] == quote:
            if text[i + 1 : i + 2] != quote:
                return i
            i += 1
        i += 1
    raise ScpiError(-151)


def _end_of_block(text: str, start: int) -> int:
    """Index of the last character of a ``#`` block. ``#0`` reaches to the end of the message."""
    digits = int(text[start + 1])
    if digits == 0:
        return len(text) - 1
    count = text[start + 2 : start + 2 + digits]
    if len(count) < digits or not (count.isascii() and count.isdigit()):
        raise ScpiError(-161)
    end = start + 1 + digits + int(count)
    if end >= len(text):
        raise ScpiError(-161)
    return end
