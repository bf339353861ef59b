"""Which importer reads which format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import structlog
from pydantic import ValidationError

from portal.errors import BadRequest
from portal.services.imports import openhtf
from portal.services.imports.drafts import MOST_RUNS, Parsed, sentence

Importer = Literal["OPENHTF"]
READERS: dict[Importer, Callable[[bytes], Parsed]] = {"OPENHTF": openhtf.read}

log = structlog.get_logger(__name__)


def parse(importer: Importer, content: bytes) -> Parsed:
    """The runs that the file holds. Raises `BadRequest` with one sentence for a file that cannot be read."""
    if not content.strip():
        raise BadRequest("The file is empty.")
    try:
        parsed = READERS[importer](content)
    except ValidationError as error:
        raise BadRequest(f"The file holds what cannot be stored: {sentence(error)}") from error
    except BadRequest:
        raise
    except Exception as error:  # a stranger's file must never take more down than itself
        log.exception("import_failed", importer=importer)
        raise BadRequest(f"The file could not be read as {importer}: it is not built as such files are.") from error
    if not parsed.drafts:
        raise BadRequest(f"The file holds no finished test that could be read as {importer}.")
    if len(parsed.drafts) > MOST_RUNS:
        raise BadRequest(f"The file holds {len(parsed.drafts)} runs: at most {MOST_RUNS} are read from one file.")
    return parsed
