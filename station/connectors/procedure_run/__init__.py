"""Executes the phases of a declared procedure, and holds its plugs; told what to do by `station.conductor`."""
