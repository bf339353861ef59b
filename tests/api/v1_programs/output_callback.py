"""An OpenHTF test that uploads by the output callback; a phase is repeated, one fails, one is not a number."""

import json
import sys

import openhtf as htf
from tofupilot.openhtf import upload

facts = json.loads(sys.argv[1])
tries = iter((htf.PhaseResult.REPEAT, htf.PhaseResult.CONTINUE))


def settle(test: htf.TestApi) -> htf.PhaseResult:
    test.attach("settled.log", b"settled")
    return next(tries)


@htf.measures(htf.Measurement("current").in_range(0, 1), htf.Measurement("noise"))
def draw(test: htf.TestApi) -> None:
    test.measurements.current = 2.5
    test.measurements.noise = float("nan")


test = htf.Test(settle, draw, **facts["metadata"])
test.add_output_callbacks(upload(allow_nan=True))
test.execute(lambda: facts["serial_number"])
