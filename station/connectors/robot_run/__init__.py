"""Runs suites of Robot Framework: each test case is a phase, keywords of a library of ours are its measurements."""
