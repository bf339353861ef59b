"""Files of test records, read into runs: one module for each format, `structured` and `tabular` store what they read.

A format's module has one function, ``read(content) -> Parsed``, which knows nothing of the database.
Source: contract/v2-api.md §11, v1-api.md §6.
"""
