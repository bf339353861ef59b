import openhtf as htf

if htf:
    raise RuntimeError("calibration.csv of bench 7 is missing")
