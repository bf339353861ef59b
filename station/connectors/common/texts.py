"""Texts of any length, made fit for a message."""

from __future__ import annotations

_MOST = 20_000  # characters: more than anybody reads


def shortened(text: str, most: int = _MOST) -> str:
    """The text, or its beginning and its end with a note between them on what is left out."""
    if len(text) <= most:
        return text
    left_out = len(text) - most
    return f"{text[: most // 2]}\n… {left_out} characters are left out here …\n{text[-(most // 2) :]}"
