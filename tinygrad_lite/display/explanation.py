"""`explain`: the steps of a derivation as text and as LaTeX."""

import itertools
import sys
from collections.abc import Iterator

from ..engine.names import variables
from ..engine.symbol import format_number
from ..engine.value import Constant, Value
from .derivation import Derivation, Step, write_ratio


class Explanation:
    """The forward and the backward pass of one output, written out.

    `str` gives text, a notebook typesets it, `latex()` gives the source. At the prompt it shows itself,
    at most `SHOWN` lines of it; `lines()` works out one at a time.
    """

    SHOWN = 200

    def __init__(self, derivation: Derivation, digits: int) -> None:
        self.derivation = derivation
        self.digits = digits

    def lines(self) -> Iterator[str]:
        """The text, line by line: what is given, the forward pass, the backward pass, the gradient."""
        derivation, names = self.derivation, self.derivation.names(digits=self.digits)
        leaves = [i for i, x in enumerate(derivation.nodes) if x.op is None and type(x) is not Constant]
        gradients = dict.fromkeys(leaves, 0.0)
        output = names[derivation.index[derivation.outputs[0]]]
        yield "given     " + ", ".join(
            f"{names[i]} = {format_number(derivation.data[i], 'plain', self.digits)}" for i in leaves
        )
        heading = "forward"
        for step in derivation.steps(digits=self.digits):
            if step.kind == "seed":
                heading = "backward"
            gradients[step.node] = step.total
            yield f"{heading:10}{self._line(step)}"
            heading = ""
        totals = (f"{write_ratio(output, names[i], 'plain')} = {self._number(gradients[i])}" for i in leaves)
        yield "gradient  " + ", ".join(totals)

    def latex(self) -> str:
        """The derivation as an `aligned` environment, for amsmath and MathJax."""
        rows = []
        for step in self.derivation.steps("latex", self.digits):
            relation = "=" if step.relation == "=" else r"\mathrel{+}="
            formula = rf" \qquad \left({step.formula}\right)" if step.formula else ""
            rows.append(f"{step.left} &{relation} {' = '.join(step.sides)}{formula}")
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        lines = list(itertools.islice(self.lines(), self.SHOWN + 1))
        more = ["… (print() shows all of it)"] if len(lines) > self.SHOWN else []
        return "\n".join(lines[: self.SHOWN] + more)

    def _repr_markdown_(self) -> str:
        return f"$$\n{self.latex()}\n$$"

    def _line(self, step: Step) -> str:
        """A step in one line; the local derivative's formula, and the sum where it is not the first contribution."""
        line = f"{step.left} {step.relation} {' = '.join(step.sides)}"
        if self._number(step.total) != self._number(step.value):
            line += f", sum {self._number(step.total)}"
        remarks = [f"({step.formula})" if step.formula else "", step.remark]
        return "   ".join([line, *filter(None, remarks)])

    def _number(self, x: float) -> str:
        return format_number(x, "plain", self.digits)


def explain(output: Value, digits: int = 4) -> Explanation:
    """The forward and the backward pass below `output`, in symbols and numbers, as the course writes them.

    Nodes have their labels, else the names of the caller's variables, else v1, v2, …. No gradient is
    changed.

    Args:
        output: the node to differentiate.
        digits: significant digits of the numbers.

    Raises: TypeError if `output` is not a Value.
    """
    if not isinstance(output, Value):
        raise TypeError(f"explain takes a Value, not {type(output).__name__!r}")
    return Explanation(Derivation(output, variables=variables(sys._getframe(1), [output])), digits)
