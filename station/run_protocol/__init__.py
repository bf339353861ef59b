"""The run protocol: one run driven by another program, events on stdout and commands on stdin.

`lines` writes the numbered lines within their limits, `commands` reads what the client sends, `answers` judges an
answer to a prompt, `snapshot` tells the state. Source: contract/run-json.md.
"""
