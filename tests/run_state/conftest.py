"""Settings of the property tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A slow machine is no counterexample.
settings.register_profile("run_state", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("run_state")
