"""Measurements beside a baseline in the same run: `make bench`. Ratios only; machines are shared and noisy."""
