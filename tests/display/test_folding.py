"""How a picture folds: scopes as one box, and the derivatives from end to end."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.display.drawings import NAMESPACE, after_backward, groups, label, texts
from tinygrad_lite import Value, gradient, scope, tanh
from tinygrad_lite.display.drawing import draw
from tinygrad_lite.display.folding import enclosing
from tinygrad_lite.engine.value import topological_order

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
