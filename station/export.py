"""Writing a stored record to a file, for a station whose portal never comes back, or for a look inside."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from station.stored_record import StoredRecord


def export(record: StoredRecord, file: Path) -> None:
    """Write the record as JSON; as an archive with its attachments when the name ends in ``.zip``. Raises OSError.

    A body that is no JSON is written as the text it is, under ``unreadable``; a missing attachment is left out.
    """
    if file.suffix.lower() != ".zip":
        file.write_text(_document(record) + "\n", encoding="utf-8")
        return
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("record.json", _document(record) + "\n")
        for attachment in record.attachments:
            if attachment.path.is_file():
                archive.write(attachment.path, f"attachments/{attachment.n}-{Path(attachment.name).name}")


def _document(record: StoredRecord) -> str:
    document: dict[str, Any] = {
        "execution_id": record.execution_id,
        "attachments": [
            {
                "name": attachment.name,
                "phase": attachment.phase,
                "mimetype": attachment.mimetype,
                "path": str(attachment.path),
                "sha256": attachment.sha256,
            }
            for attachment in record.attachments
        ],
    }
    try:
        document["run"] = json.loads(record.body)
    except ValueError:
        document["unreadable"] = record.body
    return json.dumps(document, ensure_ascii=False, indent=2)
