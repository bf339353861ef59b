"""Simulated benches: instruments, a circuit and a unit under test, behind PyVISA.

For procedures: ``pyvisa.ResourceManager("@bench")``, or ``PYVISA_LIBRARY=@bench`` with the script as it is.
For tests and tools: `bench_sim.bench.open_bench`. See docs/bench-simulation.md.
"""
