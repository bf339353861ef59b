import ctypes
import os
import sys

import openhtf as htf


def dies(test):
    print("about to die")
    how = os.environ["HOW"]
    if how == "segfault":
        ctypes.string_at(0)
    elif how == "exit":
        print("leaving hard", file=sys.stderr)
        os._exit(7)
    else:
        os.kill(os.getpid(), 9)


htf.Test(dies).execute()
