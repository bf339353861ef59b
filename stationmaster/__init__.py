"""Stationmaster: portal, station program and simulated benches for hardware test stations."""

__version__ = "0.1.0"
