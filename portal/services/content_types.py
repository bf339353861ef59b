"""What a file is: told by its first bytes; by what its sender said only where nothing can come of it."""

from __future__ import annotations

import codecs
import mimetypes
import re

UNKNOWN = "application/octet-stream"
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,39}")
# What browsers show as pictures. SVG is not among them: it can hold scripts.
_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_WEBP = "image/webp"
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
_ZIPPED = ("application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.opendocument.")
_SHOWN_BY_CONTENT = {*(one for _, one in _IMAGES), _WEBP, "application/pdf", "application/json", "application/zip"}
# Texts that a browser would run, or build a page from.
_ACTIVE = re.compile(r"html|xml|svg|script|flash|java(?!-archive)|xsl|wasm|x-httpd")
_JSON = re.compile(rb'\s*(\{\s*(["}]|$)|\[\s*([\[{"\]]|$))')
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


def image_type(head: bytes) -> str | None:
    """The type of a picture that a page may show; None for anything else."""
    for start, found in _IMAGES:
        if head.startswith(start):
            return found
    return _WEBP if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def content_type(head: bytes, declared: str | None, name: str) -> str:
    """The type to store and to hand the file out as. ``head``: its first bytes, some thousand where there are so many.

    A text stays a text, whatever is claimed; what is claimed to be a picture and does not look like one is unknown.
    """
    picture = image_type(head)
    if picture is not None:
        return picture
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    given = _given(declared, name)
    if head.startswith(_ZIPS):
        return given if _is_zipped(given) else "application/zip"
    if head and _is_text(head):
        if _JSON.match(head) or (given == "application/json" and head.lstrip()[:1] in (b"{", b"[")):
            return "application/json"
        return given if given.startswith("text/") and not _ACTIVE.search(given) else "text/plain"
    return UNKNOWN if given in _SHOWN_BY_CONTENT or _ACTIVE.search(given) else given


def _given(declared: str | None, name: str) -> str:
    """The declared type, or one after the name."""
    given = (declared or "").partition(";")[0].strip().lower()
    if not _TYPE.fullmatch(given) or given == UNKNOWN:
        given = mimetypes.guess_type(name, strict=False)[0] or UNKNOWN
    return given


def _is_zipped(given: str) -> bool:
    """Whether such files are ZIP archives inside: those of office programs."""
    return given.startswith(_ZIPPED)


def _is_text(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return _CONTROLS.search(head) is None
