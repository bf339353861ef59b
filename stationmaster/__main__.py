"""``python -m stationmaster``: the same as the command ``stationmaster``."""

from stationmaster.cli import main

main()
