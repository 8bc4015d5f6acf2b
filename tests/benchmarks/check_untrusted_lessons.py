"""The lessons, only opened in JupyterLab, which does not trust what it did not run: is every picture there, and whole?

    python -m tests.benchmarks.check_untrusted_lessons path/to/jupyter-lab FOLDER

prints the pictures of each lesson, and how many are seen; FOLDER has a screenshot of each picture.
"""

import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import TimeoutError, sync_playwright

from tests.lessons.notebook import LESSONS

LAPTOP = {"width": 1280, "height": 720}
PICTURES = ".jp-OutputArea-output img, .jp-OutputArea-output svg"
SHOWN = """picture => {
  const cell = picture.closest(".jp-OutputArea-output").getBoundingClientRect(), box = picture.getBoundingClientRect();
  const scrolls = [...function*(e) { for (; e; e = e.parentElement) yield e; }(picture.parentElement)].some(
    e => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX === "auto");
  return box.width > 50 && picture.naturalWidth !== 0 && (scrolls || box.right <= cell.right + 1);
}"""


def stored(lesson: Path) -> int:
    """How many outputs of a lesson are pictures."""
    cells = nbformat.read(lesson, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return sum(any(kind.startswith("image/") for kind in output.get("data", {})) for output in outputs)


def seen(page: Any, address: str, lesson: Path, folder: Path) -> int:
    """How many pictures are shown whole, or scroll."""
    page.goto(f"{address}/lab/workspaces/{lesson.stem[0]}/tree/{lesson.name}?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    found = 0
    cells = page.locator(".jp-Notebook .jp-Cell")
    for index in range(cells.count()):
        cells.nth(index).scroll_into_view_if_needed()
        page.wait_for_timeout(100)
    with suppress(TimeoutError):
        are_there = "([pictures, n]) => document.querySelectorAll(pictures).length >= n"
        page.wait_for_function(are_there, arg=[PICTURES, stored(lesson)], timeout=30_000)
    for index, picture in enumerate(page.locator(PICTURES).all()):
        picture.scroll_into_view_if_needed()
        page.screenshot(path=folder / f"{lesson.stem[0]}-{index}.png")
        found += picture.evaluate(SHOWN)
    return found


def main(jupyter: str, folder: Path) -> None:
    """A line for each lesson."""
    shutil.rmtree(folder, ignore_errors=True)
    lessons = folder / "lessons"
    shutil.copytree(LESSONS, lessons)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("DATA", "CONFIG", "RUNTIME")}
    options = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.token=",
        f"--ServerApp.port={port}",
        f"--notebook-dir={lessons}",
    ]
    server = subprocess.Popen([jupyter, *options], env={**os.environ, **home}, stderr=subprocess.PIPE, text=True)
    try:
        while "is running at" not in server.stderr.readline():
            pass
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for lesson in sorted(lessons.glob("*.ipynb")):
                page = chromium.new_page(viewport=LAPTOP)
                print(lesson.name, stored(lesson), seen(page, f"http://127.0.0.1:{port}", lesson, folder), flush=True)
                page.close()
    finally:
        server.terminate()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
