"""What docs/ is made of: the page of public names, with examples that run, and the README's picture."""

import ast
import re
import textwrap

import pytest

import tinygrad_lite
from tests.pictures import told
from tests.project import ROOT, module_from
from tinygrad_lite.engine.declaration import TABLE
from tinygrad_lite.strategies import check_gradients

PAGE = ROOT / "docs" / "api.md"

make_api = module_from(ROOT / "docs" / "make_api.py")


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == make_api.page()


def test_every_public_name_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    for name in tinygrad_lite.__all__:
        row = getattr(getattr(tinygrad_lite, name), "name", "")  # fabs is the row abs
        assert f"`{row}`" in text if row in TABLE else f"\n### `{name}`\n" in text


def test_links_lead_somewhere():
    """As code hosts name the headings of a page: lower case, hyphens for spaces, no punctuation."""
    text = PAGE.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    names = ["".join(c for c in h.lower().replace(" ", "-") if c.isalnum() or c in "-_") for h in headings]
    names = [name + (f"-{names[:i].count(name)}" if name in names[:i] else "") for i, name in enumerate(names)]
    links = re.findall(r"\]\((.*?)\)", text)
    assert len(links) > len(tinygrad_lite.__all__) - len(TABLE)
    for link in links:
        assert link.removeprefix("#") in names if link.startswith("#") else (PAGE.parent / link).exists()


def test_every_public_name_has_a_docstring():
    found = make_api.rooms()
    documented = [x for things in found.values() for x in things]
    missing = [module.__name__ for module in found if not module.__doc__]
    for x in documented:
        missing += [x.__qualname__] * (not x.__doc__ or x.__doc__.startswith(f"{x.__name__}("))  # a named tuple's own
        missing += [f"{x.__qualname__}.{name}" for name, m in make_api.methods(x, documented).items() if not m.__doc__]
    assert missing == []


TERM = re.compile(r"(\S+, )*\S+ {2,}\w")


def examples():
    """The indented code of every docstring of the package; a table, such as terms with what they mean, is none."""
    for path in sorted((ROOT / "tinygrad_lite").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and (text := ast.get_docstring(node)):
                for is_example, code in make_api.blocks(text):
                    lines = textwrap.dedent(code).splitlines()
                    if is_example and not all(TERM.match(line) or line[:2] == "  " for line in lines):
                        yield pytest.param(code, id=f"{path.stem}.{getattr(node, 'name', '')}".rstrip("."))


@pytest.mark.parametrize("code", list(examples()))
def test_an_example_of_a_docstring_runs(code, monkeypatch):
    """With the package's names, as after a star import, and no others; a test in it is run, on fewer inputs."""
    monkeypatch.setitem(check_gradients.__kwdefaults__, "max_examples", 50)
    names = {"__name__": "example"}
    exec("from tinygrad_lite import *", names)
    before = set(names)
    exec(compile(code, "docstring", "exec"), names)
    for name in names.keys() - before:
        if name.startswith("test_"):
            names[name]()


def test_the_pictures_of_the_readme_are_up_to_date():
    pictures = module_from(ROOT / "docs" / "make_pictures.py").PICTURES
    assert pictures
    for name, picture in pictures.items():
        assert told((ROOT / "docs" / name).read_text(encoding="utf-8")) == told(picture().svg)
