"""Simulated instruments: one file per model, and the list of those that bench files can name."""

from bench_sim.instruments.instrument import Instrument
from bench_sim.instruments.keysight_34461a import Keysight34461A
from bench_sim.instruments.keysight_e36312a import KeysightE36312A

INSTRUMENTS: dict[str, type[Instrument]] = {
    "keysight_e36312a": KeysightE36312A,
    "keysight_34461a": Keysight34461A,
}

__all__ = ["INSTRUMENTS", "Instrument"]
