"""The reference of `gradcheck` once more, rigorously: Arb balls (Johansson, IEEE Trans. Computers, 2017).

A power series of length 2 in Arb's arithmetic encloses the value and the slope of a formula: no rounding,
no cancellation and no underflow can go unseen. `compute` takes the place of `reference.compute`.
"""

import math
from decimal import Context, Decimal

import flint
from flint import arb, arb_series

from tinygrad_lite.checking.reference import NAN, ONE, ZERO
from tinygrad_lite.engine.declaration import carrier

BITS = (128, 256, 512, 1024, 2048, 4096)


class UndecidedError(Exception):
    """An enclosure holds both sides of a branch."""


@carrier
class Ball:
    """A formula's value and slope in one input, as an Arb power series."""

    def __init__(self, series):
        self.series = series

    @staticmethod
    def apply_primitive(row, args):
        balls = [arg if isinstance(arg, Ball) else Ball(arb_series([exact(arg)], flint.ctx.cap)) for arg in args]
        if row.name in RULES:
            return Ball(RULES[row.name](*(ball.series for ball in balls)))
        if row.reference and not row.definition:  # what Arb has by the same name
            return Ball(getattr(balls[0].series, row.name)())
        formula = row.definition or row.value
        result = formula(*balls)
        return result if isinstance(result, Ball) else Ball(arb_series([exact(result)], flint.ctx.cap))


def exact(x):
    mantissa, exponent = float(x).as_integer_ratio() if not isinstance(x, Decimal) else x.as_integer_ratio()
    return arb(mantissa) / arb(exponent)


def sign_of(x):
    """−1, 0 or 1 of the constant term."""
    x = x[0]
    if x > 0:
        return 1
    if x < 0:
        return -1
    if x == 0:
        return 0
    raise UndecidedError


def constant(x):
    return arb_series([arb(x)], flint.ctx.cap)


def power(x, n):
    if n[0] == n[0].mid() and n[1] == 0 and n[0].mid().is_integer() and (abs(n[0]) < 1e6 or x[0] < 0):
        return x ** int(float(n[0].mid()))
    return (n * x.log()).exp() if sign_of(x) else zero_power(x, n)


def zero_power(x, n):
    if n[0] > 1 or (n[0] > 0 and x[1] == 0):
        return constant(0)
    return arb_series([arb(0) if n[0] > 0 else arb("nan"), arb("nan")], 2)


def product_log(w, x):
    if sign_of(x) == 0 and sign_of(w) == 0:
        return constant(0) if w[1] == 0 else arb_series([arb(0), arb("nan")], 2)
    return w * x.log()


def quotient(w, x):
    if sign_of(w) == 0 == sign_of(x):
        return constant(0) if w[1] == 0 else arb_series([arb(0), arb("nan")], 2)
    return w / x


def absolute(x):
    return [constant(0), x, -x][sign_of(x)]


def larger(a, b):
    return [(a + b) / 2, a, b][sign_of(a - b)]


def smaller(a, b):
    return [(a + b) / 2, b, a][sign_of(a - b)]


def cube_root(x):
    root = (absolute(x).log() / 3).exp() if sign_of(x) else arb_series([arb(0), arb("nan")], 2)
    return root * constant(sign_of(x))


def angle(y, x):
    """Of a y that is not negative on the cut: Arb has one zero."""
    if abs(x[0]) < abs(y[0]):
        return sign_of(y) * arb.pi() / 2 - (x / y).atan()
    turn = 0 if sign_of(x) >= 0 else arb.pi() if sign_of(y) >= 0 else -arb.pi()
    return (y / x).atan() + turn


def hyperbolic_tangent(x):
    side = -1 if x[0] < 0 else 1
    e = (-2 * side * x).exp()
    return side * (1 - e) / (1 + e)


def normal(x):
    return (-x / arb(2).sqrt()).erfc() / 2


def gelu_slope(x):
    return normal(x) + x * (-x * x / 2).exp() / (2 * arb.pi()).sqrt()


RULES = {
    "identity_": lambda x: x,
    "neg": lambda x: -x,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "ratio_": quotient,
    "pow": power,
    "log": lambda x: x.log(),
    "log2": lambda x: x.log() / arb(2).log(),
    "log10": lambda x: x.log() / arb(10).log(),
    "xlogy_": product_log,
    "sqrt": lambda x: x.sqrt() if sign_of(x) else arb_series([arb(0), arb("nan") if x[1] != 0 else arb(0)], 2),
    "cbrt": cube_root,
    "atan2": angle,
    "gelu": lambda x: x * normal(x),
    "gelu_slope": gelu_slope,
    "degrees": lambda x: x * 180 / arb.pi(),
    "radians": lambda x: x * arb.pi() / 180,
    "tanh": hyperbolic_tangent,
    "abs": absolute,
    "sign_": lambda x: constant(sign_of(x)),
    "stopped_": lambda x: constant(x[0]),
    "step_": lambda x: constant(int(sign_of(x) > 0)),
    "maximum": larger,
    "minimum": smaller,
    "wins_": lambda a, b: constant(exact((1 + sign_of(a - b)) / 2)),
    "equals_": lambda i, j, n: constant(int(sign_of(i - j) == 0)),
}


def compute(row, inputs, wanted=()):
    """As `reference.compute`: the value, then the partial derivatives; NaN where it is inconclusive."""
    results = []
    for i in (None, *wanted):
        for bits in BITS:
            flint.ctx.prec = bits
            flint.ctx.cap = 2
            args = tuple(Ball(arb_series([exact(x), arb(int(i == j))], 2)) for j, x in enumerate(inputs))
            try:
                ball = Ball.apply_primitive(row, args).series[0 if i is None else 1]
            except UndecidedError:
                continue
            except (ZeroDivisionError, ValueError):
                results.append(NAN)
                break
            if ball == 0:
                results.append(ZERO)
                break
            if ball.is_finite() and (ball.rel_accuracy_bits() > 80 or abs(ball) < arb("1e-330")):
                results.append(decimal(ball))
                break
        else:
            results.append(NAN)
    if row.name == "atan2" and inputs[0] == 0 and math.copysign(1, inputs[0]) < 0:
        results[0] = -results[0]  # Arb's zero has no sign
    return results


def differentiate(row, x, i=0):
    """Derivatives 1 to 4 of `row` in argument i, by a power series of length 5, from as few bits as do."""
    for bits in (160, 1024, 4096):
        flint.ctx.prec, flint.ctx.cap = bits, 5
        args = tuple(Ball(arb_series([exact(each), arb(int(i == j))], 5)) for j, each in enumerate(x))
        series = Ball.apply_primitive(row, args).series
        derivatives = [series[k] * math.factorial(k) for k in (1, 2, 3, 4)]
        if all(each == 0 or each.rel_accuracy_bits() > 80 for each in derivatives):
            return [decimal(each) for each in derivatives]
    raise UndecidedError


def decimal(ball):
    mantissa, exponent = ball.mid().man_exp()
    context = Context(prec=60)
    return context.multiply(Decimal(int(mantissa)), context.power(Decimal(2), Decimal(int(exponent)))) * ONE
