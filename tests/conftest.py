"""Fixtures that every test may use, and how properties are tried."""

import hypothesis
import pytest

from kaito.base.clock import ManualClock

# A deadline makes a property a timed test, and those tell lies on a busy machine.
hypothesis.settings.register_profile(
    "kaito", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("kaito")


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until it is told to move."""
    return ManualClock()
