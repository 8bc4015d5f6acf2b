"""Plain functions of `Decimal`, at the precision of the context: what the rows' references are made of.

As `stable_forms` has the floats that a row computes, this file has the exact numbers that `gradcheck` compares them
with. Series and reductions as in Brent and Zimmermann, *Modern Computer Arithmetic* (2010), chapter 4.
"""

# `decimal` is imported where it is needed, which is in a check: to load it takes as long as the whole table does.
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal


def choose(a: "Decimal", b: "Decimal") -> "Decimal | int":
    """1 if a > b, 0 if a < b, ½ for a tie, which is doubtful (`Clamped` says so) where a or b has been rounded."""
    from decimal import Clamped, Decimal, Inexact, getcontext

    flags = getcontext().flags
    flags[Clamped] = flags[Clamped] or (flags[Inexact] and a == b)
    return Decimal("0.5") if a == b else int(a > b)


def sign(x: "Decimal") -> int:
    """1, −1 or 0."""
    return (x > 0) - (x < 0)


def power(x: "Decimal", n: "Decimal") -> "Decimal":
    """x to the power n; 1 for n = 0, whatever x is."""
    return x**n if n else n + 1


def product_log(w: "Decimal", x: "Decimal") -> "Decimal":
    """w·log x, where a weight of 0 wins."""
    return w * x.ln() if w or x else w


def quotient(w: "Decimal", x: "Decimal") -> "Decimal":
    """w / x, where a weight of 0 wins."""
    return w / x if w or x else w


def power_term(c: "Decimal | int", x: "Decimal", n: "Decimal", s: "Decimal", k: "Decimal") -> "Decimal | int":
    """c·xⁿ⁻ˢ·(ln x)ᵏ; 0 where c is, and at x = 0 for n > s."""
    if not c or (not x and n > s):
        return 0
    return c * power(x, n - s) * (power(x.ln(), k) if k else 1)


def logistic(x: "Decimal") -> "Decimal":
    """1 / (1 + exp(−x)), within range for every x."""
    e = (-abs(x)).exp()
    return (1 if x > 0 else e) / (1 + e)


def silu_slope(x: "Decimal") -> "Decimal":
    """The slope of x·σ(x)."""
    return logistic(x) * (1 + x * logistic(-x))


def hyperbolic_tangent(x: "Decimal") -> "Decimal":
    """tanh x, within range for every x."""
    e = (-2 * abs(x)).exp()
    return ((1 - e) / (1 + e)).copy_sign(x)


def log_of(n: int) -> "Decimal":
    """log n."""
    from decimal import Decimal

    return Decimal(n).ln()


@cache
def half_pi(digits: int) -> "Decimal":
    """π/2 by the arithmetic-geometric mean (Brent, 1976; Salamin, 1976)."""
    from decimal import Context, Decimal, localcontext

    with localcontext(Context(prec=digits + 10)):
        a, b, t, p = Decimal(1), 1 / Decimal(2).sqrt(), Decimal("0.25"), 1
        while abs(a - b) > Decimal(10) ** -digits:
            mean = (a + b) / 2
            b = (a * b).sqrt()
            t -= p * (a - mean) ** 2
            a, p = mean, 2 * p
        return (a + b) ** 2 / (8 * t)


def pi() -> "Decimal":
    """π with a few digits more than the context's precision."""
    from decimal import getcontext

    return 2 * half_pi(-(-(getcontext().prec + 10) // 100) * 100)


def sum_series(first: "Decimal", ratio: "Callable[[int], Decimal]") -> "Decimal":
    """The sum of terms, of which number k is the one before times `ratio(k)`, until they change nothing."""
    from decimal import getcontext

    term = total = first
    k = 0
    while term.is_normal() and term.adjusted() > total.adjusted() - getcontext().prec - 2:
        k += 1
        term *= ratio(k)
        total += term
    return total


def cosine(x: "Decimal", quarters: int = 0) -> "Decimal":
    """cos(x − quarters·π/2): the Taylor series, after taking whole quarter turns away."""
    from decimal import Decimal, getcontext, localcontext

    if not x.is_finite() or x.adjusted() > 1000:  # so many digits of π would take seconds
        return Decimal("nan")
    with localcontext(prec=getcontext().prec + max(x.adjusted(), 0) + 10):
        quarter = pi() / 2
        turns = (x / quarter).to_integral_value()
        rest = x - turns * quarter
        turns = (turns - quarters) % 4
    odd, square = int(turns) % 2, rest * rest
    total = sum_series(rest if odd else Decimal(1), lambda k: -square / ((2 * k + odd) * (2 * k + odd - 1)))
    return -total if turns % 4 in (1, 2, -2, -3) else total


def arctangent(x: "Decimal") -> "Decimal":
    """atan x: the Taylor series, after halving the angle a few times."""
    from decimal import getcontext, localcontext

    if x.is_infinite():
        return (pi() / 2).copy_sign(x)
    halvings = 8
    with localcontext(prec=getcontext().prec + 10):
        for _ in range(halvings):
            x /= 1 + (1 + x * x).sqrt()
        square = x * x
        total = sum_series(x, lambda k: square * (1 - 2 * k) / (2 * k + 1)) * (1 << halvings)
    return +total  # rounded here, so that the context takes note


def angle(y: "Decimal", x: "Decimal") -> "Decimal":
    """atan2(y, x): of the point (x, y), from −π to π."""
    if x.is_signed():
        return (pi() - angle(abs(y), -x)).copy_sign(y)
    return arctangent(y / x) if x or y else y


def cube_root(x: "Decimal") -> "Decimal":
    """The real cube root."""
    return (abs(x).ln() / 3).exp().copy_sign(x) if x else x


def erf(x: "Decimal") -> "Decimal":
    """The error function, by its series where that is short (Abramowitz and Stegun, 7.1.6)."""
    if _is_far(x):
        return (1 - erfc(abs(x))).copy_sign(x)
    return sum_series(erf_slope(x) * x, lambda k: 2 * x * x / (2 * k + 1))


def erfc(x: "Decimal") -> "Decimal":
    """1 − erf(x), by its continued fraction where that is short (Abramowitz and Stegun, 7.1.14)."""
    from decimal import getcontext, localcontext

    if x.is_nan():
        return x
    if x < 0:
        return 1 - erf(x)
    digits = getcontext().prec
    if not _is_far(x):
        with localcontext(prec=digits + 10 + int(x * x / 2)):  # as many as cancel
            y = erf(x)
        return 1 - y
    rest = x * 0
    for k in range(digits + 20, 0, -1):
        rest = k / (x + rest) / 2
    return erf_slope(x) / (x + rest) / 2


def _is_far(x: "Decimal") -> bool:
    from decimal import getcontext

    return x * x > getcontext().prec


def erf_slope(x: "Decimal") -> "Decimal":
    """2/√π·exp(−x²)."""
    return 2 * (-x * x).exp() / pi().sqrt()


def normal(x: "Decimal") -> "Decimal":
    """The probability that a standard normal number is below x."""
    return erfc(-x / (x * 0 + 2).sqrt()) / 2


def normal_density(x: "Decimal") -> "Decimal":
    """exp(−x²/2)/√(2π), the slope of `normal`."""
    return (-x * x / 2).exp() / (2 * pi()).sqrt()
