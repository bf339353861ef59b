import os

import openhtf as htf


def shouts(test):
    """Prints more than the station can write down meanwhile."""
    for number in range(150_000):
        print(f"{number:06d} " + "x" * 92)


@htf.measures(htf.Measurement("voltage").in_range(1, 2))
def measures(test):
    test.measurements.voltage = 1.5


htf.Test(shouts, measures).execute(lambda: "SN-1")
os._exit(0)
