"""Runs a worker or a plug host until it is not needed any more."""

from __future__ import annotations

import signal

from ..common.parents import die_with_parent


def run(pipes: list[int], folder: str, kind: str, *more: str) -> int:
    """``kind``: ``worker``, which also gets the folder for attachments, or ``plug``. Returns the exit status."""
    if kind == "plug":
        # A plug makes its instrument safe when it is left alone; a phase has nothing to lose.
        die_with_parent(signal.SIGTERM)
        from .plug_host import PlugHost

        return PlugHost(pipes, folder).run()
    die_with_parent(signal.SIGKILL)
    from .worker import Worker

    return Worker(pipes, folder, *more).run()
