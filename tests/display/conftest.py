"""A real browser, for what is to be measured, looked through, and driven by button and key."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
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


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that must neither complain nor ask for anything but the file it was given."""
    page = browser.new_page(viewport={"width": 1000, "height": 700})
    page.complaints, page.requests = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (page.complaints.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: page.requests.append(request.url))
    yield page
    assert page.complaints == []
    assert all(url.startswith(("file:", "about:", "data:font")) for url in page.requests)
    page.close()
