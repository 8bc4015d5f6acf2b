"""axe-core on the page of steps, light and dark: at the start, with a box open, and while a number is to be predicted.

    npm install axe-core && python -m tests.benchmarks.check_accessibility node_modules/axe-core/axe.min.js

It is run by hand, and prints what axe-core objects to, and how many of its rules the page keeps.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.conftest import CHROMIUM
from tests.display.drawings import course, network, neuron
from tinygrad_lite import Value
from tinygrad_lite.display.player import play


def views(page: Any) -> Iterator[str]:
    """The states of a page that are looked at."""
    yield "at the start"
    for _ in range(6):
        page.keyboard.press("ArrowDown")
    page.focus("svg .node")
    yield "with a box open"
    page.check("#predict")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    yield "predicting"


def check(browser: Any, axe: str, graph: Callable[[], Value], folder: Path) -> int:
    """The violations on one graph's page."""
    found = 0
    play(graph()).save(folder / "page.html")
    for scheme in ("light", "dark"):
        page = browser.new_context(color_scheme=scheme, bypass_csp=True).new_page()
        page.goto((folder / "page.html").as_uri())
        for view in views(page):
            page.wait_for_timeout(400)  # until what fades has faded
            result = page.evaluate(f"{axe}; axe.run(document)")
            print(f"{graph.__name__}, {scheme}, {view}: {len(result['passes'])} rules kept")
            for violation in result["violations"]:
                print(f"  {violation['id']}: {violation['help']}, {violation['nodes'][0]['html'][:200]}")
            found += len(result["violations"])
    return found


def main(axe: str) -> int:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        source = Path(axe).read_text(encoding="utf-8")
        return sum(check(browser, source, graph, Path(folder)) for graph in (course, neuron, network))


if __name__ == "__main__":
    sys.exit(bool(main(*sys.argv[1:])))
