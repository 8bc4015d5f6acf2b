"""The slope of a black box, by differences: what guards the check against edges missing from the graph."""

import cmath
import math
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from ..engine.declaration import Primitive
from ..engine.value import Value, topological_order

STEPS = [s * 2.0**-k for k in (10, 20, 30, 40) for s in (1, -1)]
AGREEMENT = 1e-4  # relative: how near neighbouring steps must come
PRECISION = 1e-7  # relative: no difference quotient counts as more precise


def differentiate(f: Callable[[float], float], x: float, noise: float = 0.0, size: float = 0.0) -> tuple[float, float]:
    """f′(x) and an estimate of its error; NaN unless neighbouring steps agree on it.

    Difference quotients for steps that grow by 4, extrapolated to step 0 (Richardson, 1911): the central one, and
    the one-sided ones, which differ at a kink. The first neighbours that agree count, and wider steps only as far
    as they confirm them: a function may oscillate within a wide step, and agree by chance.

    Args:
        noise: how far rounding may move f(x), beyond the last places of x and of f(x).
        size: a slope that is large enough to matter.
    """
    slope, least, central, error, still = math.nan, math.inf, math.nan, math.nan, 0.0
    quotients: list[float] = []
    step = math.ldexp(1.0, max(math.frexp(x)[1] if x else -32, -1020) - 48)
    try:
        here = f(x)
        while step <= max(abs(x), 1.0) / 8:
            above, below = f(x + step), f(x - step)
            right, left = (above - here) / step, (here - below) / step
            narrower, quotients = quotients, [(above - below) / (2 * step), right, left]
            rounding = noise + 2 * math.ulp(max(map(abs, (above, here, below))))
            rounding += 2 * math.ulp(x) * min(abs(right), abs(left))
            still = step if above == here == below else still
            if narrower:
                before, floor = central, error / 4  # the error of rounding falls no faster: less is chance
                pairs = zip((16, 4, 4), narrower, quotients, strict=True)
                central, right, left = ((factor * a - b) / (factor - 1) for factor, a, b in pairs)
                error = max(abs(central - before), abs(right - left)) + rounding / step
                error = max(error, floor) if floor == floor else error
                if abs(central - slope) > 10 * (least + error):
                    break
                if error <= min(least, AGREEMENT * max(map(abs, (size, central, *quotients)))):
                    slope, least = central, error
            elif abs(right - left) * step > 1000 * rounding:
                break  # a jump
            step *= 4
    except Exception:  # where a step leaves its domain, f may fail in any way
        pass
    if math.isnan(slope) or abs(slope) * still > 8 * (noise + 2 * math.ulp(here)):
        return math.nan, math.inf  # the second: a step function, which moves by jumps
    return slope, max(least, PRECISION * abs(slope))


def differentiate_row(row: Primitive, data: Sequence[float], i: int) -> tuple[float, float]:
    """The partial derivative of `row` in argument i by `differentiate`, or by complex steps if they agree.

    These are more precise: Im f(x + ih) / h subtracts nothing (Squire and Trapp, *SIAM Review* 40, 1998). What it
    gives a few ULP from x tells its error.
    """

    before, after = data[:i], data[i + 1 :]
    slope, error = differentiate(lambda x: row.evaluate([*before, x, *after]), data[i])
    step = math.ldexp(1.0, math.frexp(data[i])[1] - 60)
    try:
        value, near = _take_complex(row.value), [data[i] + k * math.ulp(data[i]) for k in (0, 4, -4)]
        exact, *others = (value(*before, complex(x, step), *after).imag / step for x in near)
    except Exception:  # a user-defined function may fail on a complex number in any way
        return slope, error
    spread = 4 * max(abs(other - exact) for other in others) + 1e-14 * abs(exact)
    confirmed = spread < error and abs(exact - slope) <= 10 * error
    return (exact, spread) if confirmed else (slope, error)


def _take_complex(value: Any) -> Any:
    """A function over `math` as the same over `cmath`, as far as that has its functions."""
    if value is math:
        return cmath
    if getattr(value, "__module__", "") == "math":
        return getattr(cmath, value.__name__)
    if not isinstance(value, FunctionType):
        return value
    code, names = value.__code__, value.__globals__
    complex_names = {name: _take_complex(names[name]) for name in code.co_names if name in names}
    return FunctionType(code, names | complex_names, value.__name__, value.__defaults__, value.__closure__)


def branch_signature(order: Sequence[Value]) -> list[tuple[Primitive | None, int]]:
    """The operations of a graph, and on which side of its kink each is."""
    sides = []
    for node in order:
        gap = node.op.kink.gap(*(x.data for x in node.inputs)) if node.op and node.op.kink else 0.0
        sides.append((node.op, (gap > 0) - (gap < 0)))
    return sides


def find_loose_ends(f: Callable[..., Value], xs: Sequence[Value], order: Sequence[Value]) -> list[Value] | None:
    """The numbers in the graph `order` of f(xs) that move with the inputs and are not connected to them.

    What cannot move together, because f leaves its domain, moves apart; an input that cannot move at all, such as the
    whole number of a class, moves nothing. None if it cannot be told: no graph nearby has the same operations.
    """
    inputs = set(xs)
    numbers = [x for x in order if not x.inputs and x not in inputs]
    operations = [x.op for x in order]

    def compare(moving: Sequence[Value]) -> list[Value] | None:
        chosen, defined = set(moving), False
        for step in STEPS:
            places = [x.data * (1 + step / (1 + i)) or step if x in chosen else x.data for i, x in enumerate(xs)]
            moved = list(map(Value, places))
            try:
                there = topological_order(f(*moved))
            except (ArithmeticError, ValueError, AttributeError):
                continue
            defined, inputs = True, set(moved)
            others = [x for x in there if not x.inputs and x not in inputs]
            if [x.op for x in there] == operations and len(others) == len(numbers):
                return [a for a, b in zip(numbers, others, strict=True) if a.data != b.data]
        if len(moving) <= 1:
            return None if defined else []
        halves = [compare(half) for half in (moving[: len(moving) // 2], moving[len(moving) // 2 :])]
        return None if None in halves else [x for ends in halves for x in ends or ()]

    return compare(xs)
