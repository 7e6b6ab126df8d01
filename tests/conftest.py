"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Machines under load take longer than any deadline now and then.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

pytest_plugins = ["tests.log_scan", "pytester"]
