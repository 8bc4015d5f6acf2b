"""docs/gradcheck.md says what happens: its code is run, its output compared."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from tinygrad_lite.rows import TABLE

PAGE = Path(__file__).parents[1] / "docs" / "gradcheck.md"
BLOCKS = re.compile(r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)


def printed(code, names):
    """What a cell shows: its output, then the error it ends with."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(code, str(PAGE), "exec"), names)
        except AssertionError as error:
            print(f"{type(error).__name__}: {error}")
    return out.getvalue()


def run(page):
    """Each block of code, the output the page gives, and the output there is."""
    names = {"__name__": "page"}
    return [(code, claimed, printed(code, names)) for code, claimed in BLOCKS.findall(page)]


@pytest.fixture
def _own_rows():
    held = dict(TABLE)
    yield
    TABLE.clear()
    TABLE.update(held)


@pytest.mark.usefixtures("_own_rows")
def test_the_page_is_what_happens():
    blocks = run(PAGE.read_text())
    assert len(blocks) > 10
    for code, claimed, there_is in blocks:
        assert there_is == claimed, code
