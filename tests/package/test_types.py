"""What type checkers see of the package: the table's functions and methods, and nothing that is not there."""

import ast
import subprocess
import sys
import textwrap

import pytest

import tinygrad_lite
from tests.project import ROOT, python
from tinygrad_lite.engine import value
from tinygrad_lite.engine.declaration import TABLE
from tinygrad_lite.engine.generated_methods import OWN

RIGHT = """
from tinygrad_lite import Value, exp, grad, gradcheck, nn, sigmoid, tanh

v = Value(2.0, "v")
y: Value = v.exp() * 2 + v * v - 1 / v + exp(v) + sigmoid(tanh(v)) ** 2
z: Value = v.maximum(0.0).binary_cross_entropy_with_logits(1)
w: Value = sum([v, y], Value(0.0))
flag: bool = v > 1
name: str = v.label
number: float = float(v) + v.data + v.grad
"""
WRONG = {
    "v.epx()": 'has no attribute "epx"',
    "v.labell": 'has no attribute "labell"',
    "v.exp(1, 2, 3)": "Too many arguments",
    "v.maximum()": "Too few arguments",
    "Value(1.0, 'a', 2)": "incompatible type",
    "Value('1')": "incompatible type",
    "v.backward(retain_graph=True)": "incompatible type",
}


def check(tmp_path, text):
    path = tmp_path / "program.py"
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout


def test_a_small_program_is_checked_as_it_should_be(tmp_path):
    found = check(tmp_path, RIGHT + "\n".join(WRONG))
    first = RIGHT.count("\n") + 1
    for line, message in enumerate(WRONG.values(), start=first):
        assert any(f"program.py:{line}:" in told and message in told for told in found.splitlines()), (line, found)
    assert found.count("error:") == len(WRONG), found


def test_a_star_import_gives_the_table_to_type_checkers_too(tmp_path):
    text = "from tinygrad_lite import *\nv = Value(1.0)\ny: Value = exp(v) + sigmoid(v)\nsinus(v)\n"
    found = check(tmp_path, text)
    assert found.count("error:") == 1
    assert '"sinus" is not defined' in found


def listed():
    """The methods under TYPE_CHECKING beside the table, with the number of their operands."""
    tree = ast.parse((ROOT / "tinygrad_lite" / "engine" / "primitives.py").read_text(encoding="utf-8"))
    [cls] = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for node in cls.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield target.id, {"_unary": 1, "_binary": 2}[node.value.id]


def test_the_methods_listed_for_type_checkers_are_those_of_the_table():
    expected = {}
    for row in TABLE.values():
        if (row.method.startswith("__") or not row.hidden) and row.method not in OWN:  # `clip`, for NumPy's sake
            expected[row.method] = len(row.partials)
            if row.method.startswith("__") and len(row.partials) == 2 and row.name != "add":
                expected[f"__r{row.method[2:]}"] = 2
    assert dict(listed()) == expected


def test_dir_is_the_public_names():
    names = {name for name in dir(tinygrad_lite) if not name.startswith("__")}
    assert names == set(tinygrad_lite.__all__)
    assert {"__version__", "__doc__", "__all__"} <= set(dir(tinygrad_lite))
    assert tinygrad_lite.__version__[0].isdigit()


@pytest.mark.parametrize("name", ["sin", "binary_cross_entropy", "abs"])
def test_help_tells_of_the_operation(name):
    row = getattr(tinygrad_lite, name)
    code = f"import tinygrad_lite; help(tinygrad_lite.{name})"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert row.doc in told
    assert row.__name__ == name
    assert "Made, and its columns explained" not in told


def test_the_text_in_the_docstring_of_value_is_what_is_generated():
    """In a process of its own: the mutants of other tests write other text."""
    program = "import inspect; from tinygrad_lite.engine.declaration import TABLE; row = TABLE['mul']\n"
    program += "print(inspect.getsource(row.forward), inspect.getsource(row.backward), sep='@@@')"
    shown = textwrap.dedent("\n".join(line for line in value.__doc__.splitlines() if line[:4] in ("    ", "")))
    written = python("-c", program).stdout.split("@@@")
    assert [function.strip() in shown for function in written] == [True, True]
