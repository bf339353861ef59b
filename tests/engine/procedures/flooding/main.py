import ctypes

import openhtf as htf


def floods(test):
    """Writes from C, without letting any other Python thread run."""
    library = ctypes.PyDLL(None)
    line = b"x" * 9_999 + b"\n"
    for _ in range(30):
        library.write(1, line + b"x\n", len(line) + 2)


def rests(test):
    pass


htf.Test(floods, rests).execute()
