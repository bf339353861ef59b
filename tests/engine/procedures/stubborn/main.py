"""Obeys nobody: neither an interrupted phase nor SIGTERM ends it, and its helper process neither."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import openhtf as htf

PROOF = Path(os.environ["PROOF"])


def holds(test):
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (PROOF / "helper").write_text(str(helper.pid))
    while True:
        try:
            time.sleep(0.05)
        except BaseException:  # noqa: BLE001 - obeys nobody
            continue


def hangs(test):
    while True:
        try:
            time.sleep(0.05)
        except BaseException:  # noqa: BLE001 - obeys nobody
            continue


signal.signal(signal.SIGTERM, signal.SIG_IGN)
htf.Test(htf.PhaseGroup(main=[holds], teardown=[hangs])).execute()
