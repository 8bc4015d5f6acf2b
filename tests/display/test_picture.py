"""What is on a picture: boxes, arrows, names and scopes."""

import re

import pytest

from tests.display.drawings import NAMESPACE, after_backward, course, groups, label, neuron, texts
from tinygrad_lite import Value, atan2, gradient, nn, scope, stop_gradient, tanh
from tinygrad_lite.display.drawing import draw
from tinygrad_lite.display.picture import LINE, LINES, wrap


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


def test_a_gradient_is_what_the_arrows_add_up_to_whatever_was_recorded() -> None:
    J = after_backward(after_backward(course()))  # leaves accumulate, the others are set afresh
    drawing = draw(J)
    assert label(drawing, "n", "a")[-2:] == ["∂J/∂a = 10", "a.grad = 20"]
    assert label(drawing, "n", "u")[-1] == "∂J/∂u = 5"
    assert "a = 3; ∂J/∂a = 10; a.grad = 20" in [shape.title for shape in drawing.picture.shapes.values()]
    y = atan2(Value(0.0, "a"), Value(0.0, "b")).named("y")
    with pytest.raises(ZeroDivisionError):
        y.backward()  # which had recorded the first gradient, and no other
    assert label(draw(y, direction="both"), "n", "a")[-2:] == ["∂y/∂a = nan", "a.grad = 0"]


def test_no_arrow_leads_back_to_what_no_gradient_reaches_and_its_gradient_is_0() -> None:
    x, a, b = Value(0.0, "x"), Value(5.0, "a"), Value(2.0, "b")
    drawing = draw(after_backward((stop_gradient(x * a) * b).named("y")))
    assert [name for name in groups(drawing) if name[0] == "b"] == ["b3-0", "b5-0", "b5-1"]
    assert label(drawing, "n", "a") == ["a", "5", "∂y/∂a = 0"]
    seed = next(move for move in drawing.picture.moves if move.step.kind == "seed")
    assert [text for text, _ in seed.texts.values()] == ["∂y/∂y = ", "∂y/∂x = ", "∂y/∂a = "]


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


def test_a_cluster_does_not_say_its_name_again_in_each_of_its_parameters() -> None:
    y = nn.MLP(1, [2, 1], seed=0)([Value(1.0, "x")]).named("y")
    drawing = draw(after_backward(y), fold=False)
    boxes = [texts(g) for name, g in groups(drawing).items() if name[0] == "n"]
    parameters = [lines[0] for lines in boxes if lines[0] in ("w1", "w2", "b")]
    assert sorted(parameters) == ["b", "b", "b", "w1", "w1", "w1", "w2"]
    assert any(lines[0].endswith(" = w1 · x") for lines in boxes)
    gradients = [lines[2].partition(" = ")[0] for lines in boxes if len(lines) > 2]
    assert len(set(gradients)) == len(gradients)  # one symbol, one number


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
    drawing = draw(after_backward(y), fold=())
    again = [texts(g) for name, g in groups(drawing).items() if "again" in (g.get("class") or "")]
    assert again
    assert all(lines == ["w", "0.9", label(drawing, "n", "w")[2]] for lines in again)
    contributions = sum(name.startswith("b") for name in groups(drawing))
    assert contributions == sum(step.kind == "backward" for step in drawing.picture.steps)


def test_a_formula_that_is_cut_ends_at_a_space_where_there_is_one() -> None:
    assert wrap("word " * 50).splitlines()[LINES - 1].endswith("word …")
    assert wrap("x" * 500).splitlines()[LINES - 1] == "x" * (LINE - 2) + " …"


def test_a_line_of_a_formula_ends_before_a_sum_and_is_at_least_half_full() -> None:
    product = "x · " * 10 + "x"
    assert wrap(f"{product} + b").splitlines() == [product, "+ b"]
    assert wrap(f"b + {product}").splitlines() == [f"b + {product}".removesuffix(" x"), "x"]
