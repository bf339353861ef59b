"""Names that people give: their limits, and the form by which two of them are the same."""

from __future__ import annotations

import re
import unicodedata
import uuid

from portal.errors import Invalid

# Soft hyphen, zero-width space, word joiner and the like: two names that differ only in these look the same.
_UNSEEN = frozenset("\u00ad\u034f\u17b4\u17b5\u180e\u200b\ufeff\ufff9\ufffa\ufffb") | set(
    map(chr, range(0x2060, 0x2070))
)
# What joins or varies the sign before it: scripts and emoji are written with these, letters of ASCII are not.
_JOINS = re.compile("[\u200c\u200d\ufe00-\ufe0f\U000e0000-\U000e01ef]")
_KEYCAP = "\u20e3"
_BLANKS = re.compile("[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
# Unicode's bidirectional controls: with them a name is read as another one, and turns what stands beside it.
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and signs without anything to see
_NOT_SLUG = re.compile(r"[^a-z0-9_-]+")


def same(text: str) -> str:
    """The form by which names are compared: without regard to case, blanks around it, and ways to write an accent."""
    return unicodedata.normalize("NFC", text.strip().casefold()).replace("\0", "")


def clean(text: str, what: str, most: int, *path: str) -> str:
    """The name as it is kept: trimmed, 1 to ``most`` characters, printable, each blank one plain blank.

    Raises `Invalid` with one sentence.
    """
    name = _BLANKS.sub(" ", unicodedata.normalize("NFC", text.strip()))
    if not name:
        raise Invalid(f"The {what} is empty: give it 1 to {most} characters.", *path)
    if len(name) > most:
        raise Invalid(f"The {what} is too long: {len(name)} characters, at most {most} are possible.", *path)
    if any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in name):
        raise Invalid(f"The {what} holds characters that cannot be shown, such as a line break.", *path)
    if "\N{REPLACEMENT CHARACTER}" in name:
        raise Invalid(f"The {what} holds a character that could not be read: type it anew.", *path)
    if any(letter in _TURNS for letter in name):
        raise Invalid(f"The {what} holds characters that turn the direction of reading.", *path)
    if all(unicodedata.category(letter)[0] in "CZM" or letter in _BLANK for letter in name):
        raise Invalid(f"The {what} holds nothing that can be seen: give it 1 to {most} characters.", *path)
    if _hides(name):
        raise Invalid(f"The {what} holds characters that nobody can see: type it anew.", *path)
    return name


def _hides(name: str) -> bool:
    """Whether there is something in it without which it would look the same."""
    around = zip(f" {name}", name, f"{name[1:]} ", strict=False)
    return any(
        letter in _UNSEEN or (_JOINS.match(letter) and before.isascii() and after != _KEYCAP)
        for before, letter, after in around
    )


def isolated(text: str) -> str:
    """The name for a sentence of ours: one that is read from right to left turns nothing that stands beside it.

    By Unicode's isolates, which are not seen; where there is HTML around it, ``<bdi>`` does the same.
    """
    is_mirrored = any(unicodedata.bidirectional(letter) in {"R", "AL"} for letter in text)
    return f"\u2068{text}\u2069" if is_mirrored else text


def cut(text: str | None, most: int) -> str | None:
    """A text that a machine says of itself, at most so long; None for nothing. Nobody can be asked to correct it."""
    return (text or "").replace("\0", "").strip()[:most] or None


def slug(text: str, most: int = 60) -> str:
    """A short identifier from a name: a-z, 0-9, ``_`` and ``-``. Never empty."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _NOT_SLUG.sub("_", ascii_text).strip("_-")[:most].strip("_-") or "procedure"


def is_id(text: object) -> bool:
    """Whether it could be an id of ours: a UUID in its usual form. The nil UUID is one."""
    if not isinstance(text, str) or len(text) != 36:
        return False
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
