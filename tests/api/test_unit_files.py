"""Files of units, through the client's helpers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.clients import OLDEST, Client
from tests.cast import record
from tests.core.conftest import Api

Connect = Callable[[str], Client]
Fresh = Callable[[str], str]


@pytest.mark.parametrize("who", ["dev", "bench"])
def test_the_helper_uploads_files_of_units(connect: Connect, fresh: Fresh, api: Api, tmp_path: Path, who: str) -> None:
    client, serial, file = connect(who), fresh("SN"), tmp_path / "a.pdf"
    file.write_bytes(b"%PDF-1.7 ...")
    api.post_run("bench", record(api.cast, serial_number=serial))

    if client.version == OLDEST:
        file_id = client.attachments.upload(file)
        client.units.update(serial_number=serial, attachments=[file_id])
        helper = client.attachments
    else:
        file_id = client.units.attachments.upload(serial, file)
        helper = client.units.attachments
    (found,) = client.units.get(serial_number=serial).attachments
    helper.download(found, tmp_path / "got.pdf")

    assert (found.id, found.name, found.size, found.content_type) == (file_id, "a.pdf", 12, "application/pdf")
    assert (tmp_path / "got.pdf").read_bytes() == file.read_bytes()
