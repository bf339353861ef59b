import sys

import openhtf as htf


def leaves(test):
    sys.exit("fixture open")


htf.Test(leaves).execute()
