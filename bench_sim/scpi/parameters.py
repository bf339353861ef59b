"""Kinds of parameters. A command lists them; each turns its text into a value or refuses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bench_sim.scpi.channels import parse_channels
from bench_sim.scpi.errors import ScpiError
from bench_sim.scpi.numbers import Extreme, Numeric, matches_mnemonic, parse_numeric, short_form


class Parameter(Protocol):
    """One parameter of a command."""

    @property
    def is_optional(self) -> bool:
        """True when it may be left out; the handler then gets None."""

    def accepts(self, text: str) -> bool:
        """True when the text has this parameter's form, so that an optional one before it can be left out."""

    def parse(self, text: str) -> object:
        """The value. Raises `ScpiError`."""


@dataclass(frozen=True)
class Number:
    """A number in ``units`` (``V``, ``OHM`` …; empty: no unit may follow), MIN, MAX or DEF. Gives a `Numeric`."""

    units: str = ""
    is_optional: bool = False

    def accepts(self, text: str) -> bool:
        """Anything but a channel list or a string."""
        return text[:1] not in ("(", '"', "'")

    def parse(self, text: str) -> Numeric:
        """See `parse_numeric`."""
        return parse_numeric(text, self.units)


@dataclass(frozen=True)
class Limit:
    """The words MIN, MAX and DEF of a query such as ``VOLT? MAX``. Gives an `Extreme`."""

    is_optional: bool = True

    def accepts(self, text: str) -> bool:
        """Anything but a channel list."""
        return not text.startswith("(")

    def parse(self, text: str) -> Extreme:
        """Raises -108 for anything else, since a plain query takes nothing."""
        for extreme in Extreme:
            if matches_mnemonic(text, extreme.value):
                return extreme
        raise ScpiError(-108)


@dataclass(frozen=True)
class Boolean:
    """ON, OFF or a number, where any but 0 is on. Gives a bool."""

    is_optional: bool = False

    def accepts(self, text: str) -> bool:
        """Anything but a channel list."""
        return not text.startswith("(")

    def parse(self, text: str) -> bool:
        """Raises -224 for another word."""
        word = text.upper()
        if word in ("ON", "OFF"):
            return word == "ON"
        if word[:1].isalpha():
            raise ScpiError(-224)
        return Numeric.whole_within(parse_numeric(text), -(10**9), 10**9) != 0


@dataclass(frozen=True)
class Choice:
    """One of a few words, written like ``IMMediate``. Gives the short form in capitals."""

    words: tuple[str, ...]
    is_optional: bool = False

    def accepts(self, text: str) -> bool:
        """Anything but a channel list."""
        return not text.startswith("(")

    def parse(self, text: str) -> str:
        """Raises -224 for a word that is none of them, -104 for what is no word."""
        for word in self.words:
            if matches_mnemonic(text, word):
                return short_form(word)
        raise ScpiError(-224 if text[:1].isalnum() else -104)


@dataclass(frozen=True)
class QuotedString:
    """Text in single or double quotes; a doubled quote stands for one. Gives the text inside."""

    is_optional: bool = False

    def accepts(self, text: str) -> bool:
        """Only what begins with a quote."""
        return text[:1] in ("'", '"')

    def parse(self, text: str) -> str:
        """Raises -104 for what is not quoted, -151 for what goes on after the closing quote."""
        quote = text[:1]
        if quote not in ("'", '"'):
            raise ScpiError(-104)
        inside = text[1:-1]
        if len(text) < 2 or text[-1] != quote or inside.replace(quote * 2, "").count(quote):
            raise ScpiError(-151)
        return inside.replace(quote * 2, quote)


@dataclass(frozen=True)
class ChannelList:
    """``(@1,3)``. Gives the channels, all within 1 … ``highest``."""

    highest: int
    is_optional: bool = False

    def accepts(self, text: str) -> bool:
        """Only what begins with a parenthesis."""
        return text.startswith("(")

    def parse(self, text: str) -> tuple[int, ...]:
        """Raises -222 for a channel that the instrument does not have."""
        channels = parse_channels(text)
        if any(not 1 <= channel <= self.highest for channel in channels):
            raise ScpiError(-222)
        return channels


def parse_all(parameters: tuple[Parameter, ...], texts: tuple[str, ...]) -> list[object]:
    """Values of all parameters; None for an optional one left out. Raises -108 for too many, -109 for too few."""
    values: list[object] = []
    rest = list(texts)
    for parameter in parameters:
        if rest and (not parameter.is_optional or parameter.accepts(rest[0])):
            values.append(parameter.parse(rest.pop(0)))
        elif parameter.is_optional:
            values.append(None)
        else:
            raise ScpiError(-109)
    if rest:
        raise ScpiError(-108)
    return values
