"""How a picture folds: scopes as one box, and the derivatives from end to end."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.display.drawings import NAMESPACE, after_backward, groups, label, texts
from tests.display.seven_graphs import SEVEN
from tinygrad_lite import Value, explain, gradient, maximum, play, relu, scope, sqrt, stop_gradient, tanh
from tinygrad_lite.display import folding
from tinygrad_lite.display.derivation import Derivation
from tinygrad_lite.display.drawing import draw
from tinygrad_lite.display.folding import Folding, enclosing, possible_foldings
from tinygrad_lite.engine.value import topological_order

OPERATIONS = [
    lambda a, b: a * b,
    lambda a, b: tanh(a) + b,
    lambda a, b: a - 0.5 * b,
    lambda a, b: stop_gradient(a) * b,
]


@st.composite
def scoped_graphs(draw_: st.DrawFn) -> tuple[Value, list[Value], list[scope]]:
    """A random graph over a few leaves, some nodes with a name, parts made inside scopes, some of them nested."""
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
            if draw_(st.booleans()):
                nodes[-1].named(f"u{len(nodes)}")

    grow(0)
    total = sum(nodes[len(leaves) :], nodes[0])
    return total.named("total"), leaves, scopes


@settings(max_examples=40)
@given(scoped_graphs(), st.data())
def test_a_folded_picture_obeys_the_chain_rule(
    graph: tuple[Value, list[Value], list[scope]], data: st.DataObject
) -> None:
    """Each arrow's product is upstream times local, and they add up to the gradients of the whole graph."""
    total, leaves, scopes = graph
    order = topological_order(total)
    present = [s for s in scopes if any(s in enclosing(x) for x in order)]
    fold = data.draw(st.lists(st.sampled_from(["unnamed", *present]), unique=True))
    picture = draw(total, fold=fold, rankdir="LR", direction="both", max_nodes=1000).picture
    backward = [step for step in picture.steps if step.kind != "forward"]
    reached = {step.node: step.total for step in backward}
    sums = dict.fromkeys(reached, 0.0)
    for step in backward:
        sums[step.node] += step.value
        if step.kind == "backward":
            local = picture.derivation.slope(step.consumer, step.slot)[0]
            assert math.isclose(step.value, reached[step.consumer] * local, rel_tol=1e-9, abs_tol=1e-9)
    named = {x.label: x for x in [*leaves, *order] if x.label}
    gradients = dict(zip(named, gradient(total, list(named.values())), strict=True))
    shown = {picture.names[i]: i for i in range(len(picture.derivation.nodes))}
    assert {leaf.label for leaf in leaves if leaf in order} <= shown.keys()
    for name, i in shown.items():
        if name in gradients:
            for number in (sums.get(i, 0.0), reached.get(i, 0.0)):
                assert math.isclose(number, gradients[name].data, rel_tol=1e-9, abs_tol=1e-9)


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


@settings(max_examples=20)
@given(scoped_graphs(), st.data())
def test_an_explanation_folds_as_a_picture_does(
    graph: tuple[Value, list[Value], list[scope]], data: st.DataObject
) -> None:
    total, _, scopes = graph
    present = [s for s in scopes if any(s in enclosing(x) for x in topological_order(total))]
    fold = data.draw(st.lists(st.sampled_from(["unnamed", *present]), unique=True) | st.booleans())
    steps = draw(total, fold=fold, rankdir="LR", direction="both", max_nodes=1000).picture.steps
    assert list(map(repr, explain(total, fold=fold).derivation.steps())) == list(map(repr, steps))


@pytest.mark.parametrize("fold", ["inside", "outside", "unnamed", True])
def test_an_infinite_slope_that_no_gradient_reaches_is_not_asked_for(fold: str | bool) -> None:
    """It is inside what folds, or outside, and then a slope of what folds stops the gradient."""
    x, a = Value(0.0, "x"), Value(5.0, "a")
    with scope("inside"):
        inside = (stop_gradient(sqrt(x) * a) + 2 * x).named("u")
    root = sqrt(x).named("r")
    with scope("outside"):
        outside = (stop_gradient(root + a) + 3 * x).named("v")
    J = after_backward((inside + stop_gradient(root) + outside).named("J"))
    told = str(explain(J, fold=fold))
    assert told.endswith("\ngradient  ∂J/∂x = 5, ∂J/∂a = 0")
    assert "nan" not in told
    assert label(play(J, fold=fold).drawing, "n", "a") == ["a", "5", "∂J/∂a = 0"]


@pytest.mark.parametrize("fold", ["s", "unnamed"])
def test_a_slope_that_is_0_here_stops_no_infinite_one(fold: str) -> None:
    x = Value(0.0, "x")
    root = sqrt(x).named("r")
    with scope("s"):
        u = relu(root - 1).named("u")
    assert str(explain((u + x).named("J"), fold=fold)).endswith("gradient  ∂J/∂x = nan")


def test_a_folded_explanation_is_a_step_for_each_scope_and_formula() -> None:
    x, w = Value(0.5, "x"), Value(-2.0, "w")
    with scope("{h}_1", parameters=[w]):
        h = tanh(w * x).named("h")
    J = ((h - 1) ** 2).named("J")
    lines = [len(str(explain(J, fold=fold)).splitlines()) for fold in ((), [], "unnamed", True, None)]
    assert lines == [12, 12, 8, 9, 7]
    explanation = explain(J, fold=None)
    assert str(explanation).splitlines()[1:4] == [
        "forward   h = {h}_1(x) = {h}_1(0.5) = −0.7616",
        "          J = (h − 1)² = (−0.7616 − 1)² = 3.103",
        "backward  ∂J/∂J = 1",
    ]
    assert r"h & = \text{\{h\}\_1}\left(x\right) = \text{\{h\}\_1}\left(0.5\right) = -0.7616" in explanation.latex()


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


def test_calls_that_would_read_alike_are_numbered() -> None:
    """A scope's second output, another scope of the name, or of the same numbers: each is a number of its own."""
    a = Value(0.5, "a")
    with scope("s"):
        outputs = [a.sin().named("u"), (a * 2).named("v")]
    for x in (a, Value(0.5, "b")):
        with scope("s"):
            outputs.append(x.cos())
    with scope("t"):
        outputs.append(a.exp())
    steps = [step for step in play(sum(outputs), fold=["s", "t"]).drawing.picture.steps if step.kind == "forward"]
    calls = ["s(a)_1", "s(a)_2", "s(a)_3", "s(b)_4", "t(a)"]
    assert [step.sides[0] for step in steps if " + " not in step.sides[0]] == calls
    numbers: dict[str, str] = {}
    for step in steps:
        for side in step.sides[:-1]:
            assert numbers.setdefault(side, step.sides[-1]) == step.sides[-1]


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
    assert len(draw(x, max_nodes=4).picture.boxes) == 4  # without the leaf, which a scope alone uses
    with pytest.raises(ValueError, match=r"4 boxes, more than max_nodes=3: .*max_nodes=4"):
        draw(x, max_nodes=3)


def test_where_scopes_are_not_enough_the_leaves_that_they_use_are_hidden_innermost_first() -> None:
    """As the matrices of a transformer, which all its positions share."""
    x, weights, y = Value(0.5, "x"), [Value(0.1 * i, f"w{i}") for i in range(20)], Value(0.0)
    for i in range(3):
        with scope(f"position {i}"):
            for part in ("attention", "mlp"):
                with scope(part):
                    y = tanh(sum((w * y for w in weights), x))
    loss = after_backward((y - x).named("loss"))
    assert sum(box.kind == "leaf" for box in draw(loss, max_nodes=30).picture.boxes.values()) == 22
    small = draw(loss, max_nodes=10)
    boxes = [texts(g)[0] for name, g in groups(small).items() if name[0] == "n"]
    assert sorted(boxes) == [*["attention"] * 3, "loss = y − x", *["mlp"] * 3, "x"]
    with pytest.raises(ValueError, match="26 boxes, more than max_nodes=10: leave out fold="):
        draw(loss, fold=True, max_nodes=10)
    with pytest.raises(ValueError, match=r"build parts of the graph in `with scope\(name\):`"):
        draw(sum(weights, x), max_nodes=10)


def test_an_unknown_scope_is_an_error_that_lists_the_known() -> None:
    with scope("known"):
        y = Value(1.0) * 2
    with pytest.raises(ValueError, match=r"cannot fold 'unknown'.*'known'"):
        draw(y, fold="unknown")


# ── nodes without a name ──


def test_a_node_without_a_name_is_written_into_the_formula_of_its_consumer() -> None:
    drawing = draw(SEVEN["seven_inputs"](), fold="unnamed", direction="both")
    kinds = [box.kind for box in drawing.picture.boxes.values()]
    assert (kinds.count("operation"), kinds.count("output"), kinds.count("leaf"), len(kinds)) == (2, 1, 15, 18)
    formula = " + ".join(["b", *(f"w{i} · x{i}" for i in range(1, 8))])
    assert " ".join(label(drawing, "n", "z")[:2]) == f"z = {formula}"
    assert label(drawing, "b", "∂z/∂w2") == ["∂z/∂w2 = x2 = 0.5", "∂J/∂w2 += −0.4134 · 0.5"]


def test_a_formula_keeps_its_parentheses() -> None:
    a, b, c = Value(-3.0, "a"), Value(4.0, "b"), Value(5.0, "c")
    drawing = draw(((a + b) * c - (a - 2)).named("y"), fold="unnamed", direction="both")
    assert label(drawing, "n", "y")[0] == "y = (a + b) · c − (a − 2)"
    [step] = [step for step in drawing.picture.steps if step.kind == "forward"]
    assert step.sides == ("(a + b) · c − (a − 2)", "(−3 + 4) · 5 − (−3 − 2)", "10")
    assert label(drawing, "b", "∂y/∂a") == ["∂y/∂a = −1 + c = 4", "∂y/∂a += 1 · 4"]


def test_where_a_slope_is_chosen_no_formula_says_another_number() -> None:
    a, b = Value(1.0, "a"), Value(1.0, "b")
    drawing = draw((maximum(a, b) * 3).named("y"), fold="unnamed", direction="both")
    assert label(drawing, "b", "∂y/∂a") == ["∂y/∂a = 1.5", "∂y/∂a += 1 · 1.5"]


def test_what_is_used_twice_or_made_elsewhere_stays_a_box() -> None:
    def build() -> Value:
        twice = Value(0.5, "x").sin()
        square = twice * twice
        with scope("inside"):
            inner = (square + 2).exp()
        return (inner + 1).named("y")

    drawing = draw(build(), fold="unnamed")
    formulas = [texts(g)[0] for name, g in groups(drawing).items() if name[0] == "n"]
    assert sorted(formulas) == ["v1 = sin(x)", "v2 = v1 · v1", "v4 = exp(v2 + 2)", "x", "y = v4 + 1"]


@pytest.mark.parametrize(("operations", "possible"), [(2, [3, 2]), (12, [13, 2]), (13, [2])])
def test_many_operations_fold_by_themselves(operations: int, possible: list[int]) -> None:
    y = x = Value(0.5, "x")
    for _ in range(operations):
        y = y.sin()
    foldings = possible_foldings(Derivation(y), {x, y}, None, 150)
    assert [folding.size for folding in foldings] == possible
    assert len(draw(y).picture.boxes) == (2 if operations > 2 else 3)


def test_a_long_formula_is_two_lines_and_whole_in_the_title() -> None:
    drawing = draw(SEVEN["chain"]())
    lines = label(drawing, "n", "y")[:-2]
    assert len(lines) == 2
    assert max(map(len, lines)) <= 44
    assert lines[1].endswith("…")
    titles = [g.findtext(f"{NAMESPACE}title") or "" for name, g in groups(drawing).items() if name[0] == "n"]
    assert any(title.count("sin(") == title.count(" · 1.1") == 10 for title in titles)


def test_a_very_long_chain_keeps_boxes_and_is_refused_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    y = Value(0.5, "x")
    for _ in range(120):
        y = y.sin()
    assert 2 < len(draw(y.named("y")).picture.boxes) < 12
    for _ in range(20_000):
        y = y.sin()
    made = []
    monkeypatch.setattr(folding, "Folding", lambda *arguments: made.append(Folding(*arguments)) or made[-1])
    with pytest.raises(ValueError, match="more than max_nodes=150"):
        draw(y)
    assert len(made) == 1  # refused at once: each is a walk through the graph


def test_what_fits_when_steps_without_a_name_are_folded_is_drawn() -> None:
    a, b, c, d = (Value(float(i), name) for i, name in enumerate("abcd"))
    draw(((a * b + c) * d).named("y"), max_nodes=5)
