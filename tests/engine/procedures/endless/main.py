import os
import time
from pathlib import Path

import openhtf as htf


class Supply(htf.BasePlug):
    def __init__(self):
        self.folder = Path(os.environ["PROOF"])

    def tearDown(self):
        (self.folder / "plug_torn_down").touch()


@htf.plug(supply=Supply)
def holds(test, supply):
    (supply.folder / "holding").touch()
    while True:
        time.sleep(0.01)


def never(test):
    pass


@htf.plug(supply=Supply)
def discharges(test, supply):
    (supply.folder / "discharged").touch()


htf.Test(htf.PhaseGroup(main=[holds, never], teardown=[discharges])).execute()
