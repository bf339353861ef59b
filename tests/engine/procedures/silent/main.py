import openhtf as htf  # noqa: F401 - and then nothing is executed
