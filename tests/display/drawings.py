"""Graphs to draw, and how to read what was drawn: for the tests of pictures and pages."""

import re
import xml.etree.ElementTree as ET

from tinygrad_lite import Value, binary_cross_entropy, nn, sigmoid
from tinygrad_lite.display.drawing import Drawing

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
