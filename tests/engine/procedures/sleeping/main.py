import os
import time
from pathlib import Path

import openhtf as htf

PROOF = Path(os.environ["PROOF"])


def sleeps(test):
    (PROOF / "holding").touch()
    time.sleep(600)


def discharges(test):
    (PROOF / "discharged").touch()


htf.Test(htf.PhaseGroup(main=[sleeps], teardown=[discharges])).execute()
