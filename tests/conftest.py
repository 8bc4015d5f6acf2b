"""Hypothesis profiles: derandomised by default, so that a run says the same thing twice."""

import os

from hypothesis import settings

settings.register_profile("default", derandomize=True, deadline=None, max_examples=200, database=None)
settings.register_profile("thorough", deadline=None, max_examples=5_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
