"""Whether one can read a picture: on a laptop, and no text on another, by what the layout engine says."""

import itertools
import json
import math
import re
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.display.drawings import after_backward, label
from tests.display.seven_graphs import SEVEN
from tinygrad_lite import Value, exp, nn, tanh
from tinygrad_lite.display import svg
from tinygrad_lite.display.drawing import Drawing, draw


class Rectangle(NamedTuple):
    left: float
    right: float
    low: float
    high: float

    def overlaps(self, other: "Rectangle") -> bool:
        across = min(self.right, other.right) - max(self.left, other.left)
        return across > 0.5 and min(self.high, other.high) - max(self.low, other.low) > 0.5

    def inside(self, other: "Rectangle") -> bool:
        return (
            other.left <= self.left and self.right <= other.right and other.low <= self.low and self.high <= other.high
        )


def outline(points: list[list[float]]) -> Rectangle:
    across, up = zip(*points, strict=True)
    return Rectangle(min(across), max(across), min(up), max(up))


def places(drawing: Drawing) -> tuple[dict[str, Rectangle], dict[str, list[Rectangle]]]:
    """Where the layout has the boxes, and the lines of text of boxes, arrows and clusters."""
    found = json.loads(svg._engine().render(drawing.source, format="json"))
    boxes, written = {}, {}
    for item in [*found["objects"], *found["edges"]]:
        size, lines = 0.0, []
        for piece in item.get("_ldraw_", []):
            if piece["op"] == "F":
                size = piece["size"]
            if piece["op"] == "T":
                (x, base), half = piece["pt"], piece["width"] / 2
                lines.append(Rectangle(x - half, x + half, base - 0.2 * size, base + 0.75 * size))
        written[item.get("id", "")] = lines
        if "id" in item and item["id"].startswith("n"):
            points = [p for piece in item["_draw_"] if piece["op"] in "pPbB" for p in piece["points"]]
            boxes[item["id"]] = outline(points)
    return boxes, written


def size(drawing: Drawing) -> tuple[float, float, float]:
    """Width, height and the smallest letters, in the picture's own unit."""
    width, height = re.search(r'width="(\S+)pt"\s+height="(\S+)pt"', drawing.svg).groups()
    return float(width), float(height), min(map(float, re.findall(r'font-size="(\S+)"', drawing.svg)))


@pytest.mark.parametrize("direction", ["both", "forward", "backward"])
@pytest.mark.parametrize("name", SEVEN)
def test_no_text_is_on_a_text_or_a_box(name: str, direction: str) -> None:
    boxes, written = places(draw(SEVEN[name](), direction=direction))
    assert sum(map(len, written.values())) > 3
    for one, other in itertools.combinations(boxes, 2):
        assert not boxes[one].overlaps(boxes[other]), (one, other)
    for owner, lines in written.items():
        assert all(line.inside(boxes[owner]) for line in lines if owner in boxes), owner
        assert not any(line.overlaps(boxes[box]) for line in lines for box in boxes if box != owner), owner
    for lines, others in itertools.combinations(written.values(), 2):
        assert not any(line.overlaps(other) for line in lines for other in others)


@pytest.mark.parametrize("name", SEVEN)
def test_a_laptop_shows_all_of_it_in_letters_that_one_can_read(name: str) -> None:
    drawing = draw(SEVEN[name]())
    width, height, letters = size(drawing)
    shown = float(re.search(r";width:(\d+)px", drawing._repr_mimebundle_()["text/html"])[1])
    scale = min(shown, 800) / width
    assert scale * letters >= 11
    assert scale * height <= 590


@settings(max_examples=15)
@given(st.data())
def test_graphs_of_up_to_twelve_boxes_are_legible_in_the_width_of_a_slide(data: st.DataObject) -> None:
    nodes = [Value(data.draw(st.sampled_from([-1.5, 0.25, 2.0])), f"x{i}") for i in range(data.draw(st.integers(1, 4)))]
    for i in range(data.draw(st.integers(1, 12 - len(nodes)))):
        a, b = data.draw(st.sampled_from(nodes)), data.draw(st.sampled_from(nodes[-2:]))
        nodes.append(data.draw(st.sampled_from([a * b, a + b, tanh(b), exp(-b)])).named(f"u{i}"))
    width, _, letters = size(draw(after_backward(nodes[-1])))
    assert letters * min(4 / 3, 800 / width) >= 11


@pytest.mark.parametrize("name", ["course", "neuron", "lecture"])
def test_the_direction_is_the_one_with_the_larger_letters_on_a_slide(name: str) -> None:
    def letters(drawing: Drawing) -> float:
        width, height, smallest = size(drawing)
        return smallest * min(4 / 3, 800 / width, 450 / height)

    graph = SEVEN[name]()
    along, down = (draw(graph, rankdir=rankdir, fold=()) for rankdir in ("LR", "TB"))
    assert draw(graph, fold=()).source == max(along, down, key=letters).source
    assert {"course": along, "neuron": down, "lecture": down}[name].source == draw(graph).source


def test_arrows_have_no_labels_where_the_letters_would_be_too_small() -> None:
    """One leaf used by every operation: with labels the picture is wider than a slide in any direction."""
    x = y = Value(-1.5, "x")
    for i in range(5):
        y = (x * y).named(f"u{i}")
    drawing = draw(after_backward(y))
    arrows = [shape for name, shape in drawing.picture.shapes.items() if name[0] == "b"]
    assert all("∂" in shape.title and not shape.parts for shape in arrows)
    assert len(arrows) == 10


def test_leaves_of_one_name_are_one_box_where_there_is_no_room_for_each() -> None:
    drawing = draw(SEVEN["seven_inputs"]())
    assert len([box for box in drawing.picture.boxes.values() if box.kind == "leaf"]) == 3
    lines = label(drawing, "n", "w1")
    assert lines[:4] == ["w1 = 0.3", "∂J/∂w1 = −0.4134", "w2 = −0.2", "∂J/∂w2 = −0.2067"]
    assert len(lines) == 14
    assert label(drawing, "b", "∂z/∂w1") == [
        *("∂z/∂w1 = x1 = 1", "∂J/∂w1 += −0.4134 · 1", "∂z/∂w2 = x2 = 0.5", "∂J/∂w2 += −0.4134 · 0.5", "…")
    ]
    assert {move.step.node for move in drawing.picture.moves} == set(range(len(drawing.picture.derivation.nodes)))


def test_where_nothing_fits_it_is_the_picture_that_comes_nearest() -> None:
    weights, inputs = ([Value(0.1, f"{name}{i}") for i in range(19)] for name in "wx")
    y = sum((w * x for w, x in zip(weights, inputs, strict=True)), Value(0.0, "b")).named("y")
    drawing = draw(after_backward(y))
    assert not drawing.is_legible(800, 585)
    assert sorted(len(box.nodes) for box in drawing.picture.boxes.values()) == [1, 1, 19, 19]


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
@pytest.mark.parametrize("direction", ["both", "forward"])
def test_layers_are_columns_in_order_joined_by_straight_lines(rankdir: str, direction: str) -> None:
    drawing = draw(SEVEN["perceptron"](), rankdir=rankdir, direction=direction)
    boxes, _ = places(drawing)
    along = (lambda box: box.left + box.right) if rankdir == "LR" else (lambda box: box.low + box.high)
    across = (lambda box: -box.high) if rankdir == "LR" else (lambda box: box.left)
    columns = [[boxes[name] for name in column] for column in drawing.picture.columns]
    assert sorted(map(len, columns)) == [3, 4, 4]
    for column in columns:
        assert max(map(along, column)) - min(map(along, column)) < 2
        assert [across(box) for box in column] == sorted(across(box) for box in column)
    order = [[drawing.picture.shapes[name].parts[0].text for name in column] for column in drawing.picture.columns]
    assert ["neuron 1", "neuron 2", "neuron 3", "neuron 4"] in order
    assert ["x1", "x2", "x3"] in order
    for path in re.findall(r'class="edge (?:for|back)ward">.*?<path [^>]*d="M([^"]+)"', drawing.svg, re.DOTALL):
        (x, y), *points = [tuple(map(float, point.split(","))) for point in re.split("[C ]", path)]
        end_x, end_y = points[-1]
        distance = math.hypot(end_x - x, end_y - y)
        assert all(abs((end_x - x) * (q - y) - (end_y - y) * (p - x)) / distance < 1 for p, q in points)


def test_layers_of_many_neurons_are_no_taller_than_their_boxes() -> None:
    inputs = [Value(0.5, "x1"), Value(-1.0, "x2")]
    drawing = draw(after_backward(nn.MLP(2, [16, 16, 1], activation="tanh", seed=1)(inputs)))
    boxes = places(drawing)[0]
    for column in drawing.picture.columns:
        stacked = [boxes[name] for name in column]
        gaps = [above.low - below.high for above, below in itertools.pairwise(stacked)]
        assert all(5 < gap < 20 for gap in gaps)


def test_layers_have_their_arrows_numbers_in_the_titles_and_as_widths() -> None:
    drawing = draw(SEVEN["perceptron"](), fold=[f"neuron {i}" for i in range(1, 5)])
    shapes = drawing.picture.shapes
    assert all("∂" in shape.title and not shape.parts for name, shape in shapes.items() if name[0] == "b")
    assert max(drawing.picture.weights.values()) == 1
    slopes = {
        name: abs(float(re.search(r"∂v\d+/∂\w+ = (\S+);", shapes[f"b{name}"].title)[1].replace("−", "-")))
        for name in drawing.picture.weights
    }
    widths = dict(re.findall(r'class=forward [^\]]*id="f([\d-]+)" [^\]]*penwidth=([\d.]+)', drawing.source))
    assert len(set(widths.values())) > 20
    ordered = sorted(slopes, key=slopes.__getitem__)
    assert [float(widths[name]) for name in ordered] == sorted(float(widths[name]) for name in ordered)


def test_numbers_that_go_into_a_layer_are_its_inputs() -> None:
    picture = draw(after_backward(nn.MLP(2, [3, 1], seed=0)([0.5, -1.0]))).picture
    assert [[picture.boxes[name].kind for name in column] for column in picture.columns] == [
        ["folded"] * 3,
        ["constant"] * 2,
    ]
