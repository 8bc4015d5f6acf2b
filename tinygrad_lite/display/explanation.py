"""`explain`: the steps of a derivation as text and as LaTeX."""

import itertools
import sys
from collections.abc import Iterable, Iterator

from ..engine.names import latex_text, variables
from ..engine.symbol import Style, format_number
from ..engine.value import Value
from .derivation import Derivation, Step, write_ratio
from .folding import Fold, possible_foldings

Row = tuple[str, str, str]  # a heading where a part begins, a left side, and all that follows it
MORE = "… (print() shows all of it; explain(J, fold=None) is shorter)"
ADDED_UP = "leaves add up over calls of backward(), until zero_grad()"
IN_A_ROW = 4
SPACES: dict[Style, str] = {"plain": " ", "latex": r" \quad "}


class Explanation:
    """The forward and the backward pass of one output, written out.

    `str` gives text, a notebook typesets it, `latex()` gives the source: they say the same. At the prompt, and in a
    notebook, it shows at most 200 lines of itself (`SHOWN`); `lines()` works out one at a time.
    """

    SHOWN = 200

    def __init__(self, derivation: Derivation, digits: int) -> None:
        self.derivation = derivation
        self.digits = digits

    def lines(self) -> Iterator[str]:
        """The text, line by line: what is given, the forward pass, the backward pass, the gradient."""
        for heading, left, right in self._rows("plain"):
            yield f"{heading:10}{left}{right}"

    def latex(self) -> str:
        """The derivation as an `aligned` environment, for amsmath and MathJax."""
        return _align(self._rows("latex"))

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        lines = list(itertools.islice(self.lines(), self.SHOWN + 1))
        return "\n".join([*lines[: self.SHOWN], *[MORE] * (len(lines) > self.SHOWN)])

    def _repr_markdown_(self) -> str:
        rows = list(itertools.islice(self._rows("latex"), self.SHOWN + 1))
        more = [("", "", latex_text(MORE))] * (len(rows) > self.SHOWN)
        return f"$$\n{_align([*rows[: self.SHOWN], *more])}\n$$"

    def _rows(self, style: Style) -> Iterator[Row]:
        derivation, names = self.derivation, self.derivation.names(style, self.digits)
        leaves = derivation.leaves()
        gradients = dict.fromkeys(leaves, 0.0)
        output = names[derivation.index[derivation.outputs[0]]]
        yield from self._listed("given", [(names[i], derivation.data[i]) for i in leaves], style)
        heading = "forward"
        for step in derivation.steps(style, self.digits):
            if step.kind == "seed":
                heading = "backward"
            gradients[step.node] = step.total
            yield heading, step.left, self._right_side(step, style)
            heading = ""
        slopes = [(write_ratio(output, names[i], style), gradients[i]) for i in leaves]
        yield from self._listed("gradient", slopes, style)
        yield from self._stored(leaves, gradients, names, style)

    def _stored(self, leaves: list[int], gradients: dict[int, float], names: list[str], style: Style) -> Iterator[Row]:
        """The `grad` of leaves that have another than the derivative, once `backward()` ran."""
        derivation, attribute = self.derivation, r"\text{.grad}" if style == "latex" else ".grad"
        if not derivation.grads[derivation.index[derivation.outputs[0]]]:
            return
        numbers = [(f"{names[i]}{attribute}", derivation.grads[i], gradients[i]) for i in leaves]
        others = [(name, x) for name, x, slope in numbers if x and self._number(x, style) != self._number(slope, style)]
        for heading, left, right in self._listed("stored", others, style):
            yield heading, left, right + self._remark(ADDED_UP if heading else "", style)

    def _listed(self, heading: str, numbers: list[tuple[str, float]], style: Style) -> Iterator[Row]:
        """Equations one behind the other; typeset, where a line does not wrap, a few to a row."""
        size = IN_A_ROW if style == "latex" else len(numbers)
        for start in range(0, len(numbers), size or 1):
            (left, number), *others = numbers[start : start + size]
            more = (f",{SPACES[style]}{name} = {self._number(x, style)}" for name, x in others)
            yield heading if not start else "", left, f" = {self._number(number, style)}{''.join(more)}"

    def _right_side(self, step: Step, style: Style) -> str:
        """What follows the left side: the equation; the sum, if this is not the first contribution; what is to add."""
        typeset = style == "latex"
        relation = r"\mathrel{+}=" if typeset and step.relation == "+=" else step.relation
        text = f" {relation} {' = '.join(step.sides)}"
        total = self._number(step.total, style)
        if total != self._number(step.value, style):
            text += rf",\; \text{{sum }}{{{total}}}" if typeset else f", sum {total}"
        if step.formula:
            text += rf" \qquad \left({step.formula}\right)" if typeset else f"   ({step.formula})"
        return text + self._remark(step.remark, style)

    def _remark(self, remark: str, style: Style) -> str:
        if not remark:
            return ""
        return rf" \qquad {latex_text(remark)}" if style == "latex" else f"   {remark}"

    def _number(self, x: float, style: Style) -> str:
        return format_number(x, style, self.digits)


def _align(rows: Iterable[Row]) -> str:
    """Headings and left sides in columns, as an `aligned` environment, its rows as far apart as fractions need."""
    lines = (f"& {latex_text(heading) if heading else ''} & {left} &{right}" for heading, left, right in rows)
    return "\\begin{aligned}\n" + " \\\\[0.5em]\n".join(lines) + "\n\\end{aligned}"


def explain(output: Value, digits: int = 4, fold: Fold = ()) -> Explanation:
    """The forward and the backward pass below `output`, in symbols and numbers, as the course writes them.

    Nodes have their labels, else the names of the caller's variables, else v1, v2, …. No gradient is
    changed; what leaves have as `grad` besides the derivative, of several `backward()`, stands in the last line.

    Args:
        output: the node to differentiate.
        digits: significant digits of the numbers.
        fold: what to write as one step, as for `draw`: "unnamed" for formulas from name to name, True for scopes, None
            for formulas and scopes with parameters. By default every operation is a step.

    Raises: TypeError if `output` is not a Value; ValueError for a scope that the graph does not have. It warns where a
        `data` was changed after other numbers had been computed of it.
    """
    if not isinstance(output, Value):
        raise TypeError(f"explain takes a Value, not {type(output).__name__!r}")
    derivation = Derivation(output, variables=variables(sys._getframe(1), [output]))
    derivation.warn_if_outdated(stacklevel=2)
    if fold != ():
        foldings = possible_foldings(derivation, derivation.named, fold, len(derivation.nodes))
        derivation = Derivation(*foldings[-1].graph(derivation.names())[0])
    return Explanation(derivation, digits)
