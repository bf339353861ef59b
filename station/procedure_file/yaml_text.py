"""YAML text as values, with the place of each. Words are read as YAML 1.2 reads them.

PyYAML alone reads YAML 1.1, where ``no`` is a truth value and ``1:30`` a number, and forgets where a value stood. A
number keeps its own writing (`written`), so that a version 1.10 stays "1.10" where a text is wanted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from station.procedure_file.problems import Path, Problem, in_words

MOST_DEPTH = 50
MOST_NODES = 200_000  # an alias of an alias of an alias … is a few lines, and billions of values

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: value for value, words in ((True, "true True TRUE"), (False, "false False FALSE")) for word in words.split()
}
# libyaml's, which comes with every wheel: PyYAML's own does not read a question mark inside of {}.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
# What PyYAML gives to values without a tag.
_TAGS = {_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "seq", "map")}


class WrittenInt(int):
    """A whole number that knows how it was written."""

    written: str


class WrittenFloat(float):
    """A number that knows how it was written."""

    written: str


def written(value: Any) -> str | None:
    """The plain word behind a number or truth value; None for anything else."""
    if isinstance(value, WrittenInt | WrittenFloat):
        return value.written
    if isinstance(value, bool):
        return "true" if value else "false"
    return None


@dataclass
class YamlText:
    """What a text says. ``places``: line and column, from 1, of each value, and of the key of what is in a mapping."""

    value: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path) -> tuple[int, int]:
        """Where it stands, or the nearest thing around it that stands anywhere."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))

    def problem(self, path: Path, message: str, hint: str | None = None) -> Problem:
        """A problem with the value at the path."""
        return Problem(*self.place(path), in_words(path), message, hint)


def read_yaml(text: str) -> YamlText:
    """Read one YAML document. Never raises: what is wrong with the writing is in ``problems``."""
    found = YamlText()
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        found.problems.append(_syntax(error, text))
        return found
    except RecursionError:
        found.problems.append(Problem(1, 1, "", "It is nested too deeply to be read."))
        return found
    if root is not None:
        found.value = _Reader(found).read(root, ())
    return found


def _syntax(error: yaml.YAMLError, text: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    if isinstance(error, yaml.reader.ReaderError):
        return Problem(line, column, "", f"There is a character that YAML does not allow (number {error.character}).")
    said = getattr(error, "problem", None) or str(error).splitlines()[0]
    lines = text.splitlines()
    if line <= len(lines) and "\t" in lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())]:
        return Problem(line, 1, "", "There is a tab: YAML is indented with spaces only.")
    if "expected a single document" in str(error):
        return Problem(line, column, "", "There is a second document (after “---”): a procedure is one.")
    return Problem(line, column, "", f"This is not YAML: {said}.")


class _Reader:
    """Turns nodes into values."""

    def __init__(self, found: YamlText) -> None:
        self._found = found
        self._left = MOST_NODES

    def read(self, node: Node, path: Path) -> Any:
        mark = node.start_mark
        self._found.places.setdefault(path, (mark.line + 1, mark.column + 1))
        self._left -= 1
        if self._left < 0 or len(path) > MOST_DEPTH:
            if self._left >= -1:
                self._say(path, "There is too much in here, or it is nested too deeply.")
            self._left = min(self._left, -2)
            return None
        if node.tag not in _TAGS:
            self._say(path, f"The tag “{node.tag.replace(_TAG, '!!')}” is not known here.")
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if isinstance(node, SequenceNode):
            return [self.read(item, (*path, place)) for place, item in enumerate(node.value)]
        return self._mapping(node, path)

    def _mapping(self, node: Node, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._found.places[(*path, "?")] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
                self._say((*path, "?"), "A key must be one word.")
                continue
            key = key_node.value
            here = (*path, key)
            if key in values:
                self._found.problems.append(
                    Problem(
                        key_node.start_mark.line + 1,
                        key_node.start_mark.column + 1,
                        in_words(here),
                        f"“{key}” stands here twice; first in line {self._found.place(here)[0]}.",
                    )
                )
                continue
            if key == "<<" and isinstance(value_node, MappingNode):
                values = {**self._mapping(value_node, path), **values}
                continue
            self._found.places[here] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            values[key] = self.read(value_node, here)
        return values

    def _scalar(self, node: ScalarNode) -> Any:
        return node.value if node.style else _plain(node.value)

    def _say(self, path: Path, message: str) -> None:
        self._found.problems.append(self._found.problem(path, message))


def _plain(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    number: WrittenInt | WrittenFloat
    if _INTEGER.fullmatch(text) and len(text) < 400:
        base = 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10
        number = WrittenInt(text, base)
    elif _FLOAT.fullmatch(text):
        number = WrittenFloat(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    else:
        return text
    number.written = text
    return number
