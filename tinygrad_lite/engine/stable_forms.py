"""Plain functions of floats: the values and slopes that need a form of their own to be exact.

Forms were chosen by measured error, in units in the last place (ULP); see Goldberg, "What every
computer scientist should know about floating-point arithmetic" (1991). A NaN passes through every
comparison (`x != x`), as it would not through the builtin max. They raise what `math` raises.
"""

import math
import sys
from math import inf, nan

SMALLEST_NORMAL = sys.float_info.min
WHOLE = 2.0**53  # every float from here on is a whole number


def pow(x: float, n: float) -> float:
    if n == 2.0:
        return x * x  # as squared errors are: a tenth of the time, and rounded correctly
    if n == 1.0:
        return x
    if x == 0.0 and -inf < n < 0.0:  # math.pow says ValueError here
        raise ZeroDivisionError
    return math.pow(x, n)


def pow_slope(x: float, n: float) -> float:
    if n == 0.0:
        return 0.0
    if n % 1.0 != 0.0 or math.fabs(n) >= WHOLE:
        y = pow(x, n)
        if y == inf and x < inf:  # math.pow has said so already, unless it is the compiled one
            raise OverflowError
        if SMALLEST_NORMAL <= math.fabs(y) < inf:
            slope = y / x  # n·pow(x, n − 1) rounds the exponent: 575 ULP
            return n * slope if SMALLEST_NORMAL <= math.fabs(slope) < inf else n * y / x
    power = pow(x, n - 1.0)
    if math.fabs(power) >= SMALLEST_NORMAL or not 0.0 < math.fabs(x) < inf:
        return n * power
    half = pow(math.fabs(x), 0.5 * n)  # normal, where the power is subnormal and n would magnify what that has lost
    return n * half * (half / (math.fabs(x) if n % 2.0 == 1.0 else x))


def power_term(c: float, x: float, n: float, k: float) -> float:
    if c == 0.0 or (x == 0.0 and n > 0.0):
        return 0.0
    if x < 0.0 and n % 1.0 != 0.0:
        raise ValueError
    logarithms = math.pow(math.log(x), k) if k != 0.0 else 1.0
    half = pow(math.fabs(x), 0.5 * n)  # x**n alone may be out of range
    # Multiplied last is what is large: a subnormal x**n has lost digits, which the logarithms would magnify.
    return (c * half) * (half * (-logarithms if x < 0.0 and n % 2.0 == 1.0 else logarithms))


def xlogy(w: float, x: float) -> float:
    return 0.0 if w == 0.0 == x else w * math.log(x)


def ratio(w: float, x: float) -> float:
    return 0.0 if w == 0.0 == x else w / x


def cbrt(x: float) -> float:
    if x == 0.0 or x - x != 0.0:
        return x
    y = math.copysign(math.pow(math.fabs(x), 1.0 / 3.0), x)
    return y - (y - x / (y * y)) / 3.0  # a step of Newton's: a third, rounded, has cost 100 ULP


def hypot(a: float, b: float) -> float:
    a, b = math.fabs(a), math.fabs(b)
    if b > a:
        a, b = b, a
    if a == inf or b == inf:
        return inf
    if a == 0.0:
        return b
    return a * math.sqrt(1.0 + (b / a) * (b / a))


def direction(a: float, b: float) -> float:
    size = hypot(a, b)
    return 0.0 if size == 0.0 else a / size


def asin_slope(x: float) -> float:
    return 1.0 / math.sqrt((1.0 - x) * (1.0 + x))  # x·x would lose what 1 − x has


def atan_slope(x: float) -> float:
    return 1.0 / (1.0 + x * x)


def tanh_slope(x: float) -> float:
    e = math.exp(-2.0 * math.fabs(x))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))  # 1 − tanh² loses every digit where tanh saturates


def sigmoid(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def softplus(x: float) -> float:
    return (x if x > 0.0 or x != x else 0.0) + math.log1p(math.exp(-math.fabs(x)))


def relu(x: float) -> float:
    return x if x > 0.0 or x != x else 0.0


def step(x: float) -> float:
    return 1.0 if x > 0.0 else 0.0 if x <= 0.0 else x


def sign(x: float) -> float:
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else 0.0 if x == 0.0 else x


def maximum(a: float, b: float) -> float:
    return a if a > b or a != a else b


def minimum(a: float, b: float) -> float:
    return a if a < b or a != a else b


def wins(a: float, b: float) -> float:
    return 1.0 if a > b else 0.0 if a < b else 0.5 if a == b else nan


def equals(i: float, j: float, n: float) -> float:
    if i == j:
        return 1.0
    if 0.0 <= i < n and i % 1.0 == 0.0:
        return 0.0
    if i != i:
        return nan
    raise ValueError


def cross_entropy(p: float, y: float) -> float:
    if p < 0.0 or p > 1.0 or y < 0.0 or y > 1.0:
        raise ValueError
    loss = 0.0
    if y != 0.0:  # a term of weight 0 is skipped: 0·log 0 is 0 here
        loss -= y * math.log(p)
    if y != 1.0:
        loss -= (1.0 - y) * math.log1p(-p)
    return loss


def cross_entropy_slope(p: float, y: float) -> float:
    return -1.0 / p if y == 1.0 else 1.0 / (1.0 - p) if y == 0.0 else (p - y) / (p * (1.0 - p))


def cross_entropy_with_logits(z: float, y: float) -> float:
    if y < 0.0 or y > 1.0:
        raise ValueError
    return (1.0 - y) * softplus(z) + y * softplus(-z)


def logit(p: float) -> float:
    if 0.25 < p < 0.75:  # log p − log(1 − p) cancels near ½
        return math.log1p((2.0 * p - 1.0) / (1.0 - p))
    return math.log(p) - math.log1p(-p)
