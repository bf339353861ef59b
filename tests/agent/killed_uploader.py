"""A process that queues and uploads records, and kills itself at a given line of the code under test.

Arguments: folder, portal's address, number of records, lines to live (0: to the end). Each record has one file.
Prints ``put <id>`` when `Outbox.put` has returned.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from station.outbox import Outbox
from station.portal_api import PortalApi
from station.record import RecordAttachment, RunRecord
from station.uploader import Uploader
from tests.agent.cast import credentials
from tests.agent.fake_portal import STATION_ID

WATCHED = ("station/outbox.py", "station/uploader.py", "station/portal_api.py")


def main(folder: Path, portal_url: str, count: int, lines_to_live: int) -> None:
    left = [lines_to_live]

    def on_line(_frame: FrameType, event: str, _value: object) -> Any:
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return on_line

    def on_call(frame: FrameType, _event: str, _value: object) -> Any:
        return on_line if frame.f_code.co_filename.endswith(WATCHED) else None

    if lines_to_live:
        threading.settrace(on_call)
        sys.settrace(on_call)
    outbox = Outbox(folder / "outbox.db")
    uploader = Uploader(outbox, PortalApi.of(credentials(portal_url)), STATION_ID, folder / "runs", lambda _news: None)
    uploader.start()
    for n in range(count):
        path = folder / f"{n}.csv"
        if not path.exists():
            draft = path.with_suffix(".draft")
            draft.write_text(f"file {n}")
            draft.rename(path)
        made = RunRecord(
            f"execution-{n}", {"serial_number": f"SN-{n}"}, [RecordAttachment(path.name, path, "text/csv", None)]
        )
        outbox.put(made, STATION_ID)
        print("put", made.execution_id, flush=True)
        uploader.wake()
    while outbox.count_waiting():
        time.sleep(0.01)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
