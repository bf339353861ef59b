"""A library of the procedure."""

import os
import time
from pathlib import Path


def connection_lost():
    raise OSError("the load does not answer")


def note(word):
    Path(os.environ["PROOF"], "robot").write_text(word)


def wait_long():
    print("waiting")
    time.sleep(600)
