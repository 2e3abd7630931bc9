"""Fixtures that every test may use."""

import pytest

from kaito.base.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until it is told to move."""
    return ManualClock()
