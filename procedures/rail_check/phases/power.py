"""On and off."""

import time


def on(bench, log):
    """Feed the board and let it start."""
    bench.on(volts=5.0, limit=0.5)
    time.sleep(0.5)
    log.info("%.3f A after the start", bench.current())


def off(bench):
    """Make safe."""
    bench.off()
