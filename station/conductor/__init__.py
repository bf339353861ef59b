"""Conducts declared procedures: order, limits, retries, verdicts. A program of its own, in the station's interpreter.

Phases and plugs are executed by `station.connectors.procedure_run`, in processes of the procedure's interpreter.
"""
