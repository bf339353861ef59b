"""Runs a plain Python script: its output and its exit status are all that is known of it."""
