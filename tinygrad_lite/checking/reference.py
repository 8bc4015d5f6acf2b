"""The table in high precision: the numbers that `gradcheck` holds the rows against.

Dual numbers over the standard library's `decimal`: a value, and its slope in each input (Griewank and
Walther, *Evaluating Derivatives*, section 3.1). What a row's numbers are, its column `reference` states, or
else its formula, `definition`. Rounding is watched, not estimated: a result counts if no operation rounded, or if
two precisions agree and no rounded operand left a 0.
"""

import operator
from collections.abc import Callable, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Clamped, Context, Decimal, Inexact, Rounded, getcontext, localcontext
from typing import Any

from ..engine.declaration import Primitive, carrier
from ..engine.value import reached

PRECISIONS = (30, 50, 100, 200, 360, 440)  # decimal digits; the last two see the 5e-324 of 1 + 5e-324
OF_GRAPHS = (30, 50, 100, 700, 880)  # the last two see the slope of x / log1p(x) at 5e-324, which cancels besides
AGREEMENT = Decimal("1e-20")  # relative: 1/10,000 of a float's last place
NEGLIGIBLE = Decimal("1e-330")  # a millionth of the least float
WIDEST = 900_000  # the exponent of a number that the default context still multiplies by a float
DOUBT = Clamped  # a flag of the context that no operation raises here
ZERO, ONE, NAN = Decimal(0), Decimal(1), Decimal("nan")


@carrier
class Dual:
    """A number and its slopes: the derivative in input i is `slopes[i]`, 0 if it is not there.

    `rounded` says whether the value or a slope has been rounded on the way.
    """

    __slots__ = ("rounded", "slopes", "value")

    def __init__(self, value: Decimal, slopes: dict[int, Decimal], rounded: bool = False) -> None:
        self.value = value
        self.slopes = slopes
        self.rounded = rounded

    def __bool__(self) -> bool:
        return bool(self.value)

    @staticmethod
    def apply_primitive(row: Primitive, args: tuple[Any, ...]) -> "Dual":
        """The reference of `row`, or else its formula; a TypeError if that takes no Duals, being over `math`.

        NaN, which means not known, where an operand is, and where the formula raises what floats do.
        """
        duals = [dual(arg) for arg in args]
        xs = [x.value for x in duals]
        unknown = Dual(NAN, {i: NAN for x in duals for i in x.slopes})
        if any(x.is_nan() for x in xs):
            return unknown
        if not row.reference:
            try:
                return dual((row.definition or row.value)(*duals))
            except (ArithmeticError, ValueError):
                return unknown
        value, *partials = row.reference
        flags = getcontext().flags
        flags[Inexact] = any(x.rounded for x in duals)
        y = value(*xs)
        _watch(y, xs)
        slopes: dict[int, Decimal] = {}
        for x, partial in zip(duals, partials, strict=True):
            for i, slope in x.slopes.items():
                if slope:  # what does not move passes nothing on, even through an infinite slope
                    factor = partial(*xs, y)
                    _watch(factor, xs)
                    term = factor * slope
                    slopes[i] = term + slopes[i] if i in slopes else term
                    _watch(slopes[i], (term,))
        return Dual(Decimal(y), slopes, flags[Inexact])


def _watch(result: Decimal | int, operands: Sequence[Decimal]) -> None:
    """Raise the flag of a doubtful 0: one that came from rounded numbers. The `int` 0 of a reference is meant."""
    if not result and isinstance(result, Decimal) and all(operands) and getcontext().flags[Inexact]:
        getcontext().flags[DOUBT] = True


def dual(x: Any) -> Dual:
    """`x` as a Dual: a number is a constant."""
    return x if isinstance(x, Dual) else Dual(Decimal(x), {})


def _comparison(compare: Callable[[Any, Any], bool]) -> Callable[[Dual, Any], bool]:
    return lambda self, other: compare(self.value, dual(other).value)


for _name in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"):  # for formulas with a branch: a leaky relu
    setattr(Dual, _name, _comparison(getattr(operator, _name)))


def compute(row: Primitive, inputs: Sequence[float | Decimal], wanted: Sequence[int] = ()) -> list[Decimal] | None:
    """The value of `row` at `inputs`, then its partial derivatives in the arguments `wanted`.

    A number that is undefined, or of which no two precisions agree, is NaN. None if the row has no
    reference: that column is empty, and its formula does not take Duals.
    """

    def attempt() -> list[Decimal]:
        arguments = (Dual(Decimal(x), {i: ONE} if i in wanted else {}) for i, x in enumerate(inputs))
        y = Dual.apply_primitive(row, tuple(arguments))
        return [y.value, *(y.slopes.get(i, ZERO) for i in wanted)]

    try:
        return settle(attempt)
    except (AttributeError, TypeError):
        return None


def compute_gradient(order: Sequence[Any], leaves: Sequence[Any]) -> list[Decimal]:
    """The derivatives of the last node of `order` in `leaves`, to twenty digits: the chain rule without rounding.

    Raises: TypeError if a row of the graph has no reference.
    """

    asked = reached(order, order[-1:])

    def attempt() -> list[Decimal]:
        duals = {x: Dual(Decimal(x.data), {}) for x in order if not x.inputs}
        slopes: dict[Any, dict[int, Decimal]] = {}
        for node in order:
            if node.inputs:
                units: list[dict[int, Decimal]] = [{i: ONE} if node in asked else {} for i in range(len(node.inputs))]
                local = [
                    Dual(duals[x].value, unit, duals[x].rounded) for x, unit in zip(node.inputs, units, strict=True)
                ]
                duals[node] = Dual.apply_primitive(node.op, tuple(local))
                slopes[node] = duals[node].slopes
        total = {order[-1]: ONE}
        for node in reversed(order):
            for i, slope in slopes.get(node, {}).items():
                if slope and total.get(node):
                    x, term = node.inputs[i], slope * total[node]
                    total[x] = total.get(x, ZERO) + term
                    _watch(total[x], (term,))
        return [total.get(leaf, ZERO) for leaf in leaves]

    return settle(attempt, OF_GRAPHS)


def settle(attempt: Callable[[], list[Decimal]], precisions: Sequence[int] = PRECISIONS) -> list[Decimal]:
    """`attempt`'s numbers, at the first precision that is enough for all of them; NaN where none is, or no number.

    Enough is: nothing was rounded, or the precision before gives the same. Where a 0 came from rounded
    numbers only the last will do: 1 + 1e-300 is 1 at every small one, and its logarithm 0.
    """
    earlier: list[Decimal] = []
    for precision in precisions:
        last = precision == precisions[-1]
        with localcontext(Context(prec=precision, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])) as context:
            results = attempt()
            if not context.flags[Rounded]:
                return [y if y.is_finite() else NAN for y in results]
            agreed = [_agree(a, b, last) for a, b in zip(earlier, results, strict=False)]
            if agreed and all(agreed) and (last or not context.flags[DOUBT]):
                return results
        earlier = results
    return [y if sure else NAN for y, sure in zip(results, agreed, strict=True)]


def _agree(a: Decimal, b: Decimal, last: bool) -> bool:
    if not b.is_finite() or b.adjusted() > WIDEST:
        return False
    if last and abs(a - b) < NEGLIGIBLE:
        return True
    return abs(a - b) <= AGREEMENT * abs(b)
