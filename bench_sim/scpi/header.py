"""Command headers: patterns as manuals print them, and finding which pattern a received header means.

A pattern such as ``[SOURce:]VOLTage[:LEVel]`` or ``STATus:QUEStionable:INSTrument:ISUMmary<1:3>:CONDition`` has long
and short forms, optional nodes and numeric suffixes. Source: SCPI-1999 volume 1, 5 and 6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench_sim.scpi.errors import ScpiError
from bench_sim.scpi.numbers import matches_mnemonic

_NODE = re.compile(r"\[:?(?P<optional>[A-Za-z0-9<>:]+?):?\]|(?P<needed>[A-Za-z0-9]+(?:<\d+:\d+>)?)|(?P<colon>:)")
_SUFFIXED = re.compile(r"(?P<mnemonic>[A-Za-z]+)(?:<(?P<low>\d+):(?P<high>\d+)>)?")
_WORD = re.compile(r"(?P<mnemonic>[A-Za-z_][A-Za-z0-9_]*?)(?P<suffix>\d*)")


@dataclass(frozen=True)
class Node:
    """One level of a header. ``suffixes``: lowest and highest numeric suffix, or None where none may stand."""

    mnemonic: str
    is_optional: bool
    suffixes: tuple[int, int] | None = None


def parse_pattern(pattern: str) -> tuple[Node, ...]:
    """Nodes of a pattern. Raises ValueError for a pattern that is written wrongly: a mistake in an instrument."""
    nodes, position = [], 0
    while position < len(pattern):
        found = _NODE.match(pattern, position)
        if not found:
            raise ValueError(f"cannot read the header pattern {pattern!r} at {pattern[position:]!r}")
        position = found.end()
        if not found["colon"]:
            nodes.append(_node(found["optional"] or found["needed"], is_optional=found["optional"] is not None))
    return tuple(nodes)


def match_header(pattern: tuple[Node, ...], words: tuple[str, ...]) -> tuple[int, ...] | None:
    """The numeric suffixes, in order, when ``words`` mean this pattern; else None. Raises -114 for a bad suffix."""
    return _match(pattern, words, ())


def _node(text: str, *, is_optional: bool) -> Node:
    found = _SUFFIXED.fullmatch(text)
    if not found:
        raise ValueError(f"cannot read the header node {text!r}")
    suffixes = (int(found["low"]), int(found["high"])) if found["low"] else None
    return Node(found["mnemonic"], is_optional, suffixes)


def _match(pattern: tuple[Node, ...], words: tuple[str, ...], suffixes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Take the first node for the first word, or leave it out where it is optional, and go on."""
    if not pattern:
        return None if words else suffixes
    node, rest = pattern[0], pattern[1:]
    suffix = _suffix_of(words[0], node) if words else None
    if suffix is not None:
        found = _match(rest, words[1:], suffixes + ((suffix,) if node.suffixes else ()))
        if found is not None:
            return found
    if node.is_optional:
        return _match(rest, words, suffixes + ((1,) if node.suffixes else ()))
    return None


def _suffix_of(word: str, node: Node) -> int | None:
    """The numeric suffix of a word that means this node (1 when it has none), or None when it is another word."""
    found = _WORD.fullmatch(word)
    if not found or not matches_mnemonic(found["mnemonic"], node.mnemonic):
        return None
    if not found["suffix"]:
        return 1
    if node.suffixes is None:
        return None
    low, high = node.suffixes
    number = int(found["suffix"]) if len(found["suffix"]) < 9 else high + 1
    if not low <= number <= high:
        raise ScpiError(-114)
    return number
