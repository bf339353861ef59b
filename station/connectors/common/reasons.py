"""What was raised and where, in words for the person at the bench."""

from __future__ import annotations

import functools
import traceback
from pathlib import Path
from types import TracebackType

_LAST_LINES = 12


def exception_in_words(error: BaseException, folder: str, frames: TracebackType | None = None) -> str:
    """One line: what was raised, and where in the procedure's own files."""
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{own_file(error.filename, folder) or error.filename}, line {error.lineno}"
        return f"{type(error).__name__}: {error.msg} ({where})"
    text = str(error).strip()
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    place = _place(frames if frames is not None else error.__traceback__, folder)
    return f"{what} ({place})" if place else what


def traceback_in_words(error: BaseException) -> str:
    """The last lines of the traceback, without the frames of the connector."""
    lines = traceback.format_exception(type(error), error, own_frames(error.__traceback__))
    return "\n".join("".join(lines).rstrip().split("\n")[-_LAST_LINES:])


def _place(frames: TracebackType | None, folder: str) -> str | None:
    """The innermost frame in a file of the procedure."""
    place = None
    for frame in traceback.extract_tb(frames):
        own = own_file(frame.filename, folder)
        if own:
            place = f"{own}, line {frame.lineno}"
    return place


@functools.lru_cache(maxsize=1024)  # asked for every line that a script prints
def own_file(path: str, folder: str) -> str | None:
    """A source file of the procedure, relative to its folder; None for others and those of an environment in it."""
    try:
        relative = Path(path).absolute().relative_to(folder)
    except ValueError:
        return None
    is_foreign = path.startswith("<") or not {".venv", "venv", "site-packages"}.isdisjoint(relative.parts)
    return None if is_foreign else str(relative)


def own_frames(frames: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not the connector's."""
    here = Path(__file__).absolute().parent.parent
    while frames is not None and here in Path(frames.tb_frame.f_code.co_filename).absolute().parents:
        frames = frames.tb_next
    return frames
