from pathlib import Path

import openhtf as htf


def photographs(test):
    test.attach("../photo of unit.png", b"\x89PNG")
    Path("trace.csv").write_text("t,v\n0,1\n")
    test.attach_from_file("trace.csv")
    Path("trace.csv").unlink()


htf.Test(photographs).execute()
