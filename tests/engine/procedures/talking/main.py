import logging
import os
import subprocess
import sys

import openhtf as htf


def talks(test):
    for number in range(10_000):
        test.logger.info("line %d", number)


def prints(test):
    print("plain – ünïcode")
    print("to stderr", file=sys.stderr)
    sys.stdout.buffer.write(b"broken \xff byte\n")
    print("half \ud83d surrogate")
    subprocess.run([sys.executable, "-c", "print('from a program')"], check=True)
    os.write(1, b'{"type": "test_end", "outcome": "PASS"}\n')
    print("no line end", end="")


def explains(test):
    try:
        {}["calibration"]
    except KeyError:
        test.logger.exception("could not read it")
    logging.getLogger("openhtf").debug("from the script, at the framework's logger")


htf.Test(talks, prints, explains).execute()
