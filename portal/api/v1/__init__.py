"""The older API, which the client's first generation, its OpenHTF callback and its pytest plugin speak.

It shares all data with v2: what is written here is read there. Source: contract/v1-api.md.
"""
