"""`play`: the passes step by step, in a page of its own."""

import base64
import hashlib
import html
import json
import re
import sys
from os import PathLike
from pathlib import Path
from typing import Any

from ..engine.symbol import format_number
from ..engine.value import Value
from .drawing import Drawing, compose
from .folding import Fold


class Player:
    """A page that goes through the steps of a drawing; a notebook shows it in a frame.

    Attributes:
        html: the page: it needs no network, and nothing but itself.
    """

    def __init__(self, drawing: Drawing) -> None:
        self.drawing = drawing
        self.html = _page(drawing)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the page to a file; `#step=9` at the end of its address opens it at the ninth step.

        Raises: ValueError for a suffix other than .html.
        """
        if Path(path).suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"a player is a page: save it as .html, not {str(path)!r}")
        Path(path).write_text(self.html, encoding="utf-8", newline="\n")

    def __repr__(self) -> str:
        return repr(self.drawing)

    def _repr_html_(self) -> str:
        width, height = map(float, re.findall(r'viewBox="\S+ \S+ (\S+) (\S+)"', self.drawing.svg)[0])
        pixels = height * min(4 / 3, 960 / width)  # as wide as a notebook
        return (
            f'<iframe sandbox="allow-scripts" title="{html.escape(self.drawing.title)}" '
            f'style="width:100%;height:{round(pixels) + 220}px;border:0" srcdoc="{html.escape(self.html)}">'
            "This page of steps needs scripts: trust the notebook, or write the page with play(...).save().</iframe>"
        )


def play(output: Value, max_nodes: int = 150, fold: Fold = None) -> Player:
    """Go through the forward and the backward pass below `output`, step by step, in a page.

    The page has buttons, a slider, arrow keys, and a mode that lets one predict each number first.
    No gradient is changed.

    Args:
        output: the node to differentiate.
        max_nodes, fold: as for `draw`.

    Raises: TypeError if `output` is not a Value; ValueError as `draw`; RuntimeError, saying what to
        install, where there is no layout engine.
    """
    if not isinstance(output, Value):
        raise TypeError(f"play takes a Value, not {type(output).__name__!r}")
    return Player(compose([output], sys._getframe(1), "both", None, max_nodes, animate=False, fold=fold))


def _page(drawing: Drawing) -> str:
    """The template with the picture and the steps; its policy admits these styles and this script, and nothing else."""
    template = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    parts = {"title": html.escape(drawing.title), "svg": drawing.svg, "steps": _json(_script(drawing))}
    styles = [re.search(r"<style>(.*?)</style>", text, re.DOTALL) for text in (template, drawing.svg)]
    scripts = [re.search(r"<script>(.*?)</script>", template, re.DOTALL)]
    style, script = (" ".join(_digest(found[1]) for found in blocks if found) for blocks in (styles, scripts))
    parts["policy"] = f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"
    return re.sub(r"\{\{(\w+)\}\}", lambda slot: parts[slot[1]], template)


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(data: Any) -> str:
    """JSON that can stand inside a script element."""
    text = json.dumps(data, ensure_ascii=False)
    return re.sub("[<>&\u2028\u2029\ud800-\udfff]", lambda c: f"\\u{ord(c[0]):04x}", text)


def _script(drawing: Drawing) -> dict[str, Any]:
    """What is given, and each step: its equation up to the number, what it lights up and which entries it changes."""
    steps = []
    for step, lit, texts in drawing.picture.moves:
        total = f", sum {format_number(step.total)}" if step.total != step.value else ""
        steps.append(
            {
                "pass": "forward" if step.kind == "forward" else "backward",
                "question": f"{step.left} {step.relation} " + "".join(f"{side} = " for side in step.sides[:-1]),
                "answer": step.sides[-1] + total,
                "slope": "".join(f"{side} = " for side in step.slope[:-1]),
                "slopeNumber": "".join(step.slope[-1:]),
                "lit": lit,
                "texts": texts,
            }
        )
    return {"given": drawing.description.partition("\n")[0].replace("given     ", "Given ", 1), "steps": steps}
