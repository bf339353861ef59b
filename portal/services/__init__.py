"""What the portal can do: the verbs, one module a capability.

The only place that writes. Each writing function is one transaction with its permission check and its audit entry.
"""
