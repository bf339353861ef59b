"""Makes ``@bench`` a backend of PyVISA: ``ResourceManager("@bench")``, ``PYVISA_LIBRARY=my_bench.yaml@bench``."""

from bench_sim.visa import BenchLibrary

WRAPPER_CLASS = BenchLibrary
