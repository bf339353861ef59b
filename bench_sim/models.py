"""Finding the classes that bench files name: a model that comes with the program, or ``package.module:Class``."""

from __future__ import annotations

from importlib import import_module
from typing import TypeVar

from bench_sim.duts import DUTS, Dut
from bench_sim.instruments import INSTRUMENTS, Instrument

Model = TypeVar("Model", Instrument, Dut)


def find_instrument(name: str) -> type[Instrument]:
    """The instrument model of that name. Raises ValueError with one sentence."""
    return _find(name, INSTRUMENTS, Instrument, "instrument model")  # type: ignore[type-abstract]


def find_dut(name: str) -> type[Dut]:
    """The device under test of that name. Raises ValueError with one sentence."""
    return _find(name, DUTS, Dut, "device under test")  # type: ignore[type-abstract]


def _find(name: str, shipped: dict[str, type[Model]], kind: type[Model], what: str) -> type[Model]:
    if name in shipped:
        return shipped[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ValueError(
            f"no {what} is called {name!r}; there are {', '.join(shipped)}, or name your own as package.module:Class"
        )
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the {what} {name!r} cannot be loaded: {error}") from error
    if isinstance(found, type) and issubclass(found, kind):
        return found
    raise ValueError(f"{name!r} is no {what}: it does not derive from {kind.__name__}")
