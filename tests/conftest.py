"""What holds for all tests."""

import hypothesis

# A busy machine is no reason to fail.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")
