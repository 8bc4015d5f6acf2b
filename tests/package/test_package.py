"""The package as a whole: light to import, documented by code that runs, one row per operation."""

import pickle
import re
import shutil
import sys

import pytest

import tinygrad_lite as tl
from tests.project import ROOT, module_from, python
from tinygrad_lite import Value
from tinygrad_lite.engine.declaration import TABLE, Primitive
from tinygrad_lite.strategies import check_gradients


def test_import_loads_the_standard_library_only():
    loaded = python(
        "-c", "import sys; before = set(sys.modules); import tinygrad_lite; print(*set(sys.modules) - before)"
    ).stdout
    roots = {name.partition(".")[0] for name in loaded.split()}
    assert roots - set(sys.stdlib_module_names) == {"tinygrad_lite"}
    # The slow ones of the standard library, which alone would take half of the time an import may cost.
    assert not {"dataclasses", "inspect", "decimal", "asyncio", "unittest"} & roots


def test_every_public_name_is_there_and_the_unknown_is_named():
    for name in tl.__all__:
        assert getattr(tl, name) is not None
    assert tl.nn.MLP
    with pytest.raises(AttributeError, match="'tinygrad_lite' has no attribute 'sinus'"):
        tl.sinus  # noqa: B018 — to ask for it is the test


def test_a_star_import_hides_no_builtin():
    names = python("-c", "from tinygrad_lite import *; print(abs, pow, exp)").stdout
    assert names == "<built-in function abs> <built-in function pow> <primitive exp>\n"


@pytest.mark.parametrize("row", [row for row in TABLE.values() if not row.hidden], ids=lambda row: row.name)
def test_a_row_is_function_method_and_documented(row):
    assert getattr(tl, row.name) is row
    x = 1.0 if row.domain[0].low == 1 else 0.5
    operands = [Value(x) for _ in row.partials]
    assert getattr(operands[0], row.method)(*operands[1:]).data == row(*operands).data == row(*[x] * len(operands))
    assert row.doc


def test_the_table_is_closed_under_differentiation():
    rows = [row for row in vars(tl.engine.primitives).values() if isinstance(row, Primitive)]
    assert [row.name for row in rows if row.opaque] == []


def test_the_page_of_operations_is_up_to_date():
    page = module_from(ROOT / "docs" / "make_operations.py").page()
    assert (ROOT / "docs" / "operations.md").read_text(encoding="utf-8") == page


def test_one_row_is_all_that_an_operation_needs(tmp_path):
    """A row added to a copy of the table is function, method, symbol, derivative and documentation."""
    row = 'cbrt = declare("cbrt", math.cbrt, lambda x, y: 1 / (3 * y * y), plain="∛{}", doc="cube root")\n'
    package = tmp_path / "tinygrad_lite"
    shutil.copytree(ROOT / "tinygrad_lite", package)
    table = package / "engine" / "primitives.py"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("for _row in", row + "for _row in"), encoding="utf-8")
    code = """
import tinygrad_lite as tl
x = tl.Value(8.0, label="x")
y = x.cbrt().named("y")
y.backward()
print(tl.__file__, tl.cbrt(8), x.grad, tl.grad(tl.grad(tl.cbrt))(8.0))
print(tl.explain(y))
from tinygrad_lite.expression import parse
print(parse("cbrt(a)", {"a": 8}).data, "cbrt" in tl.__all__)
"""
    done = python("-c", code, cwd=tmp_path)
    first, *steps, last = done.stdout.splitlines()
    assert first.split()[1:3] == ["2.0", "0.08333333333333333"]
    assert str(package) in first
    assert float(first.split()[3]) == pytest.approx(-2 / (9 * 32))
    assert "forward   y = ∛x = ∛8 = 2" in steps
    assert last == "2.0 True"


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = re.compile(r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_on_a_page_runs_and_prints_what_the_page_says(page, monkeypatch, tmp_path, capsys):
    """Blocks share their names, as the cells of a notebook do; a `text` block is the output, or the error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(check_gradients.__kwdefaults__, "max_examples", 50)  # of 500; what a page finds, it finds early
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    names = {"__name__": "page"}
    for code, claimed in BLOCKS.findall(page.read_text(encoding="utf-8")):
        try:
            exec(compile(code, page.name, "exec"), names)
        except AssertionError as error:
            print(f"{type(error).__name__}: {error}")
        assert capsys.readouterr().out == claimed, code


UNWRITTEN = """
import linecache, pickle, sys
import tinygrad_lite
from tinygrad_lite import Value

def written():
    return [name for name in linecache.cache if name.startswith("<tinygrad_lite: ")]

class Own(Value):
    __slots__ = ()
    def tan(self):
        return super().tan()

assert written() == []
y = pickle.loads(bytes.fromhex(sys.argv[1]))
y.backward()
assert written() == ["<tinygrad_lite: mul>"] and y.first.grad == 3.0
assert Own(0.0).tan().data == 0.0 and Value.tan is vars(Value)["tan"] and Value.arctan(Value(0.0)).op.name == "atan"
print(written())
"""


def test_methods_are_written_when_a_row_is_first_used():
    graph = pickle.dumps(Value(2.0) * 3.0).hex()
    assert re.findall(r"\w+(?=>)", python("-c", UNWRITTEN, graph).stdout) == ["mul", "tan", "atan"]
