"""`play`: the passes step by step, in a page of its own."""

import base64
import functools
import hashlib
import html
import json
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from ..engine.symbol import format_number
from ..engine.value import Constant, Value
from .derivation import Derivation, Step, write_ratio
from .dot import clean, split_lines
from .drawing import Drawing, compose
from .folding import Fold
from .picture import Move, Picture

Language = Literal["en", "zh-CN"]
GIVEN = 12  # leaves that the page begins with
SURROUNDINGS = 350  # pixels above and below the picture


# What a notebook runs beside the page, which cannot see around its frame: it tells of a light or dark background.
FOLLOW_THEME = """for (const frame of document.querySelectorAll("#%s")) {
  const tell = () => {
    let channels, element = frame;
    do {
      element = element.parentElement;
      channels = element ? getComputedStyle(element).backgroundColor.match(/[\\d.]+/g).map(Number) : [255, 255, 255];
    } while (channels[3] === 0);
    const [red, green, blue] = channels;
    frame.contentWindow?.postMessage(0.3 * red + 0.59 * green + 0.11 * blue < 128 ? "dark" : "light", "*");
  };
  const watch = new MutationObserver(() => {
    if (!frame.isConnected) return watch.disconnect();
    tell();
    setTimeout(tell, 500);  // when the style sheets of the other theme are there
  });
  for (const element of [document.documentElement, document.body]) watch.observe(element, { attributes: true });
  frame.addEventListener("load", tell);
  tell();
}"""


class Player:
    """A page that goes through the steps of a drawing; a notebook shows it in a frame.

    Attributes:
        title: what the page is called.
        html: the page: it needs no network, and nothing but itself.
    """

    def __init__(self, drawing: Drawing, language: Language = "en") -> None:
        self.drawing = drawing
        picture = drawing.picture
        name = picture.titles[picture.derivation.index[picture.derivation.outputs[0]]]
        self.title = clean(_words(language)["title"].format(name=name))
        self.html = _page(self.title, drawing, language)

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
        name = "tg-" + hashlib.sha256(self.html.encode()).hexdigest()[:8]
        return (
            f'<iframe id="{name}" sandbox="allow-scripts" title="{html.escape(self.title)}" '
            f'style="width:100%;height:{round(pixels) + SURROUNDINGS}px;border:0" srcdoc="{html.escape(self.html)}">'
            "This page of steps needs scripts: trust the notebook, or write the page with play(...).save().</iframe>"
            f"<script>{FOLLOW_THEME % name}</script>"
        )


def play(output: Value, max_nodes: int = 150, fold: Fold = None, language: Language = "en") -> Player:
    """Go through the forward and the backward pass below `output`, step by step, in a page.

    The page has buttons, a slider, arrow keys, and a mode that lets one predict each number first. A box that is
    clicked shows its whole calculation. No gradient is changed.

    Args:
        output: the node to differentiate.
        max_nodes, fold: as for `draw`.
        language: of the page, "en" or "zh-CN".

    Raises: TypeError if `output` is not a Value; ValueError as `draw`, and for another language; RuntimeError, saying
        what to install, where there is no layout engine.
    """
    if not isinstance(output, Value):
        raise TypeError(f"play takes a Value, not {type(output).__name__!r}")
    if language not in get_args(Language):
        raise ValueError(f"language is 'en' or 'zh-CN', not {language!r}")
    return Player(compose([output], sys._getframe(1), "both", None, max_nodes, False, fold, "auto"), language)


@functools.cache
def _words(language: Language) -> dict[str, str]:
    """What the page says, by what it is for."""
    words: dict[str, dict[str, str]] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return words[language]


def _page(title: str, drawing: Drawing, language: Language) -> str:
    """The template with the picture and the steps; its policy admits these styles and this script, and nothing else."""
    template = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    parts = {**_words(language), "language": language, "title": html.escape(title), "svg": drawing.svg}
    parts["steps"] = in_script(_script(drawing.picture, language))
    styles = [re.search(r"<style>(.*?)</style>", text, re.DOTALL) for text in (template, drawing.svg)]
    scripts = [re.search(r"<script>(.*?)</script>", template, re.DOTALL)]
    style, script = (" ".join(digest(found[1]) for found in blocks if found) for blocks in (styles, scripts))
    parts["policy"] = f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"
    return re.sub(r"\{\{(\w+)\}\}", lambda slot: parts[slot[1]], template)


def digest(text: str) -> str:
    """The name of a script or a style sheet in a Content-Security-Policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def in_script(data: Any) -> str:
    """JSON that can stand inside a script element."""
    text = json.dumps(data, ensure_ascii=False)
    return re.sub("[<>&\u2028\u2029\ud800-\udfff]", lambda c: f"\\u{ord(c[0]):04x}", text)


def _script(picture: Picture, language: Language) -> dict[str, Any]:
    """The words, what is given, the steps, and of each box its whole calculation."""
    words = _words(language)
    lines = [[line._asdict() for line in calculation] for calculation in calculate(picture.derivation, language)]
    return {
        "words": words,
        "given": clean(_given(picture, words)),
        "steps": [_step(move, words) for move in picture.moves],
        "boxes": {name: list(chain.from_iterable(lines[i] for i in box.nodes)) for name, box in picture.boxes.items()},
    }


def _given(picture: Picture, words: dict[str, str]) -> str:
    """The leaves that are boxes; what is inside a folded box is not among them."""
    data, leaves = picture.derivation.data, picture.derivation.leaves()
    shown = [f"{picture.titles[i]} = {format_number(data[i])}" for i in leaves[:GIVEN]]
    more = words["more"].format(n=len(leaves) - GIVEN) if len(leaves) > GIVEN else ""
    return words["given"].format(list=", ".join(shown)) + more


def _step(move: Move, words: dict[str, str]) -> dict[str, Any]:
    """A step: its equation up to the number, what it lights up, and which entries it changes.

    The puzzle is the equation without the local derivative, which is to be predicted too.
    """
    step = move.step
    total = words["sum"].format(total=format_number(step.total)) if step.total != step.value else ""
    question = "".join(f"{side} = " for side in step.sides[:-1])
    return {
        "pass": "forward" if step.kind == "forward" else "backward",
        "question": f"{step.left} {step.relation} {question}",
        "puzzle": f"{step.left} {step.relation} {_hide_factor(question) if step.slope else question}",
        "answer": step.sides[-1] + total,
        "slope": "".join(f"{side} = " for side in step.slope[:-1]),
        "slopeNumber": "".join(step.slope[-1:]),
        "lit": move.lit,
        "texts": {
            entry: (split_lines(text + number)[-1].removesuffix(number), number)
            for entry, (text, number) in move.texts.items()
        },
    }


def _hide_factor(product: str) -> str:
    """∂J/∂J · ∂J/∂v = 1 · 5 becomes ∂J/∂J · ∂J/∂v = 1 · ?"""
    return f"{product.rpartition(' · ')[0]} · ? = "


class Line(NamedTuple):
    """A line of a calculation: from the step `at` on it may say `text`, and before, in a prediction, `hidden`."""

    kind: str
    at: int
    text: str
    hidden: str


def calculate(derivation: Derivation, language: Language = "en") -> list[list[Line]]:
    """For each node, line by line: its value from its operands, and its gradient as the sum over its consumers."""
    names, words = derivation.names(), _words(language)
    lines: list[list[Line]] = [[] for _ in names]
    terms: dict[int, list[tuple[int, Step]]] = {}
    for i, (x, name) in enumerate(zip(derivation.nodes, names, strict=True)):
        if type(x) is Constant:
            lines[i].append(Line("value", 0, *[words["constant"].format(name=name)] * 2))
        elif not x.op:
            lines[i].append(_line("value", 0, name, [format_number(derivation.data[i])]))
    for at, step in enumerate(derivation.steps(), start=1):
        if step.kind == "backward":
            terms.setdefault(step.node, []).append((at, step))
        else:
            *symbols, number = step.sides
            kind = "value" if step.kind == "forward" else "gradient"
            left = " = ".join([step.left, *symbols[:1]])
            lines[step.node].append(_line(kind, at, left, [*symbols[1:], number], step.remark))
        for i in derivation.beyond if step.kind == "seed" else ():
            left = write_ratio(names[step.node], names[i], "plain")
            lines[i].append(_line("gradient", at, left, [format_number(0.0)]))
    for i, steps in terms.items():
        lines[i] += _sum_up(steps, names, words["through"])
    return lines


def _sum_up(terms: list[tuple[int, Step]], names: list[str], through: str) -> Iterator[Line]:
    """A gradient: the contributions, one for each use, and their sum."""
    several = len(terms) > 1
    for at, step in terms:
        assert step.consumer is not None
        start = through.format(name=names[step.consumer]) if several else f"{step.left} = "
        remarks = filter(None, [f"({step.formula})" if step.formula else "", step.remark])
        yield _line("term" if several else "gradient", at, start + step.sides[0], step.sides[1:], "   ".join(remarks))
    if several:
        at, last = terms[-1]
        first, *others = (step.sides[-1] for _, step in terms)
        total = " + ".join([first, *(f"({number})" if number[0] == "−" else number for number in others)])
        symbols = " + ".join(step.sides[0] for _, step in terms)
        yield _line("gradient", at, f"{last.left} = {symbols}", [total, format_number(last.total)])


def _line(kind: str, at: int, symbols: str, numbers: Sequence[str], remark: str = "") -> Line:
    text = " = ".join([symbols, *numbers]) + (f"   {remark}" if remark else "")
    return Line(kind, at, text, f"{symbols} = ?")
