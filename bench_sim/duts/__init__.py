"""Devices under test: one file each, and the list of those that bench files can name."""

from bench_sim.duts.dut import Dut, Fault
from bench_sim.duts.pcba_100 import Pcba100

DUTS: dict[str, type[Dut]] = {"pcba_100": Pcba100}

__all__ = ["DUTS", "Dut", "Fault"]
