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
NORMAL_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)  # of a standard normal number at 0
# Of (1 + 2x)·exp(x²)·erfc(x) as a polynomial in (x − 3.5)/(x + 3.5), the highest power first: interpolated with sixty
# digits at the zeros of a Chebyshev polynomial, as Shepherd and Laframboise did (Mathematics of Computation 36, 1981).
SCALED_ERFC = (
    -1.1656687889203665e-09, 6.040390099342991e-11, 1.3624442778701048e-08, 6.651894382376532e-10,
    -9.64004253144383e-08, -8.611571571113718e-09, 6.014823849950426e-07, -4.309237398316666e-08,
    -3.814012584490695e-06, 2.3273309537791425e-06, 2.4260300984917994e-05, -4.2781739959539994e-05,
    -0.00012151212091980101, 0.0005643842668705102, -0.0003022679534333239, -0.004215019879774186,
    0.019099330953271165, -0.04882332583088402, 0.08798315382403678, -0.11508959816003075, 0.09751909515328706,
    -0.010555596332221669, -0.1400091801376197, 1.2423492448711544,
)  # fmt: skip
# Where the slopes of gelu and silu are 0, and what rounding has taken from these numbers.
GELU_FLAT, GELU_FLAT_REST = -0.7517915246935645, 1.4956759177009883e-17
SILU_FLAT, SILU_FLAT_REST = -1.2784645427610737, -1.0946994183093437e-16
# Of the slope of gelu, divided by its distance d from there, as Taylor's polynomial in d, the highest power first.
GELU_SLOPE = (
    5.702764979242107e-07, 4.3284506257392273e-07, -7.74846130700372e-06, -1.121438018842664e-05, 8.615947861116571e-05,
    0.00018633974623233514, -0.0007448268386746817, -0.002239538068073497, 0.004539228379125415, 0.019421679838189067,
    -0.014771522148244337, -0.1140082332972217, -0.018199676398671087, 0.388284982990552, 0.4314939923140469,
)  # fmt: skip


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


def power_term(c: float, x: float, n: float, s: float, k: float) -> float:
    power = n - s
    if c == 0.0 or (x == 0.0 and power > 0.0):
        return 0.0
    if x < 0.0 and n % 1.0 != 0.0:
        raise ValueError
    half = pow(math.fabs(x), 0.5 * power)  # x**power alone may be out of range
    if half == 0.0:
        return 0.0  # however large c is
    rest = (n - (power - (power - n))) - (s + (power - n))  # of the exponent, which rounding has taken (Knuth, 1969)
    factor = c * (1.0 + rest * math.log(math.fabs(x))) if rest != 0.0 and x != 0.0 else c
    logarithms = math.pow(math.log(x), k) if k != 0.0 else 1.0
    # Multiplied last is what is large: a subnormal power has lost digits, which the logarithms would magnify.
    return (factor * half) * (half * (-logarithms if x < 0.0 and n % 2.0 != s % 2.0 else logarithms))


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
    if a == inf or b == inf:
        return inf
    largest = a if a > b else b
    scale = 2.0**-600 if largest > 1e150 else 2.0**600 if largest < 1e-140 else 1.0  # squares stay within range
    a, b = a * scale, b * scale
    return math.sqrt(a * a + b * b) / scale


def direction(a: float, b: float) -> float:
    size = hypot(a, b)
    return 0.0 if size == 0.0 else a / size


def asin_slope(x: float) -> float:
    return 1.0 / math.sqrt((1.0 - x) * (1.0 + x))  # x·x would lose what 1 − x has


def atanh_slope(x: float) -> float:
    return 1.0 / ((1.0 - x) * (1.0 + x))


def cbrt_slope(x: float) -> float:
    y = cbrt(x)
    return 1.0 / (3.0 * y * y)


def atan_slope(x: float) -> float:
    if math.fabs(x) < 1e8:
        return 1.0 / (1.0 + x * x)
    return (1.0 / x) * (1.0 / x)  # x·x may be out of range


def tanh_slope(x: float) -> float:
    return 4.0 * sigmoid_slope(2.0 * x)  # 1 − tanh² loses every digit where tanh saturates


def sech(x: float) -> float:
    e = math.exp(-math.fabs(x))
    return 2.0 * e / (1.0 + e * e)


def damping(x: float, k: float) -> float:
    """exp(−k·x²) for k = ½ or 1: rounded to one float, the exponent would have an error that grows with x²."""
    if k * x * x > 800.0:
        return 0.0
    near = math.floor(x * 65536.0) / 65536.0  # its square is exact
    y = math.exp(-k * near * near)
    return y + y * math.expm1(-k * (x - near) * (x + near))


def gaussian(x: float) -> float:
    return damping(x, 1.0)


def bell(x: float) -> float:
    return damping(x, 0.5)


def scaled_erfc(x: float) -> float:
    """exp(x²)·erfc(x), for x ≥ ½."""
    t = (x - 3.5) / (x + 3.5)
    y = 0.0
    for c in SCALED_ERFC:
        y = y * t + c
    return y / (1.0 + 2.0 * x)


def erfc(x: float) -> float:
    if x < 0.5:
        return 1.0 - math.erf(x)
    return 0.0 if x > 28.0 else scaled_erfc(x) * damping(x, 1.0)


def gelu(x: float) -> float:
    if x < -40.0:
        return 0.0
    z = x * math.sqrt(0.5)
    if z < -0.5:
        return 0.5 * x * scaled_erfc(-z) * damping(x, 0.5)
    return 0.5 * x * (1.0 + math.erf(z))


def gelu_slope(x: float) -> float:
    if x < -40.0:
        return 0.0
    d = (x - GELU_FLAT) - GELU_FLAT_REST
    if math.fabs(d) < 0.25:
        y = 0.0
        for c in GELU_SLOPE:
            y = y * d + c
        return y * d
    z = x * math.sqrt(0.5)
    if z < -0.5:
        y = 0.5 * scaled_erfc(-z) + x * NORMAL_DENSITY
        if x > -37.0:
            return y * damping(x, 0.5)
        half = damping(0.5 * x, 1.0)  # normal, where its square is subnormal
        return y * half * half
    return 0.5 * (1.0 + math.erf(z)) + x * NORMAL_DENSITY * damping(x, 0.5)


def silu(x: float) -> float:
    if x >= 0.0:
        return x / (1.0 + math.exp(-x))
    half = math.exp(0.5 * x)  # normal, where exp(x) is subnormal and x would magnify what that has lost
    return (x * half) * (half / (1.0 + half * half))


def silu_slope(x: float) -> float:
    if x >= 0.0:
        e = math.exp(-x)
        return (1.0 + (e + x * e)) / ((1.0 + e) * (1.0 + e))
    half = math.exp(0.5 * x)
    e = half * half
    d = (x - SILU_FLAT) - SILU_FLAT_REST
    factor = d - (1.0 + SILU_FLAT) * math.expm1(d)  # 1 + x + exp(x), which would cancel beside its zero
    return (half * factor) * (half / ((1.0 + e) * (1.0 + e)))


def sigmoid(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def sigmoid_slope(x: float) -> float:
    e = math.exp(-math.fabs(x))
    return e / ((1.0 + e) * (1.0 + e))


def softplus(x: float) -> float:
    return (x if x > 0.0 or x != x else 0.0) + math.log1p(math.exp(-math.fabs(x)))


def relu(x: float) -> float:
    return x if x > 0.0 or x != x else 0.0


def leaky_relu(x: float) -> float:
    return x if x > 0.0 else 0.01 * x


def elu(x: float) -> float:
    return x if x > 0.0 else math.expm1(x)


def step(x: float) -> float:
    return 1.0 if x > 0.0 else 0.0 if x <= 0.0 else x


def sign(x: float) -> float:
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else 0.0 if x == 0.0 else x


def maximum(a: float, b: float) -> float:
    return a if a > b or a != a else b


def minimum(a: float, b: float) -> float:
    return a if a < b or a != a else b


def clip(x: float, low: float, high: float) -> float:
    return minimum(maximum(x, low), high)


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
