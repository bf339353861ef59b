import openhtf as htf
from openhtf.plugs import user_input


def once(test):
    pass


while True:
    htf.Test(once).execute(test_start=user_input.prompt_for_test_start())
