"""The Operator UI on the bench's own computer: served by the station program itself, with or without a portal.

Who may reach it: only this machine (the port is bound to 127.0.0.1, and each request's peer and ``Host`` are checked),
only a browser that was let in by somebody who can read the station's home (see `station.kiosk.access`), and no page of
another origin (``Origin`` and ``Sec-Fetch-Site``). What is shown and done is the portal's: the same templates, the same
fold, the same commands.
"""
