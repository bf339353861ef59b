"""Runs another program as it is, and prints what is logged: the client prints less than it logs."""

import logging
import runpy
import sys


class Printed(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print(f"LOG {record.levelno} {record.getMessage()}", file=sys.__stderr__)


logging.getLogger().addHandler(Printed())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
