"""The slope of a black box, by differences: what guards the check against edges missing from the graph."""

import math
from collections.abc import Callable, Sequence

from ..engine.declaration import Primitive
from ..engine.value import Value, topological_order

STEPS = [s * 2.0**-k for k in (10, 20, 30, 40) for s in (1, -1)]


def ridders(f: Callable[[float], float], x: float, noise: float = 0.0) -> tuple[float, float]:
    """f′(x) and an estimate of its error; NaN where f has no values around x.

    Central differences with ever smaller steps, extrapolated to step 0 (Ridders, "Accurate computation of
    F′(x) and F′(x)F″(x)", *Advances in Engineering Software* 4, 1982).

    Args:
        noise: how far rounding may move f(x).
    """
    step = 0.1 * abs(x) or 0.1
    for _ in range(12):
        try:
            return _extrapolated(f, x, step, noise)
        except (ArithmeticError, ValueError):
            step /= 10
    return math.nan, math.inf


def _extrapolated(f: Callable[[float], float], x: float, step: float, noise: float) -> tuple[float, float]:
    best, least = math.nan, math.inf
    row: list[float] = []
    for _ in range(10):
        above, below = x + step, x - step
        column = [(f(above) - f(below)) / (above - below)]
        factor = 1.0
        for earlier in row:
            factor *= 1.96
            column.append((column[-1] * factor - earlier) / (factor - 1.0))
            error = max(abs(column[-1] - column[-2]), abs(column[-1] - earlier)) + noise / step
            if error <= least:
                best, least = column[-1], error
        if row and abs(column[-1] - row[-1]) > 2 * least:
            break
        row, step = column, step / 1.4
    return best, least


def disagree(analytic: float, slope: float, error: float) -> bool:
    """Whether a gradient and a difference quotient (with its error) cannot both be right."""
    return abs(analytic - slope) > 10 * error + 1e-6 * max(abs(analytic), abs(slope))


def branch_signature(order: Sequence[Value]) -> list[tuple[Primitive | None, int]]:
    """The operations of a graph, and on which side of its kink each is."""
    sides = []
    for node in order:
        gap = node.op.kink.gap(*(x.data for x in node.inputs)) if node.op and node.op.kink else 0.0
        sides.append((node.op, (gap > 0) - (gap < 0)))
    return sides


def find_loose_ends(f: Callable[..., Value], xs: Sequence[Value], order: Sequence[Value]) -> list[Value] | None:
    """The numbers in the graph `order` of f(xs) that move with the inputs and are not connected to them.

    None if that cannot be told: no graph nearby has the same operations.
    """
    numbers = [x for x in order if not x.inputs and x not in xs]
    for step in STEPS:
        moved = [Value(x.data * (1 + step / (1 + i)) or step) for i, x in enumerate(xs)]
        try:
            there = topological_order(f(*moved))
        except (ArithmeticError, ValueError, AttributeError):
            continue
        if branch_signature(there) == branch_signature(order):
            others = [x for x in there if not x.inputs and x not in moved]
            return [a for a, b in zip(numbers, others, strict=True) if a.data != b.data]
    return None
