import os

import openhtf as htf


class Supply(htf.BasePlug):
    def __init__(self):
        self.unit = os.environ.get("BENCH_SIM_UNIT")


@htf.plug(supply=Supply)
@htf.measures("unit_of_the_bench", "dut_id")
def looks(test, supply):
    test.measurements.unit_of_the_bench = supply.unit
    test.measurements.dut_id = test.dut_id


MODE = os.environ.get("MODE", "prompt")
FACTS = {"serial_number": "FROM-SCRIPT", "part_number": "PCB-9", "revision_number": "B", "batch_number": "2026-1"}


def named():
    return "NAMED-BY-FUNCTION"


def renames(test):
    test.dut_id = "RENAMED"


if MODE == "function":
    htf.Test(looks).execute(test_start=named)
elif MODE == "auto":
    htf.Test(looks, auto_identify=True, **FACTS).execute()
elif MODE == "never":
    htf.Test(looks, identify=False).execute()
elif MODE == "prefilled":
    htf.Test(looks, sub_units=[{"serial_number": "PSU-1"}], **FACTS).execute()
elif MODE == "renamed":
    htf.Test(looks, renames).execute()
else:
    htf.Test(looks).execute()
