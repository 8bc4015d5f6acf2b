"""Hypothesis profiles: derandomised by default, so that a run says the same thing twice; one browser for all."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tinygrad_lite.engine.declaration import TABLE
from tinygrad_lite.engine.foreign_functions import lost

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # machines may be busy
settings.register_profile("default", derandomize=True, max_examples=100, database=None, **UNTIMED)
settings.register_profile("thorough", max_examples=5_000, print_blob=True, **UNTIMED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def _as_it_was():
    """Rows that a test declares are gone after it, and so are the numbers whose history it lost."""
    before = dict(TABLE)
    yield
    lost.clear()
    TABLE.clear()
    TABLE.update(before)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; one for all tests of a process, for Playwright starts only once there."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if not CHROMIUM or not sync_playwright:
        missing = "Playwright (pip install playwright)" if CHROMIUM else "Chromium on the PATH"
        if "CI" in os.environ:
            pytest.fail(f"continuous integration needs {missing}")
        pytest.skip(f"looking at pictures needs {missing}")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()
