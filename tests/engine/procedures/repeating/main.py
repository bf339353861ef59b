"""Attempts, skips and conditions."""

import openhtf as htf

seen = {"again": 0, "steady": 0}


@htf.PhaseOptions(repeat_limit=3)
@htf.measures(htf.Measurement("tries").in_range(0, 99))
def again(test):
    seen["again"] += 1
    test.measurements.tries = seen["again"]
    if seen["again"] < 3:
        return htf.PhaseResult.REPEAT
    return None


@htf.PhaseOptions(repeat_on_measurement_fail=True, repeat_limit=4)
@htf.measures(htf.Measurement("steady").in_range(2, 9))
def steadies(test):
    seen["steady"] += 1
    test.measurements.steady = seen["steady"]


def skips(test):
    return htf.PhaseResult.SKIP


@htf.PhaseOptions(run_if=lambda: False)
def unneeded(test):
    pass


def same(test):
    pass


htf.Test(again, steadies, skips, unneeded, same, [same], htf.Subtest("sub", same)).execute()
