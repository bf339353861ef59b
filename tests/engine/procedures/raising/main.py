import openhtf as htf


def fine(test):
    pass


def breaks(test):
    raise ValueError("supply did not answer")


def never(test):
    pass


def safe(test):
    test.logger.info("made safe")


htf.Test(htf.PhaseGroup(setup=[fine], main=[breaks, never], teardown=[safe])).execute()
