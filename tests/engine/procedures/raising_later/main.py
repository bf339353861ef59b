import openhtf as htf


def fine(test):
    pass


htf.Test(fine).execute()
raise RuntimeError("after the verdict")
