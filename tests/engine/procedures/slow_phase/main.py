import time

import openhtf as htf


@htf.PhaseOptions(timeout_s=0.3)
def waits(test):
    while True:
        time.sleep(0.01)


htf.Test(waits).execute()
