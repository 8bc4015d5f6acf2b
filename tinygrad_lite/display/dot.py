"""How boxes and arrows look: their colours and shapes, and labels that render literally, in Graphviz's language."""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..engine.scopes import scope
from .picture import Picture, Shape

if TYPE_CHECKING:
    import graphviz

Theme = Literal["auto", "light", "dark"]
PAPER = ("#ffffff", "#1e1e1e")  # colours are pairs: light, dark
INK = ("#1a1a1a", "#f0f0f0")
RED = ("#b2182b", "#ff8a80")
GREY = ("#666666", "#a8a8a8")


class Paint(NamedTuple):
    """How a kind of box is filled and outlined, (light, dark), and what else its outline is known by."""

    fill: tuple[str, str]
    outline: tuple[str, str]
    style: dict[str, str]

    def dot(self, kind: str, dark: bool) -> dict[str, str]:
        """The attributes of a node in DOT."""
        return {"class": kind, "fillcolor": self.fill[dark], "color": self.outline[dark], **self.style}


BOXES = {
    "leaf": Paint(("#e6f1fb", "#16324a"), ("#1f5f99", "#7ab8f5"), {"style": "rounded,filled"}),
    "again": Paint(("#ffffff", "#262626"), ("#1f5f99", "#7ab8f5"), {"style": "rounded,filled,dashed"}),
    "constant": Paint(("#f4f4f4", "#2a2a2a"), GREY, {"style": "rounded,filled,dotted", "penwidth": "1.5"}),
    "operation": Paint(("#ffffff", "#262626"), ("#333333", "#d0d0d0"), {"style": "filled"}),
    "output": Paint(("#fdf3d8", "#3a3118"), ("#8a5a00", "#e8b84a"), {"style": "filled", "peripheries": "2"}),
    "folded": Paint(("#f0eafa", "#2e2545"), ("#5e3b9e", "#b79cf7"), {"style": "filled", "penwidth": "2.5"}),
}
FONT, SMALL = 13, 12  # points, in boxes and at arrows
PALE = "80"  # half transparent
UNFIT = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
APART = 0.2  # inches between the boxes of a column
LARGE = 150  # boxes above which the layout is told to hurry


def clean(text: str) -> str:
    """The text as XML can hold it: no control characters but the newline, no lone surrogates."""
    return UNFIT.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))


def split_lines(text: str) -> list[str]:
    """The lines of a label; an empty one, over which the engine stumbles, is a no-break space."""
    return [line or "\u00a0" for line in clean(text).split("\n")]


def escape(text: str) -> str:
    """A label that Graphviz renders literally: no HTML, no escapes, no entities."""
    for character, escaped in (("&", "&amp;"), ("<", "&lt;"), ("\\", "\\\\"), ('"', '\\"')):
        text = text.replace(character, escaped)
    return "\\n".join(split_lines(text))


def wide(label: list[str]) -> int:
    """How many East Asian characters a label has in a line: each an em wide, which the engine takes for less."""
    return max((sum(unicodedata.east_asian_width(c) in "WF" for c in line) for line in label), default=0)


def digraph(picture: Picture, rankdir: str, dark: bool) -> "graphviz.Digraph":
    """The picture as an object of the `graphviz` package; its clusters become shapes of it."""
    import graphviz

    arrows = [(kind + name, ends) for name, ends in picture.arrows.items() for kind in "fb"]
    narrow = (
        max((wide(label_lines(picture.shapes[name])) for name, _ in arrows if name in picture.shapes), default=0) / 72
    )
    along = rankdir in ("LR", "RL")  # labels stand above and below their arrows, else beside them
    gap = {"nodesep": 0.4 if along else 0.5, "ranksep": 0.3, "pad": 0.1 + narrow}
    gap["ranksep" if along else "nodesep"] += 2 * narrow
    inches = {name: f"{gap[name]:.2f}" for name in gap}
    effort = {"nslimit": "0.2", "mclimit": "0.05"} if len(picture.boxes) > LARGE else {"remincross": "false"}
    layers = {"outputorder": "edgesfirst", "nodesep": f"{_crowd(picture):.3f}"} if picture.columns else {}
    layers |= {"splines": "line"} if picture.columns and picture.straight else {}
    paper, ink = ({"bgcolor": PAPER[1]}, {"fontcolor": INK[1]}) if dark else ({}, {})
    graph = graphviz.Digraph(
        graph_attr={"rankdir": rankdir, "fontname": "Helvetica", **inches, **effort, **layers, **paper},
        node_attr={"shape": "box", "fontname": "Helvetica", "fontsize": str(FONT), "margin": "0.12,0.07", **ink},
        edge_attr={"fontname": "Helvetica", "fontsize": str(SMALL), "arrowsize": "0.7"},
    )
    _emit(picture, graph, picture.boxes, 0, along, dark)
    for name, ends in arrows:
        if name in picture.shapes:
            style = _arrow(name[0], dark) | _connection(picture, name, along, dark)
            graph.edge(*ends, _label(picture.shapes[name]), id=name, **style)
    return graph


def _arrow(kind: str, dark: bool) -> dict[str, str]:
    """How an arrow of the forward pass looks, "f", or of the backward pass, "b"."""
    if kind == "f":
        return {"class": "forward", "color": INK[dark]}
    return {"class": "backward", "color": RED[dark], "fontcolor": RED[dark], "style": "dashed", "dir": "back"}


def _crowd(picture: Picture) -> float:
    """Inches between what is side by side among layers: the fewer, the more arrows there are, each of which takes as
    much in the rank that it passes. Between the boxes of a column an edge of that length keeps them apart.
    """
    return min(APART, max(0.02, 16 * APART / len(picture.arrows)))


def _connection(picture: Picture, name: str, along: bool, dark: bool) -> dict[str, str]:
    """How an arrow looks among layers: both passes on one line, pale and of its weight below, dashed and thin above.

    It spans two ranks, since between neighbours the engine would bend the two apart.
    """
    if not picture.columns:
        return {}
    below = name[0] == "f" or picture.direction == "backward"
    width = 0.6 + 2.8 * picture.weights.get(name[1:], 0.2) if below else 0.8
    ports = {"tailport": "e", "headport": "w"} if along else {"tailport": "s", "headport": "n"}
    pale = {"color": INK[dark] + PALE} if name[0] == "f" else {}
    return {"minlen": "2", "penwidth": f"{width:.2f}", "arrowsize": "0.6", **ports, **pale}


def _stack(graph: "graphviz.Digraph", column: Sequence[str], steps: int) -> None:
    """Boxes of one rank, in this order, as many times the usual distance apart."""
    with graph.subgraph() as same:
        same.attr(rank="same")
        for one, next_ in itertools.pairwise(column):
            same.edge(one, next_, style="invis", minlen=str(steps))


def _emit(
    picture: Picture, graph: "graphviz.Digraph", names: Iterable[str], depth: int, along: bool, dark: bool
) -> None:
    """The boxes of one cluster, and the clusters inside it."""
    inner: dict[scope, list[str]] = {}
    own: set[str] = set()
    for name in names:
        box, shape = picture.boxes[name], picture.shapes[name]
        if len(box.scopes) > depth:
            inner.setdefault(box.scopes[depth], []).append(name)
        else:
            own.add(name)
            label = label_lines(shape)
            ems = max(0.62 * len(line) + 0.38 * wide([line]) for line in label)
            width = {"width": f"{(FONT * ems + 24) / 72:.2f}"} if wide(label) else {}
            graph.node(name, _label(shape), id=name, **width, **BOXES[box.kind].dot(box.kind, dark))
    for column in picture.columns:
        if own.issuperset(column):
            order = column[::-1] if along and depth else column  # in clusters the engine turns it around
            _stack(graph, order, round(APART / _crowd(picture)))
    for group, members in inner.items():
        name = picture.clusters[group]
        with graph.subgraph(name=f"cluster_{name}") as cluster:
            cluster.attr(id=name, label=_label(picture.shapes[name]), style="rounded")
            cluster.attr(color=GREY[dark], fontcolor=GREY[dark], labeljust="l", fontsize="13", margin="12")
            _emit(picture, cluster, members, depth + 1, along, dark)


def label_lines(shape: Shape) -> list[str]:
    """What is written on a shape, line by line."""
    return [line for part in shape.parts for line in split_lines(part.text)]


def _label(shape: Shape) -> str | None:
    # Part by part: where one ends in a carriage return, the newline to the next is none of its own.
    return "\\n".join(escape(part.text) for part in shape.parts) if shape.parts else None
