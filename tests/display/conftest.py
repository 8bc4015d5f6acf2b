"""A tab of a real browser, for what is to be measured, looked through, and driven by button and key."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def tab(browser: Any) -> Any:
    """The page of all tests, since to open one takes a second: each looks at `page`, which is in order again."""
    return open_tab(browser)


def open_tab(browser: Any) -> Any:
    """A page that writes down what it complains of, and what it asks for."""
    page = browser.new_page()
    page.complaints, page.requests = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (page.complaints.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: page.requests.append(request.url))
    return page


@contextlib.contextmanager
def looked_at(page: Any) -> Iterator[Any]:
    """The page as it is at first, which must neither complain nor ask for anything but the file it was given."""
    page.set_viewport_size({"width": 1000, "height": 700})
    page.emulate_media(media="screen", color_scheme="light", reduced_motion="no-preference")
    page.complaints.clear()
    page.requests.clear()
    yield page
    assert page.complaints == []
    assert all(url.startswith(("file:", "about:", "data:font")) for url in page.requests)


@pytest.fixture
def page(tab: Any) -> Iterator[Any]:
    with looked_at(tab):
        yield tab
    tab.goto("about:blank")
