"""Reading XML that somebody else wrote: no entities, no outside files, no bottomless trees.

Names are without their namespaces: the formats come in several versions that differ in them and in little else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from portal.errors import BadRequest
from portal.services.imports.drafts import stored

DEEPEST = 150  # levels; what real test systems write has a few dozen
MOST_ELEMENTS = 1_000_000  # a report of some thousand steps has some hundred thousand
_SPACE = " "


@dataclass(slots=True)
class Node:
    """An element."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text directly in it, trimmed."""
        return stored("".join(self.pieces)).strip()

    def get(self, *names: str) -> str | None:
        """The first of these attributes that is there and not empty, whatever the case of its letters."""
        for name in names:
            for key, value in self.attributes.items():
                if key.lower() == name.lower() and value.strip():
                    return stored(value).strip()
        return None

    def all(self, *tags: str) -> list[Node]:
        """The children of these names."""
        return [child for child in self.children if child.tag in tags]

    def find(self, *path: str) -> Node | None:
        """The first element at the end of the path of names."""
        here: Node | None = self
        for tag in path:
            here = next((child for child in here.children if child.tag == tag), None) if here is not None else None
        return here

    def below(self, *tags: str) -> Iterator[Node]:
        """All elements of these names in it, itself included, in the file's order."""
        if self.tag in tags:
            yield self
        for child in self.children:
            yield from child.below(*tags)


def read_xml(content: bytes) -> Node:
    """The file's root. Raises `BadRequest`."""
    return _Builder().read(content)


class _Builder:
    def __init__(self) -> None:
        self._open: list[Node] = []
        self._root: Node | None = None
        self._count = 0

    def read(self, content: bytes) -> Node:
        parser = expat.ParserCreate(namespace_separator=_SPACE)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = _refuse_entities
        parser.ExternalEntityRefHandler = _refuse_entities
        try:
            parser.Parse(content, True)
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise BadRequest(f"The file is not XML: {error}.") from error
        if self._root is None:
            raise BadRequest("The file is not XML: it is empty.")
        return self._root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        # An attribute without a namespace wins over one with: "type" is not "xsi:type".
        found = {_local(key): value for key, value in attributes.items() if _SPACE in key}
        found |= {key: value for key, value in attributes.items() if _SPACE not in key}
        node = Node(_local(name), found)
        if self._open:
            self._open[-1].children.append(node)
        else:
            self._root = node
        self._open.append(node)
        self._count += 1
        if self._count > MOST_ELEMENTS:
            raise BadRequest(f"The file has more than {MOST_ELEMENTS} elements: split it.")
        if len(self._open) > DEEPEST:
            raise BadRequest(f"The file is more than {DEEPEST} levels deep, which no test report is.")

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _text(self, piece: str) -> None:
        self._open[-1].pieces.append(piece)


def _refuse_entities(*_facts: object) -> int:
    raise BadRequest("The file declares entities, which is refused: they can make a small file endless.")


def _local(name: str) -> str:
    return name.rpartition(_SPACE)[2]
