"""The forward and the backward pass as one list of steps, in symbols and numbers.

`explain` prints the list, `draw` puts it on nodes and edges, `play` goes through it. The notation is
that of the chain rule summed over consumers: ∂J/∂u += ∂J/∂v · ∂v/∂u.
"""

import functools
import itertools
import math
import warnings
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..engine.declaration import TABLE
from ..engine.names import distinct, latex_names
from ..engine.symbol import OPERATOR, Style, Symbol, format_number, write
from ..engine.value import Constant, Value, reached, read_gradient, topological_order

LONG = 44  # characters of a formula; the symbol of a local derivative has no more of it
SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Step(NamedTuple):
    """One line of a pass: `left = sides[0] = sides[1] = …`, the last side being the number.

    Attributes:
        kind: "forward", "seed" or "backward".
        node: index (in `Derivation.nodes`) of the node that gets a value, or whose gradient grows.
        consumer, slot: of a backward step, the node it comes from, and which operand of it `node` is.
        left, relation, sides: the equation; relation is "=" or "+=".
        slope: of a backward step, the sides of the local derivative: ("∂v/∂u", formula, number).
        value: the number as a float, of a backward step this contribution.
        total: the node's value, or its gradient so far.
        remark: why the local derivative does not exist, or is one of several; of a forward step, whose `data` has
            been changed since. Mostly empty.
    """

    kind: str
    node: int
    consumer: int | None
    slot: int | None
    left: str
    relation: str
    sides: tuple[str, ...]
    slope: tuple[str, ...]
    value: float
    total: float
    remark: str = ""

    @property
    def formula(self) -> str:
        """The local derivative as an equation, "∂v/∂u = c"; empty where that says no more than the number."""
        return f"{self.slope[0]} = {self.slope[1]}" if len(self.slope) > 2 else ""


class Derivation:
    """The passes below one output, or the forward pass below several: nodes, their names, the steps.

    It keeps the numbers of the moment when it was made; steps are worked out while one iterates.

    Args:
        outputs: the nodes to derive; with one, `steps` include the backward pass.
        variables: names of nodes without a label.

    Attributes:
        nodes, data, grads: the nodes in topological order, their numbers, and the gradients that are stored in
            them; index: where each node is.
        outdated: the nodes whose number is not that of their operands any more, and what that would be now.
        seed: ∂J/∂J: what `J.backward()` left, or 1.0 before it ran.
    """

    def __init__(self, *outputs: Value, variables: Mapping[Value, str] | None = None) -> None:
        self.outputs = outputs
        self.nodes = topological_order(*outputs)
        for x in self.nodes:
            if type(x.label) is not str:
                x.named(x.label or "")  # what a user put there: None counts as no name, else this is the error
        self.index = {x: i for i, x in enumerate(self.nodes)}
        self.data = [x.data for x in self.nodes]
        self.grads = [x.grad if type(x.grad) is float else read_gradient(x, x.grad) for x in self.nodes]
        self.outdated = {i: now for i, x in enumerate(self.nodes) if x.op and (now := _recompute(x)) is not None}
        self.seed = self.grads[self.index[outputs[0]]] or 1.0
        self._variables = variables or {}
        self._names: dict[tuple[Style, int], list[str]] = {}

    def names(self, style: Style = "plain", digits: int = 4) -> list[str]:
        """What each node is called: its label, else its variable, else v1, v2, …; a constant is its number.

        Nodes of one label are numbered: x_1, x_2.
        """
        if (style, digits) not in self._names:
            named = distinct([x.label or self._variables.get(x) for x in self.nodes])
            taken = set(named)
            fresh = (f"v{i}" for i in itertools.count(1) if f"v{i}" not in taken)
            constants = {i for i, x in enumerate(self.nodes) if type(x) is Constant and named[i] is None}
            numbers = {i: format_number(self.data[i], style, digits) for i in constants}
            names = [name or numbers.get(i) or next(fresh) for i, name in enumerate(named)]
            if style == "latex":
                names = [numbers.get(i, name) for i, name in enumerate(latex_names(names))]
            self._names[style, digits] = names
        return self._names[style, digits]

    @property
    def named(self) -> set[Value]:
        """The nodes with a label, or a variable."""
        return {x for x in self.nodes if x.label or x in self._variables}

    def operands(self, i: int) -> list[int]:
        """The indices of the inputs of node `i`, slot by slot."""
        return [self.index[x] for x in self.nodes[i].inputs]

    @functools.cached_property
    def consumers(self) -> list[list[int]]:
        """For each node the indices of those that it is an operand of, once for each slot."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for i in range(len(self.nodes)):
            for j in self.operands(i):
                found[j].append(i)
        return found

    @functools.cached_property
    def asked(self) -> set[Value]:
        """The nodes whose slopes a gradient of the outputs asks for."""
        return reached(self.nodes, self.outputs)

    @functools.cached_property
    def beyond(self) -> list[int]:
        """The indices of the nodes at which no gradient arrives: it is 0 there, and no step says so."""
        arrived = {x for node in self.asked for x in node.inputs}.union(self.outputs)
        return [i for i, x in enumerate(self.nodes) if x not in arrived and type(x) is not Constant]

    def leaves(self) -> list[int]:
        """The indices of the nodes that are not computed, without constants."""
        return [i for i, x in enumerate(self.nodes) if x.op is None and type(x) is not Constant]

    def steps(self, style: Style = "plain", digits: int = 4) -> Iterator[Step]:
        """The forward steps, the seed, and the backward steps: one per operand slot of what a gradient reaches."""
        names = self.names(style, digits)
        yield from self._forward(names, style, digits)
        if len(self.outputs) == 1:
            yield from self._backward(names, style, digits)

    def _forward(self, names: list[str], style: Style, digits: int) -> Iterator[Step]:
        for i, x in enumerate(self.nodes):
            if x.op:
                inputs = self.operands(i)
                symbols = self._operation(i, names, style, digits)
                numbers = write(Symbol("", x.op, tuple(self.data[j] for j in inputs)), style, digits)
                value = self.data[i]
                sides = _distinct(symbols, numbers, format_number(value, style, digits))
                yield Step("forward", i, None, None, names[i], "=", sides, (), value, value, self._describe_change(i))

    def _operation(self, i: int, names: list[str], style: Style, digits: int) -> str:
        """How node `i` is computed, in symbols: u + b."""
        operands = tuple(
            self.data[j] if type(self.nodes[j]) is Constant and not self.nodes[j].label else Symbol(names[j])
            for j in self.operands(i)
        )
        return write(Symbol("", self.nodes[i].op, operands), style, digits)

    def warn_if_outdated(self, stacklevel: int) -> None:
        """Warn that a number was changed after another had been computed of it: of the first, if there are several."""
        if not self.outdated:
            return
        i, names = next(iter(self.outdated)), self.names()
        computed = f"{names[i]} = {self._operation(i, names, 'plain', 4)}"
        outputs = " and ".join(names[self.index[x]] for x in self.outputs)
        warnings.warn(
            f"{self._find_changed(i)} was changed after {computed} was computed: old and new numbers are mixed; "
            f"compute {outputs} again",
            RuntimeWarning,
            stacklevel + 1,
        )

    def _describe_change(self, i: int) -> str:
        """The remark that node `i` is not what its operands give now; empty where it is."""
        if i not in self.outdated:
            return ""
        return f"computed before {self._find_changed(i)} was changed: now it would be {self.outdated[i]:.4g}"

    def _find_changed(self, i: int) -> str:
        """Whose `data` has been changed since node `i` was computed: that of operands, or perhaps its own."""
        inputs = dict.fromkeys(self.operands(i))
        suspects = [j for j in inputs if j in self.outdated or not self.nodes[j].op]
        suspects = [j for j in suspects if type(self.nodes[j]) is not Constant]
        if not suspects or not self.outdated.keys().isdisjoint(self.consumers[i]):
            suspects.append(i)
        return " or ".join(f"{self.names()[j]}.data" for j in suspects)

    def _backward(self, names: list[str], style: Style, digits: int) -> Iterator[Step]:
        root = self.index[self.outputs[0]]
        gradients = [0.0] * len(self.nodes)
        gradients[root] = self.seed

        def ratio(above: int, below: int) -> str:
            return write_ratio(names[above], names[below], style)

        seed = (format_number(self.seed, style, digits),)
        yield Step("seed", root, None, None, ratio(root, root), "=", seed, (), self.seed, self.seed)
        for i in reversed(range(root + 1)):
            for slot, j in enumerate(self.operands(i) if self.nodes[i] in self.asked else ()):
                if type(self.nodes[j]) is Constant:
                    continue
                partial, remark = self.slope(i, slot)
                formula = self._formula(i, slot, names, partial, style, digits)
                contribution = 0.0 if self.is_flat(i, slot) else gradients[i] * partial
                gradients[j] += contribution
                local = self._local(i, slot, names, style, digits)
                times = getattr(TABLE["mul"], style)
                chain = times.format(ratio(root, i), local)
                product = write(Symbol("", TABLE["mul"], (gradients[i], partial)), style, digits)
                slope = _distinct(local, formula, format_number(partial, style, digits))
                sides = (chain, product, format_number(contribution, style, digits))
                numbers = contribution, gradients[j]
                yield Step("backward", j, i, slot, ratio(root, j), "+=", sides, slope, *numbers, remark)

    def _local(self, i: int, slot: int, names: list[str], style: Style, digits: int) -> str:
        """The symbol of a local derivative, which no other number of the page has.

        That is ∂v/∂u mostly. An operand that is used twice has its derivatives by slot, ∂₁(x · x) and ∂₂(x · x), as in
        Spivak's *Calculus on Manifolds* (1965). At the output, an operand with other uses too has a gradient of the
        name ∂y/∂x, so that the derivative of the last step alone is ∂(v1 + x)/∂x.
        """
        inputs = self.operands(i)
        j = inputs[slot]
        twice = inputs.count(j) > 1
        if not twice and (i != self.index[self.outputs[0]] or (len(self.consumers[j]) == 1 and self.seed == 1.0)):
            return write_ratio(names[i], names[j], style)
        formula = self._operation(i, names, style, digits)
        if len(formula) > LONG:
            formula = f"{names[i]} …" if style == "plain" else rf"{names[i]} \ldots"
        formula = rf"\left({formula}\right)" if style == "latex" else f"({formula})"
        if not twice:
            return _divide(formula, _write_operand(names[j]), style)
        return (rf"\partial_{slot + 1}" if style == "latex" else f"∂{str(slot + 1).translate(SUBSCRIPT)}") + formula

    def _formula(self, i: int, slot: int, names: list[str], number: float, style: Style, digits: int) -> str:
        """∂(node `i`)/∂(its operand `slot`) in symbols; the number where there is no formula."""
        x = self.nodes[i]
        assert x.op
        inputs = self.operands(i)
        symbols = [self.data[j] if type(self.nodes[j]) is Constant else Symbol(names[j]) for j in inputs]
        try:
            if slot not in x.op.opaque and not self.is_at_kink(i):  # there [x > z] is no reason for the slope chosen
                return write(x.op.partials[slot](*symbols, Symbol(names[i])), style, digits)
        except (ArithmeticError, ValueError):  # of constants alone: the log 0 in the slope of 0**n at 0
            pass
        return format_number(number, style, digits)

    def slope(self, i: int, slot: int) -> tuple[float, str]:
        """∂(node `i`)/∂(its operand `slot`) as a number, NaN where there is none; and the remark to it."""
        x = self.nodes[i]
        assert x.op
        operands = [self.data[j] for j in self.operands(i)]
        try:
            slope = x.op.slope(slot, operands, self.data[i])
        except (ArithmeticError, ValueError) as error:
            return math.nan, str(x.op.failure(error, operands, [y.label for y in x.inputs], "no slope of "))
        if x.op.kink and self.is_at_kink(i):
            low, high = (format_number(bound) for bound in x.op.kink.slopes[:2])
            return slope, f"a kink: every slope from {low} to {high} is right, this is the usual one"
        return slope, ""

    def is_flat(self, i: int, slot: int) -> bool:
        """Whether ∂(node `i`)/∂(its operand `slot`) is 0 everywhere: no gradient gets past it, be it infinite."""
        op = self.nodes[i].op
        return op is not None and slot in op.flat

    def is_at_kink(self, i: int) -> bool:
        """Whether node `i` is computed where its operation has several slopes."""
        op = self.nodes[i].op
        kink = op.kink if op else None
        return kink is not None and kink.gap(*(self.data[j] for j in self.operands(i))) == 0


def _recompute(node: Value) -> float | None:
    """What the operands of a node give now, NaN where that is nothing; None if it is the node's number."""
    assert node.op
    operands = [x.data for x in node.inputs]
    try:
        if node.op.value(*operands) == node.data:  # which is quickly asked
            return None
        number = node.op.evaluate(operands)
    except (ArithmeticError, ValueError):
        number = math.nan
    same = number == node.data or (math.isnan(number) and not math.isfinite(node.data))
    return None if same else number


def _distinct(*sides: str) -> tuple[str, ...]:
    """The sides of an equation, without those that repeat the one before."""
    return tuple(side for side, _ in itertools.groupby(sides))


def write_ratio(above: str, below: str, style: Style) -> str:
    """The derivative ∂above/∂below, of two names."""
    return _divide(_write_operand(above), _write_operand(below), style)


def _write_operand(name: str) -> str:
    """A name as it stands behind a ∂: one with an operator in it in parentheses."""
    return f"({name})" if OPERATOR.search(name) else name


def _divide(above: str, below: str, style: Style) -> str:
    return rf"\frac{{\partial {above}}}{{\partial {below}}}" if style == "latex" else f"∂{above}/∂{below}"
