import openhtf as htf
from tofupilot import openhtf as portal


def once(test):
    pass


test = htf.Test(once)
test.add_output_callbacks(portal.upload())
with portal.TofuPilot(test):
    test.execute()
