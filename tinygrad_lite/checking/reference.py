"""The table in high precision: the numbers that `gradcheck` holds the rows against.

Dual numbers over the standard library's `decimal`: a value, and its slope in each input (Griewank and
Walther, *Evaluating Derivatives*, section 3.1). A row's formula is its `definition`; the few operations
that have none are stated here, in `RULES`. Rounding is watched, not estimated: a result counts if no
operation rounded, or if two precisions agree and no rounded operand left a 0.
"""

import operator
from collections.abc import Callable, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Clamped, Context, Decimal, Inexact, Rounded, getcontext, localcontext
from functools import cache
from typing import Any

from ..engine.declaration import Primitive, carrier

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
        """The rule of `row`, or else its formula; a TypeError if that takes no Duals, being over `math`.

        NaN, which means not known, where an operand is, and where the formula raises what floats do.
        """
        duals = [dual(arg) for arg in args]
        xs = [x.value for x in duals]
        unknown = Dual(NAN, {i: NAN for x in duals for i in x.slopes})
        if any(x.is_nan() for x in xs):
            return unknown
        if row.name not in RULES:
            try:
                return dual((row.definition or row.value)(*duals))
            except (ArithmeticError, ValueError):
                return unknown
        rule, *partials = RULES[row.name]
        flags = getcontext().flags
        flags[Inexact] = any(x.rounded for x in duals)
        y = rule(*xs)
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
    """Raise the flag of a doubtful 0: one that came from rounded numbers. The `int` 0 of a rule is meant."""
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
    reference: it is not in `RULES`, and its formula does not take Duals.
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

    def attempt() -> list[Decimal]:
        duals = {x: Dual(Decimal(x.data), {}) for x in order if not x.inputs}
        slopes: dict[Any, dict[int, Decimal]] = {}
        for node in order:
            if node.inputs:
                local = [Dual(duals[x].value, {i: ONE}, duals[x].rounded) for i, x in enumerate(node.inputs)]
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


# ── what has no formula in other rows ─────────────────────────────────────────────────────────────


def choose(a: Decimal, b: Decimal) -> int | Decimal:
    """1 if a > b, 0 if a < b, ½ for a tie, which is doubtful where a or b has been rounded."""
    flags = getcontext().flags
    flags[DOUBT] = flags[DOUBT] or (flags[Inexact] and a == b)
    return Decimal("0.5") if a == b else int(a > b)


def sign(x: Decimal) -> int:
    """1, −1 or 0."""
    return (x > 0) - (x < 0)


def power(x: Decimal, n: Decimal) -> Decimal:
    """x to the power n; 1 for n = 0, whatever x is."""
    return x**n if n else ONE


def product_log(w: Decimal, x: Decimal) -> Decimal:
    """w·log x, where a weight of 0 wins."""
    return w * x.ln() if w or x else ZERO


def quotient(w: Decimal, x: Decimal) -> Decimal:
    """w / x, where a weight of 0 wins."""
    return w / x if w or x else ZERO


def logistic(x: Decimal) -> Decimal:
    """1 / (1 + exp(−x)), within range for every x."""
    e = (-abs(x)).exp()
    return (ONE if x > 0 else e) / (1 + e)


@cache
def half_pi(digits: int) -> Decimal:
    """π/2 by the arithmetic-geometric mean (Brent, 1976; Salamin, 1976)."""
    with localcontext(Context(prec=digits + 10)):
        a, b, t, p = ONE, 1 / Decimal(2).sqrt(), Decimal("0.25"), ONE
        while abs(a - b) > Decimal(10) ** -digits:
            mean = (a + b) / 2
            b = (a * b).sqrt()
            t -= p * (a - mean) ** 2
            a, p = mean, 2 * p
        return (a + b) ** 2 / (8 * t)


def cosine(x: Decimal, quarters: int = 0) -> Decimal:
    """cos(x − quarters·π/2): the Taylor series, after taking whole quarter turns away."""
    if not x.is_finite() or x.adjusted() > 1000:  # so many digits of π would take seconds
        return NAN
    with localcontext(prec=getcontext().prec + max(x.adjusted(), 0) + 10) as context:
        digits = context.prec
        quarter = half_pi(-(-digits // 100) * 100)
        turns = (x / quarter).to_integral_value()
        rest = x - turns * quarter
        turns = (turns - quarters) % 4
    k = int(turns) % 2
    term = rest if k else ONE
    total, square = term, rest * rest
    while term and term.adjusted() > total.adjusted() - getcontext().prec - 2:
        k += 2
        term = -term * square / (k * (k - 1))
        total += term
    return -total if turns % 4 in (1, 2, -2, -3) else total


def power_term(c: Decimal, x: Decimal, n: Decimal, k: Decimal) -> Decimal | int:
    """c·xⁿ·(ln x)ᵏ; 0 where c is, and at x = 0 for n > 0."""
    if not c or (not x and n > 0):
        return 0
    return c * power(x, n) * (power(x.ln(), k) if k else 1)


def hyperbolic_tangent(x: Decimal) -> Decimal:
    """tanh x, within range for every x."""
    e = (-2 * abs(x)).exp()
    return ((1 - e) / (1 + e)).copy_sign(x)


# One line each: the value, and one partial per argument, of (inputs ..., y), all in Decimal. A user-defined
# row over `math` gets its reference by a line of the same kind: RULES["erf"] = (erf, erf_slope).
RULES: dict[str, tuple[Callable[..., Any], ...]] = {
    "identity": (lambda x: x, lambda x, y: 1),
    "neg": (operator.neg, lambda x, y: -1),
    "add": (operator.add, lambda a, b, y: 1, lambda a, b, y: 1),
    "sub": (operator.sub, lambda a, b, y: 1, lambda a, b, y: -1),
    "mul": (operator.mul, lambda a, b, y: b, lambda a, b, y: a),
    "div": (operator.truediv, lambda a, b, y: 1 / b, lambda a, b, y: -a / (b * b)),
    "ratio": (quotient, lambda w, x, y: 1 / x, lambda w, x, y: -quotient(w, x * x)),
    "pow": (power, lambda x, n, y: n * power(x, n - 1) if n else 0, lambda x, n, y: product_log(y, x)),
    "power_term": (
        power_term,
        lambda c, x, n, k, y: power_term(ONE, x, n, k),
        lambda c, x, n, k, y: power_term(c * n, x, n - 1, k) + power_term(c * k, x, n - 1, k - 1),
        lambda c, x, n, k, y: power_term(c, x, n, k + 1),
        lambda c, x, n, k, y: y * x.ln().ln(),
    ),
    "exp": (Decimal.exp, lambda x, y: x.exp()),
    "log": (Decimal.ln, lambda x, y: 1 / x),
    "xlogy": (product_log, lambda w, x, y: x.ln(), lambda w, x, y: quotient(w, x)),
    "sqrt": (Decimal.sqrt, lambda x, y: 1 / (2 * x.sqrt())),
    "sin": (lambda x: cosine(x, 1), lambda x, y: cosine(x)),
    "cos": (cosine, lambda x, y: -cosine(x, 1)),
    "tanh": (hyperbolic_tangent, lambda x, y: 1 - y * y),
    "sigmoid": (logistic, lambda x, y: y * logistic(-x)),
    "softplus": (lambda x: max(x, ZERO) + (1 + (-abs(x)).exp()).ln(), lambda x, y: logistic(x)),
    "abs": (abs, lambda x, y: sign(x)),
    "sign": (sign, lambda x, y: 0),
    "step": (lambda x: int(x > 0), lambda x, y: 0),
    "maximum": (max, lambda a, b, y: choose(a, b), lambda a, b, y: choose(b, a)),
    "minimum": (min, lambda a, b, y: choose(b, a), lambda a, b, y: choose(a, b)),
    "wins": (choose, lambda a, b, y: 0, lambda a, b, y: 0),
}
