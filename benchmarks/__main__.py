"""``python -m benchmarks [NAME …]``: all of them, or those named."""

from __future__ import annotations

import sys

from benchmarks import ingest, lists, streaming
from benchmarks.report import publish

ALL = {"ingest": ingest.measure, "lists": lists.measure, "streaming": streaming.measure}


def main(names: list[str]) -> int:
    """Measure and publish. 1 when a goal is missed."""
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"There is no benchmark {unknown[0]!r}: choose from {', '.join(ALL)}.", file=sys.stderr)
        return 2
    is_met = True
    for name in names or ALL:
        figures = ALL[name]()
        publish(name, figures)
        is_met = is_met and all(figure.is_met for figure in figures)
    return 0 if is_met else 1


sys.exit(main(sys.argv[1:]))
