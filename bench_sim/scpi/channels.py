"""Channel lists: ``(@1)``, ``(@1,3)``, ``(@1:3)``. Source: SCPI-1999 volume 1, 8.3.2."""

from __future__ import annotations

import re

from bench_sim.scpi.errors import ScpiError

_LIST = re.compile(r"\(\s*@(?P<items>.*)\)", re.DOTALL)
_ITEM = re.compile(r"\s*(\d{1,6})\s*(?::\s*(\d{1,6})\s*)?", re.ASCII)
MOST_CHANNELS = 1_000  # a range such as 1:999999 is a mistake; never build it


def parse_channels(text: str) -> tuple[int, ...]:
    """The channels in the order written; a range may run downwards. Raises -104 or -171; knows no limits."""
    found = _LIST.fullmatch(text)
    if not found:
        raise ScpiError(-104)
    channels: list[int] = []
    for item in found["items"].split(","):
        match = _ITEM.fullmatch(item)
        if not match:
            raise ScpiError(-171)
        first, last = int(match[1]), int(match[2] or match[1])
        if abs(last - first) >= MOST_CHANNELS or len(channels) > MOST_CHANNELS:
            raise ScpiError(-222)
        channels.extend(range(first, last + 1) if first <= last else range(first, last - 1, -1))
    return tuple(channels)


def format_channels(channels: tuple[int, ...]) -> str:
    """The list as an instrument writes it, without ranges."""
    return f"(@{','.join(str(channel) for channel in channels)})"
