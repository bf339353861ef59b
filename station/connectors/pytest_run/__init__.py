"""Runs files of pytest: each collected test is a phase, its assert statements are its measurements."""
