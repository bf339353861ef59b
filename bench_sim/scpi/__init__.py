"""A SCPI engine driven by tables: an instrument lists its commands, the engine does the talking.

The dialogue (grammar, status, error queue, message exchange) is here; physics is in `bench_sim.world`.
Source: SCPI-1999 volume 1, IEEE 488.2-1992.
"""

from bench_sim.scpi.command import Command, CommandTable
from bench_sim.scpi.errors import NoAnswer, ScpiError
from bench_sim.scpi.numbers import Extreme, Numeric
from bench_sim.scpi.parameters import Boolean, ChannelList, Choice, Number, QuotedString

__all__ = [
    "Boolean",
    "ChannelList",
    "Choice",
    "Command",
    "CommandTable",
    "Extreme",
    "NoAnswer",
    "Number",
    "Numeric",
    "QuotedString",
    "ScpiError",
]
