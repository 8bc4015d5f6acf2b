"""Hypothesis profiles: derandomised by default, so that a run says the same thing twice."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tinygrad_lite.engine.declaration import TABLE

UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # machines may be busy
settings.register_profile("default", derandomize=True, max_examples=200, database=None, **UNTIMED)
settings.register_profile("thorough", max_examples=5_000, print_blob=True, **UNTIMED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def _table_as_it_was():
    """Rows that a test declares are gone after it."""
    before = dict(TABLE)
    yield
    TABLE.clear()
    TABLE.update(before)
