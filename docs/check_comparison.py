"""Run code of comparison.md, and compare what it prints with what stands below it.

    python docs/check_comparison.py torch            # where torch and torchviz are installed
    python docs/check_comparison.py micrograd-viz    # where micrograd-viz and graphviz are
    python docs/check_comparison.py pydot            # where casadi and pydot are
    python docs/check_comparison.py python slow      # where this project's dev extra is; half a minute

A block is run if it is labelled with one of the names given, as in ```py torch. Blocks that print nothing define what
others use, and are always run. The project's tests run the blocks of Python without a label.
"""

import contextlib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^```py(?:thon| ([\w-]+))\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)


def blocks(page: str) -> Iterator[tuple[str, str, str]]:
    """The label, the code and the claimed output of each block."""
    for match in BLOCK.finditer(page):
        label, code, claimed = match.groups("")
        yield label or "python", code, claimed


def check(page: str, *labels: str) -> dict[str, Any]:
    """Run the blocks with these labels; the names that they define. AssertionError where one prints something else."""
    names = {"__name__": "page"}
    for label, code, claimed in blocks(page):
        if label in labels or not claimed:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(code, "comparison.md", "exec"), names)
            assert printed.getvalue() == claimed, f"{code}\nprints\n\n{printed.getvalue()}\nand not\n\n{claimed}"
    return names


if __name__ == "__main__":
    check((Path(__file__).parent / "comparison.md").read_text(encoding="utf-8"), *sys.argv[1:])
    print("the page says what its code prints")
