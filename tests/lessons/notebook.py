"""Lessons, executed: for the tests, and as a command that stores their outputs.

    python tests/lessons/notebook.py [notebooks/1_….ipynb …]

A lesson runs from the top in a new kernel of this Python, without the user's IPython settings.
"""

import base64
import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

sys.path.insert(0, str(Path(__file__).parents[2]))  # for the command

from tests.pictures import told

LESSONS = Path(__file__).parents[2] / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
SOLUTION = re.compile(r"<details><summary>Solution · 解答</summary>\n\n(.*)\n\n</details>", re.DOTALL)
IMAGE = re.compile(r'src="data:image/svg\+xml;base64,([^"]+)"')
NUMBER = re.compile(r"(?:(?<![\w)}])-)?(?<![A-Za-z_\d.])\d+(?:\.\d+)?(?:e-?\d+)?")
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMPILES = "tinygrad_lite compiles what it needs for this machine"  # in one run of many
OF_ONE_RUN = re.compile(r" at 0x[0-9a-f]+|site-packages|ipykernel_\d+")
# Line by line: nbclient looks for carriage returns in a time that is quadratic in the length of a line.
JSON = (
    "print(__import__('json').dumps({}, indent=0, "
    "default=lambda x: x.tolist() if hasattr(x, 'tolist') else list(x) if hasattr(x, '__iter__') else float(x)))"
)


class Lesson:
    """A lesson in its kernel, all cells executed; any error in a cell is an error here.

    Attributes:
        stored: the notebook as it is in the file.
        executed: the notebook with the outputs of this run.
        folded, solutions: the folded solutions, in order, and their code.
    """

    def __init__(self, path: Path, client: NotebookClient) -> None:
        self.stored = nbformat.read(path, as_version=4)
        self.executed: NotebookNode = client.nb
        self.client = client
        self.folded = [m[1] for cell in self.stored.cells for m in SOLUTION.finditer(cell.source)]
        self.solutions = ["\n".join(PYTHON.findall(text)) for text in self.folded]
        for i, cell in enumerate(self.executed.cells):
            client.execute_cell(cell, i)

    def run(self, code: str) -> str:
        """Run more code in the kernel; the text that it prints."""
        cell = nbformat.v4.new_code_cell(code)
        self.executed.cells.append(cell)
        try:
            self.client.execute_cell(cell, len(self.executed.cells) - 1, store_history=False)
        finally:
            self.executed.cells.pop()
        return _printed(cell.outputs)

    def __getitem__(self, expression: str) -> Any:
        """The value of an expression in the kernel, as JSON can hold it: Values as floats, arrays as lists."""
        return json.loads(self.run(JSON.format(f"({expression})")))

    def solve(self, *found: float) -> str:
        """Run the solutions, in order; the text that they print. There must be one.

        Args:
            found: what their prose may tell, since the test finds it; any other number there has to be one that they
                print, or that stands in their code.
        """
        assert all(self.solutions), "a solution has no block of Python"
        assert self.solutions, "there is no folded solution"
        printed = "".join(map(self.run, self.solutions))
        told = numbers("".join(PYTHON.sub("", text) for text in self.folded))
        unfounded = told - numbers(printed) - numbers("".join(self.solutions)) - {*found}
        assert not unfounded, f"the prose of a solution tells numbers that nothing finds: {sorted(unfounded)}"
        return printed

    def check_stored(self, of_one_run: Collection[str] = ()) -> None:
        """AssertionError unless the file holds the outputs of this run, and nothing of one machine or one day.

        Args:
            of_one_run: ids of cells whose outputs are not compared: how long something takes, for example.
        """
        assert self.stored.metadata == METADATA, "execute the lesson with tests/lessons/notebook.py"
        code = [cell for cell in self.stored.cells if cell.cell_type == "code"]
        assert [cell.execution_count for cell in code] == [*range(1, len(code) + 1)], "executed out of order"
        executed = [cell for cell in self.executed.cells if cell.cell_type == "code"]
        for stored, fresh in zip(code, executed, strict=True):
            assert stored.id in of_one_run or texts(stored) == texts(fresh), (
                f"another output is stored: {stored.source}"
            )
        for cell in self.stored.cells:
            assert not cell.metadata, f"metadata {dict(cell.metadata)} of a cell: {cell.source}"
            for output in cell.get("outputs", []):
                assert output.output_type != "error", f"an error is stored: {cell.source}"
                assert not output.get("metadata"), f"metadata {output.metadata} of an output: {cell.source}"
                assert output.get("name") != "stderr", f"a warning is stored: {output.text}"
            noise = OF_ONE_RUN.findall(text := json.dumps(cell.get("outputs", [])))
            noise += [path for path in (str(LESSONS.parent), sys.prefix, str(Path.home()) + "/") if path in text]
            assert not noise, f"{noise} in the output of {cell.source}"


def output(lesson: Lesson, cell: str) -> list[NotebookNode]:
    """The outputs of the cell with this id."""
    [outputs] = [c.outputs for c in lesson.executed.cells if c.id == cell]
    return outputs


def printed(lesson: Lesson, cell: str) -> str:
    """The text that the cell with this id prints."""
    return _printed(output(lesson, cell))


def _printed(outputs: list[NotebookNode]) -> str:
    """Standard output; the other stream says what is compiled on this machine for the first time."""
    return "".join(each.text for each in outputs if each.get("name") == "stdout")


def numbers(text: str) -> set[float]:
    """The numbers in a text, each with its sign; 2e-05 may stand as $2\\cdot10^{-5}$."""
    return set(map(float, NUMBER.findall(re.sub(r"\\cdot10\^\{(.*?)\}", r"e\1", text.replace("−", "-")))))


def texts(cell: NotebookNode) -> list[Any]:
    """What a cell's outputs say, whatever the layout of a picture."""
    said: list[Any] = []
    for output in cell.outputs:
        if COMPILES in output.get("text", ""):
            continue
        said.append(output.get("text"))
        data = sorted(output.get("data", {}).items())
        said += [(kind, what_is_told(kind, text)) for kind, text in data]
    return said


def what_is_told(kind: str, text: str) -> Any:
    """What one form of an output says: of a picture whatever its layout, of pixels only that there are some."""
    if kind == "text/html" and (image := IMAGE.search(text)):
        return told(base64.b64decode(image[1]).decode())
    return told(text) if kind == "image/svg+xml" else bool(text) if kind == "image/png" else text


@contextlib.contextmanager
def run(lesson: str | Path) -> Iterator[Lesson]:
    """Execute a lesson, given by its path or the beginning of its name, and keep its kernel for questions."""
    [path] = [lesson] if isinstance(lesson, Path) else LESSONS.glob(f"{lesson}*.ipynb")
    client = NotebookClient(
        nbformat.read(path, as_version=4),
        timeout=120,
        coalesce_streams=True,  # a cell's text may come in one piece or in several
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],  # it would warn of connections that never leave this computer
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.create_kernel_manager().kernel_spec.argv[0] = sys.executable
    with tempfile.TemporaryDirectory() as settings:
        environment = {**os.environ, "IPYTHONDIR": settings, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        environment["CI"] = "true"  # by which Hypothesis finds the same example each time
        with client.setup_kernel(env=environment):
            yield Lesson(path, client)


def store(path: Path) -> None:
    """Execute a lesson and write it, outputs and all, to its file."""
    with run(path) as lesson:
        notebook = lesson.executed
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if COMPILES not in output.get("text", "")]
            for output in cell.outputs:
                if "metadata" in output:  # "needs_background" would put plots that are made for any page on white
                    output.metadata.clear()
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]) if sys.argv[1:] else sorted(LESSONS.glob("*.ipynb")):
        store(path.resolve())
