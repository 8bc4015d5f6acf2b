"""`draw`: the forward and the backward pass as a picture."""

import base64
import functools
import html
import itertools
import math
import re
import sys
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

from ..engine.names import variables
from ..engine.value import Value
from .derivation import Derivation
from .dot import PAPER, SMALL, Theme, clean, digraph
from .explanation import Explanation
from .export import export
from .folding import Fold, Folding, possible_foldings
from .picture import Direction, Picture, shorten
from .svg import LayoutError, finish, layout

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title><style>body{{margin:1rem;background:{light}}}svg{{height:auto}}
@media (prefers-color-scheme:dark){{body{{background:{dark}}}}}</style></head>
<body>{svg}</body></html>
"""

PRINTED = "@media print{img.drawing{min-width:0!important;width:auto!important;max-height:95vh}}"  # paper cannot scroll
PASSES: dict[Direction, str] = {
    "forward": "Forward pass",
    "backward": "Backward pass",
    "both": "Forward and backward pass",
}
LEGIBLE = 11  # pixels of a letter's height below which it is hard to read
SLIDE = 800, 450  # pixels of a slide's width and height, or of a laptop's notebook below its cell
LAPTOP = 800, 585  # pixels of what one sees of a notebook on a laptop, 1280 by 720, and a little less


class Drawing:
    """A picture of a graph as it was when `draw` was called; a notebook shows it.

    Attributes:
        source: the text in Graphviz's language, DOT.
        graphviz: the same as an object of the `graphviz` package.
        svg: the picture as SVG text.
        theme: "light", "dark", or "auto": light or dark as the reader's system is.
    """

    def __init__(
        self, picture: Picture, rankdir: str, animate: bool, title: str, description: str, theme: Theme
    ) -> None:
        self.picture, self.theme = picture, theme
        self.graphviz = digraph(picture, rankdir, theme == "dark")
        self.source: str = self.graphviz.source
        self.title = clean(title)
        self.description = clean(description)
        self._moments = picture.moments() if animate else {}

    @functools.cached_property
    def svg(self) -> str:
        """The picture. Raises: RuntimeError, saying what to install, where there is no layout engine."""
        return finish(self._layout, self.picture.shapes, self.title, self.description, self._moments, self.theme)

    @functools.cached_property
    def _layout(self) -> bytes:
        return layout(self.source)

    @functools.cached_property
    def _size(self) -> tuple[float, float]:
        """Width and height in points. Raises: as `svg`."""
        size = re.search(rb'width="([\d.]+)pt"\s+height="([\d.]+)pt"', self._layout)
        if not size:
            raise LayoutError("Graphviz gave no picture")
        return float(size[1]), float(size[2])

    def letters(self, width: float, height: float = math.inf) -> float:
        """The height in pixels of the smallest letters, where the picture is shrunk to a frame of width by height.

        Raises: as `svg`.
        """
        across, down = self._size
        return SMALL * min(4 / 3, width / across, height / down)

    def is_legible(self, width: float, height: float = math.inf) -> bool:
        """Whether one can read all of it in a frame of so many pixels; True where there is no layout engine."""
        try:
            return self.letters(width, height) >= LEGIBLE
        except LayoutError:
            return True

    def save(self, path: str | PathLike[str]) -> None:
        """Write the picture to a file, as its suffix says: .svg, .html, .dot, .png, .pdf.

        The last two need Typst: `pip install '.[pictures]'` in the checkout; a Chinese name is empty boxes there, where
        the machine has no Chinese font. Only .svg and .html follow the reader's system, and move if the picture is
        animated: the others are light unless `theme` says dark, and show the whole.

        Raises: ValueError for another suffix; RuntimeError, saying what to install, without the engine.
        """
        path = Path(path)
        paper = {"auto": PAPER, "light": PAPER[:1] * 2, "dark": PAPER[1:] * 2}[self.theme]
        match path.suffix.lower():
            case ".dot" | ".gv":
                path.write_text(self.source, encoding="utf-8", newline="\n")
            case ".svg":
                path.write_text(self.svg, encoding="utf-8", newline="\n")
            case ".html":
                page = PAGE.format(title=html.escape(self.title), light=paper[0], dark=paper[1], svg=self.svg)
                path.write_text(page, encoding="utf-8", newline="\n")
            case ".png":
                path.write_bytes(export(self.svg, self.title, paper[0], "png"))
            case ".pdf":
                path.write_bytes(export(self.svg, self.title, paper[0], "pdf"))
            case suffix:
                raise ValueError(f"cannot save a drawing as {suffix!r}: use .svg, .html, .dot, .png or .pdf")

    def _image(self) -> str:
        """The picture as an HTML image that fits the page; where its letters would be too small, one scrolls."""
        encoded = base64.b64encode(self.svg.encode()).decode()
        letters = LEGIBLE, max(LEGIBLE, self.letters(math.inf, LAPTOP[1]))
        widths = [self._size[0] * each / SMALL for each in letters]
        size = "max-width:100%;min-width:{}px;width:{}px".format(*map(math.ceil, widths))
        attributes = f'class="drawing" alt="{html.escape(self.title)}" style="{size}"'
        image = f'<img {attributes} src="data:image/svg+xml;base64,{encoded}">'
        return f'<div style="overflow-x:auto">{image}</div><style>{PRINTED}</style>'

    def __repr__(self) -> str:
        return self.description

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """An image, SVG and text for a notebook. Without a layout engine the text, and what helps: it never raises.

        A notebook that is only opened is not trusted: it drops SVG, and shows images.
        """
        try:
            return {"text/html": self._image(), "image/svg+xml": self.svg, "text/plain": self.description}
        except Exception as error:
            return {"text/plain": f"{self.description}\n\n(no picture: {error})"}


def draw(
    *outputs: Value | Iterable[Value],
    direction: Direction | None = None,
    rankdir: Literal["LR", "TB", "RL", "BT"] | None = None,
    max_nodes: int = 150,
    animate: bool = False,
    fold: Fold = None,
    theme: Theme = "auto",
) -> Drawing:
    """The graph below `outputs`, each node with its value, as boxes and arrows; with gradients once there are some.

    Solid arrows are the forward pass. Red dashed arrows, against them, are the backward pass: a local derivative, and
    what it contributes to the gradient, one arrow for each operand. Between the layers of a network an arrow is the
    thicker the larger the absolute value of its local derivative, and that is written in its title, which an .svg or
    .html shows where one points at it. What has no name is called v1, v2 … as in `explain`.

    Args:
        outputs: one Value, or several (or a list of them), of which the forward pass is drawn.
        direction: "forward", "backward" or "both"; by default both once `backward()` ran, else forward.
        rankdir: where arrows point: "LR" from left to right, "TB" from top to bottom; by default whichever has the
            larger letters on a slide 800 pixels wide.
        max_nodes: how many boxes there may be; in a larger graph scopes are folded, innermost first, and where that is
            not enough, leaves used in them alone are hidden.
        animate: the passes step by step, in a loop, without script; for those who prefer less motion, on paper, and
            saved as PNG, PDF or DOT, the whole.
        fold: which scopes to draw as one box: True, False, a name, a `scope`, or a list of these, with "unnamed" for
            nodes without a name that are used once, each then part of its consumer's formula. By default scopes
            with parameters fold (the neurons of `nn`), and more in a large graph; unnamed nodes do so where there are
            more than twelve operations, or where a laptop could not show all legibly; if it still cannot, leaves
            w1, w2 … are one box.
        theme: "light" or "dark", for a slide that is; by default, "auto", as the reader's system is, in SVG and
            HTML, and light in PNG, PDF and DOT.

    Raises: TypeError for an output that is not a Value; ValueError for a backward pass of several
        outputs, an unknown direction, rankdir, theme or scope, and where more than `max_nodes` boxes are left. It
        warns as `explain` does of numbers that were changed.
    """
    return compose(outputs, sys._getframe(1), direction, rankdir, max_nodes, animate, fold, theme)


def compose(
    outputs: Iterable[Any],
    frame: Any,
    direction: Direction | None,
    rankdir: str | None,
    max_nodes: int,
    animate: bool,
    fold: Fold,
    theme: Theme,
) -> Drawing:
    """`draw`, with the names that the code of `frame` has."""
    values, direction = _check(outputs, direction, rankdir, theme)
    derivation = Derivation(*values, variables=variables(frame, values))
    derivation.warn_if_outdated(stacklevel=3)
    full = derivation.names()
    title = f"{PASSES[direction]} of {', '.join(full[derivation.index[x]] for x in values)}"
    text = repr(Explanation(derivation, digits=4))
    if len(values) > 1:
        text = text.partition("\ngradient  ")[0]
    foldings = possible_foldings(derivation, derivation.named, fold, max_nodes)

    def compose_one(folding: Folding, gather: bool = False, labelled: bool = True) -> Drawing:
        graph, folded, origins = folding.graph([shorten(name) for name in full])
        shown = Derivation(*graph)
        titles = [full[origins[x]] for x in shown.nodes]
        picture = Picture(shown, folded, titles, direction, gather, labelled)
        rankdirs = [rankdir] if rankdir else ["LR", "TB"] if picture.is_small and not picture.columns else ["LR"]
        return _most_legible([Drawing(picture, one, animate, title, text, theme) for one in rankdirs])

    drawings = []
    for folding, gather in [(folding, False) for folding in foldings] + [(foldings[-1], True)]:
        drawings.append(compose_one(folding, gather))
        if fold is not None or not drawings[-1].picture.is_small or drawings[-1].is_legible(*LAPTOP):
            return drawings[-1]
    readable = [drawing for drawing in drawings if drawing.is_legible(SLIDE[0])]
    if readable:
        return max(readable, key=lambda drawing: drawing.letters(*LAPTOP))
    return compose_one(foldings[-1], gather=True, labelled=False)


def _check(
    outputs: Iterable[Any], direction: Direction | None, rankdir: str | None, theme: str
) -> tuple[list[Value], Direction]:
    """The outputs, each once, and the direction to draw. Raises: what `draw` does."""
    listed = (list(given) if isinstance(given, Iterable) else [given] for given in outputs)
    values = list(dict.fromkeys(itertools.chain.from_iterable(listed)))
    for x in values:
        if not isinstance(x, Value):
            raise TypeError(f"draw takes Values, not {type(x).__name__!r}")
    if not values:
        raise ValueError("draw takes at least one Value")
    if direction is None:
        direction = "both" if len(values) == 1 and values[0].grad else "forward"
    if direction not in PASSES:
        raise ValueError(f"direction is 'forward', 'backward' or 'both', not {direction!r}")
    if rankdir not in ("LR", "TB", "RL", "BT", None):
        raise ValueError(f"rankdir is 'LR', 'TB', 'RL' or 'BT', not {rankdir!r}")
    if theme not in get_args(Theme):
        raise ValueError(f"theme is 'auto', 'light' or 'dark', not {theme!r}")
    if len(values) > 1 and direction != "forward":
        raise ValueError(
            f"the backward pass starts from one output, not {len(values)}: draw one, or direction='forward'"
        )
    return values, direction


def _most_legible(drawings: list[Drawing]) -> Drawing:
    """The drawing with the largest letters on a slide; where none can be read so, in the width of a slide."""
    if len(drawings) == 1:
        return drawings[0]
    legible = [drawing for drawing in drawings if drawing.is_legible(*LAPTOP)]
    try:
        return max(legible or drawings, key=lambda drawing: drawing.letters(*(SLIDE if legible else SLIDE[:1])))
    except LayoutError:
        return drawings[0]
