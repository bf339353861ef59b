"""One connector per test framework: each turns a framework's run into the messages that `station.execution` reads.

A connector is executed by the procedure's own interpreter, where this distribution need not be installed: standard
library and the user's framework only, Python 3.9 and later. It talks over two pipes of its own, one JSON object per
line, so that whatever the procedure prints can never be taken for a message. All of them are started by `start`; what
they share is in `common`.

Connector → station (each with ``type`` and ``t``, the machine's monotonic clock in seconds):
``ready``, ``identify``, ``unit``, ``test_start``, ``plan_added``, ``phase_start``, ``phase_end``, ``measurement``,
``attachment``, ``log``, ``output``, ``prompt``, ``prompt_closed``, ``metadata``, ``test_end``, ``script_error``,
``script_end``. Of some only: ``is_gathered`` (output that is told at its phase's end, in one entry),
``is_judged_by_status`` (the exit status is the verdict), ``expected`` and ``exit_code`` (see `station.protocol`).
Station → connector: ``unit``, ``answer``, ``stop``; the end of the pipe means that the station is gone.
"""
