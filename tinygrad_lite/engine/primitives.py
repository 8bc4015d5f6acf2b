"""The table: every operation declared once — its value and one partial derivative per argument.

A row is generic in its *carrier*: values and partials are written with the table's own operations,
so the same lambda runs on floats (the numbers), on Values (derivatives of derivatives), on symbols
(formulas and generated code) and on high-precision numbers (the gradient check).

    partials:   one function per argument, of (inputs ..., y), where y is the operation's result
    reference:  the exact value and partials, in `Decimal`, where no `definition` in other rows gives them

See Griewank and Walther, *Evaluating Derivatives* (2nd edition, 2008), table 2.2, for the idea of the table.
"""

# mypy: disable-error-code=has-type
# (rows refer to one another, in any order)
import math
import operator
from math import inf
from typing import TYPE_CHECKING

from . import exact_forms as exact
from . import stable_forms as forms
from .declaration import REALS, TABLE, Interval, Kink, declare

POSITIVE = Interval(0.0, inf, open=True)
UNIT = Interval(0.0, 1.0)
SYMMETRIC = Interval(-1.0, 1.0)
LN2 = math.log(2)
LOG2E = math.log2(math.e)
LOG10E = math.log10(math.e)
ERF_SLOPE = 2 / math.sqrt(math.pi)  # of erf at 0

# fmt: off
# ── the table ─────────────────────────────────────────────────────────────────────────────────────

# Closed under differentiation: a slope that needs care of its own is a row too, hidden. Its
# arguments are those of the row it serves. A name that a user may want for a row ends with an underscore here.

# ── arithmetic ──
neg = declare(
    "neg", operator.neg, lambda x, y: -1,
    method="__neg__", python="-{}", plain="−{}", latex="-{}", precedence=2, doc="negation",
    reference=(operator.neg, lambda x, y: -1),
)
add = declare(
    "add", operator.add, lambda a, b, y: 1, lambda a, b, y: 1,
    method="__add__", python="{} + {}", plain="{} + {}", latex="{} + {}", precedence=1, doc="sum",
    reference=(operator.add, lambda a, b, y: 1, lambda a, b, y: 1),
)
sub = declare(
    "sub", operator.sub, lambda a, b, y: 1, lambda a, b, y: -1,
    method="__sub__", python="{} - {}", plain="{} − {}", latex="{} - {}", precedence=1, doc="difference",
    reference=(operator.sub, lambda a, b, y: 1, lambda a, b, y: -1),
)
mul = declare(
    "mul", operator.mul, lambda a, b, y: b, lambda a, b, y: a,
    method="__mul__", python="{} * {}", plain="{} · {}", latex=r"{} \cdot {}", precedence=2, doc="product",
    reference=(operator.mul, lambda a, b, y: b, lambda a, b, y: a),
)
div = declare(
    "div", operator.truediv, lambda a, b, y: 1 / b, lambda a, b, y: -y / b,
    method="__truediv__", python="{} / {}", plain="{} / {}", latex=r"\frac{{{}}}{{{}}}", precedence=2, doc="quotient",
    ieee=lambda a, b: a * math.copysign(inf, b),
    reference=(operator.truediv, lambda a, b, y: 1 / b, lambda a, b, y: -a / (b * b)),
)
pow = declare(
    "pow", forms.pow, lambda x, n, y: pow_slope(x, n), lambda x, n, y: power_term(1, x, n, 0, 1),
    method="__pow__", plain="{}^{}", latex="{}^{{{}}}", precedence=3, doc="power",
    advice="a negative base needs a whole number as exponent, x**2; a Value there has no slope",
    reference=(
        exact.power, lambda x, n, y: n * exact.power(x, n - 1) if n else 0, lambda x, n, y: exact.product_log(y, x),
    ),
)
pow_slope = declare(
    "pow_slope", forms.pow_slope,
    lambda x, n, y: power_term(n * (n - 1), x, n, 2, 0),
    lambda x, n, y: power_term(n, x, n, 1, 1) + power_term(1, x, n, 1, 0),
    definition=lambda x, n: n * x ** (n - 1), cancels=True, hidden=True,
)
power_term = declare(  # what all further derivatives of a power are made of; n − s, rounded, would cost 500 ULP
    "power_term", forms.power_term,
    lambda c, x, n, s, k, y: power_term(1, x, n, s, k),
    lambda c, x, n, s, k, y: power_term(c * (n - s), x, n, s + 1, k) + power_term(c * k, x, n, s + 1, k - 1),
    lambda c, x, n, s, k, y: power_term(c, x, n, s, k + 1),
    lambda c, x, n, s, k, y: -power_term(c, x, n, s, k + 1),
    lambda c, x, n, s, k, y: y * log(log(x)),
    definition=lambda c, x, n, s, k: c * x ** (n - s) * log(x) ** k, cancels=True, hidden=True,
    reference=(
        exact.power_term,
        lambda c, x, n, s, k, y: exact.power_term(1, x, n, s, k),
        lambda c, x, n, s, k, y: (
            exact.power_term(c * (n - s), x, n, s + 1, k) + exact.power_term(c * k, x, n, s + 1, k - 1)
        ),
        lambda c, x, n, s, k, y: exact.power_term(c, x, n, s, k + 1),
        lambda c, x, n, s, k, y: -exact.power_term(c, x, n, s, k + 1),
        lambda c, x, n, s, k, y: y * x.ln().ln(),
    ),
)
xlogy = declare(
    "xlogy_", forms.xlogy, lambda w, x, y: log(x), lambda w, x, y: ratio(w, x),
    definition=lambda w, x: w * log(x), hidden=True,
    reference=(exact.product_log, lambda w, x, y: x.ln(), lambda w, x, y: exact.quotient(w, x)),
)
ratio = declare(
    "ratio_", forms.ratio, lambda w, x, y: 1 / x, lambda w, x, y: -power_term(w, x, 0, 2, 0),
    definition=lambda w, x: w / x, hidden=True,
    reference=(exact.quotient, lambda w, x, y: 1 / x, lambda w, x, y: -exact.quotient(w, x * x)),
)
identity = declare(
    "identity_", operator.pos, lambda x, y: 1,
    method="__pos__", python="{}", plain="{}", latex="{}", hidden=True,
    reference=(lambda x: x, lambda x, y: 1),
)

# ── exponentials and roots ──
exp = declare(
    "exp", math.exp, lambda x, y: y, doc="e to the power x",
    reference=(lambda x: x.exp(), lambda x, y: x.exp()),
)
log = declare(
    "log", math.log, lambda x, y: 1 / x, domain=(POSITIVE,), doc="natural logarithm",
    reference=(lambda x: x.ln(), lambda x, y: 1 / x),
)
log1p = declare(
    "log1p", math.log1p, lambda x, y: 1 / (1 + x),
    definition=lambda x: log(1 + x), domain=(Interval(-1.0, inf, open=True),), doc="log(1 + x), exact near 0",
)
expm1 = declare(
    "expm1", math.expm1, lambda x, y: exp(x),
    definition=lambda x: exp(x) - 1, doc="exp(x) − 1, exact near 0",
)
exp2 = declare(
    "exp2", math.exp2, lambda x, y: LN2 * y,
    plain="2^({})", latex="2^{{{}}}", definition=lambda x: 2**x, doc="2 to the power x",
)
log2 = declare(
    "log2", math.log2, lambda x, y: LOG2E / x,
    latex=r"\log_2\left({}\right)", domain=(POSITIVE,), doc="logarithm to the base 2",
    reference=(lambda x: x.ln() / exact.log_of(2), lambda x, y: 1 / (x * exact.log_of(2))),
)
log10 = declare(
    "log10", math.log10, lambda x, y: LOG10E / x,
    latex=r"\log_{{10}}\left({}\right)", domain=(POSITIVE,), doc="logarithm to the base 10",
    reference=(lambda x: x.log10(), lambda x, y: 1 / (x * exact.log_of(10))),
)
sqrt = declare(
    "sqrt", math.sqrt, lambda x, y: 0.5 / y,
    plain="√({})", latex=r"\sqrt{{{}}}", domain=(Interval(0.0, inf),), doc="square root",
    reference=(lambda x: x.sqrt(), lambda x, y: 1 / (2 * x.sqrt())),
)
cbrt = declare(
    "cbrt", forms.cbrt, lambda x, y: cbrt_slope(x),
    plain="∛({})", latex=r"\sqrt[3]{{{}}}", doc="cube root, of negative numbers too",
    reference=(exact.cube_root, lambda x, y: 1 / (3 * y * y)),
)
cbrt_slope = declare(
    "cbrt_slope", forms.cbrt_slope, lambda x, y: -2 * y / (3 * x),
    definition=lambda x: 1 / (3 * cbrt(x) ** 2), hidden=True,
)
hypot = declare(
    "hypot", forms.hypot, lambda a, b, y: direction(a, b), lambda a, b, y: direction(b, a),
    definition=lambda a, b: sqrt(a**2 + b**2), kink=Kink(lambda a, b: abs(a) + abs(b), SYMMETRIC),
    doc="√(a² + b²), within range for every a and b",
)
direction = declare(  # the cosine of the angle between (a, b) and the first axis
    "direction_", forms.direction,
    lambda a, b, y: direction(b, a) / hypot(a, b) * direction(b, a),
    lambda a, b, y: -y * direction(b, a) / hypot(a, b),
    definition=lambda a, b: a / sqrt(a**2 + b**2), hidden=True,
)

# ── circles and hyperbolas ──
sin = declare(
    "sin", math.sin, lambda x, y: cos(x), doc="sine, x in radians",
    reference=(lambda x: exact.cosine(x, 1), lambda x, y: exact.cosine(x)),
)
cos = declare(
    "cos", math.cos, lambda x, y: -sin(x), doc="cosine, x in radians",
    reference=(exact.cosine, lambda x, y: -exact.cosine(x, 1)),
)
tan = declare(
    "tan", math.tan, lambda x, y: 1 + y * y,
    definition=lambda x: sin(x) / cos(x), doc="tangent, x in radians",
)
asin = declare(
    "asin", math.asin, lambda x, y: asin_slope(x),
    plain="arcsin({})", latex=r"\arcsin\left({}\right)", domain=(SYMMETRIC,), doc="angle from −π/2 to π/2 of sine x",
    reference=(lambda x: exact.angle(x, (1 - x * x).sqrt()), lambda x, y: 1 / (1 - x * x).sqrt()),
)
acos = declare(
    "acos", math.acos, lambda x, y: -asin_slope(x),
    plain="arccos({})", latex=r"\arccos\left({}\right)", domain=(SYMMETRIC,), doc="angle from 0 to π of cosine x",
    reference=(lambda x: exact.angle((1 - x * x).sqrt(), x), lambda x, y: -1 / (1 - x * x).sqrt()),
)
asin_slope = declare(
    "asin_slope", forms.asin_slope, lambda x, y: x * y * atanh_slope(x),
    definition=lambda x: 1 / sqrt(1 - x**2), domain=(SYMMETRIC,), hidden=True,
)
atan = declare(
    "atan", math.atan, lambda x, y: atan_slope(x),
    plain="arctan({})", latex=r"\arctan\left({}\right)", doc="angle from −π/2 to π/2 of tangent x",
    reference=(exact.arctangent, lambda x, y: 1 / (1 + x * x)),
)
atan_slope = declare(
    "atan_slope", forms.atan_slope, lambda x, y: -2 * x * y * y,
    definition=lambda x: 1 / (1 + x**2), hidden=True,
)
atan2 = declare(
    "atan2", math.atan2,
    lambda y, x, angle: direction(x, y) / hypot(x, y),
    lambda y, x, angle: -direction(y, x) / hypot(x, y),
    doc="angle of the point (x, y), from −π to π",
    reference=(exact.angle, lambda y, x, _: x / (x * x + y * y), lambda y, x, _: -y / (x * x + y * y)),
)
sinh = declare(
    "sinh", math.sinh, lambda x, y: cosh(x),
    latex=r"\sinh\left({}\right)", definition=lambda x: (exp(x) - exp(-x)) / 2, doc="hyperbolic sine",
)
cosh = declare(
    "cosh", math.cosh, lambda x, y: sinh(x),
    latex=r"\cosh\left({}\right)", definition=lambda x: (exp(x) + exp(-x)) / 2, doc="hyperbolic cosine",
)
asinh = declare(
    "asinh", math.asinh, lambda x, y: 1 / hypot(1, x),
    definition=lambda x: log(x + sqrt(x**2 + 1)), doc="inverse of sinh",
    reference=(
        lambda x: (x.copy_abs() + (1 + x * x).sqrt()).ln().copy_sign(x),
        lambda x, y: 1 / (1 + x * x).sqrt(),
    ),
)
acosh = declare(
    "acosh", math.acosh, lambda x, y: 1 / (sqrt(x - 1) * sqrt(x + 1)),
    definition=lambda x: log(x + sqrt(x**2 - 1)), domain=(Interval(1.0, inf),), doc="inverse of cosh, not negative",
)
atanh = declare(
    "atanh", math.atanh, lambda x, y: atanh_slope(x),
    definition=lambda x: log((1 + x) / (1 - x)) / 2, domain=(Interval(-1.0, 1.0, open=True),), doc="inverse of tanh",
)
atanh_slope = declare(
    "atanh_slope", forms.atanh_slope, lambda x, y: 2 * x * y * y,
    definition=lambda x: 1 / (1 - x**2), domain=(SYMMETRIC,), hidden=True,
)
degrees = declare(
    "degrees", math.degrees, lambda x, y: math.degrees(1.0), doc="an angle in radians, in degrees",
    reference=(lambda x: x * 180 / exact.pi(), lambda x, y: 180 / exact.pi()),
)
radians = declare(
    "radians", math.radians, lambda x, y: math.radians(1.0), doc="an angle in degrees, in radians",
    reference=(lambda x: x * exact.pi() / 180, lambda x, y: exact.pi() / 180),
)

# ── errors, as Gauss counts them ──
erf = declare(
    "erf", math.erf, lambda x, y: ERF_SLOPE * gaussian(x),
    doc="error function: the probability that a normal number of variance ½ is within x of its mean",
    reference=(exact.erf, lambda x, y: exact.erf_slope(x)),
)
erfc = declare(
    "erfc", forms.erfc, lambda x, y: -ERF_SLOPE * gaussian(x), doc="1 − erf(x), exact where erf(x) is nearly 1",
    definition=lambda x: 1 - erf(x), reference=(exact.erfc, lambda x, y: -exact.erf_slope(x)),
)
gaussian = declare(
    "gaussian_", forms.gaussian, lambda x, y: -2 * x * bell(x) * bell(x),
    definition=lambda x: exp(-(x**2)), hidden=True,
)
bell = declare(  # normal, where its square is subnormal and x would magnify what that has lost
    "bell_", forms.bell, lambda x, y: -x * gaussian(x / 2) * gaussian(x / 2),
    definition=lambda x: exp(-(x**2) / 2), hidden=True,
)

# ── activations ──
tanh = declare(
    "tanh", math.tanh, lambda x, y: tanh_slope(x), doc="hyperbolic tangent",
    reference=(exact.hyperbolic_tangent, lambda x, y: 1 - y * y),
)
tanh_slope = declare(
    "tanh_slope", forms.tanh_slope, lambda x, y: -2 * tanh(x) * tanh_slope(x),
    definition=lambda x: 1 - tanh(x) ** 2, hidden=True,
)
sigmoid = declare(
    "sigmoid", forms.sigmoid, lambda x, y: sigmoid_slope(x),
    plain="σ({})", latex=r"\sigma\left({}\right)",
    definition=lambda x: 1 / (1 + exp(-x)), doc="logistic function, 1 / (1 + exp(−x))",
    reference=(exact.logistic, lambda x, y: y * exact.logistic(-x)),
)
sigmoid_slope = declare(
    "sigmoid_slope", forms.sigmoid_slope, lambda x, y: -tanh(x / 2) * y,
    definition=lambda x: sigmoid(x) * sigmoid(-x), hidden=True,
)
softplus = declare(
    "softplus", forms.softplus, lambda x, y: sigmoid(x),
    definition=lambda x: log(1 + exp(x)), doc="log(1 + exp(x))",
    reference=(lambda x: max(x, 0) + (1 + (-x.copy_abs()).exp()).ln(), lambda x, y: exact.logistic(x)),
)
stopped = declare(
    "stopped_", operator.pos, lambda x, y: 0, hidden=True, reference=(lambda x: x, lambda x, y: 0),
    plain="stop_gradient({})", latex=r"\operatorname{{stop\_gradient}}\left({}\right)", doc="`stop_gradient`",
)
relu = declare(
    "relu", forms.relu, lambda x, y: step(x),
    definition=lambda x: maximum(x, 0), kink=Kink(lambda x: x, UNIT), doc="x where x > 0, else 0",
)
step = declare(
    "step_", forms.step, lambda x, y: 0, plain="[{} > 0]", latex=r"\left[{} > 0\right]", hidden=True,
    reference=(lambda x: int(x > 0), lambda x, y: 0),
)

leaky_relu = declare(
    "leaky_relu", forms.leaky_relu, lambda x, y: maximum(step(x), 0.01),
    definition=lambda x: maximum(x, 0.01 * x), kink=Kink(lambda x: x, Interval(0.01, 1.0)),
    doc="x where x > 0, else 0.01·x; for another slope a < 1 write maximum(x, a * x)",
)
elu = declare(
    "elu", forms.elu, lambda x, y: exp(minimum(x, 0)),
    definition=lambda x: maximum(x, 0) + expm1(minimum(x, 0)), doc="x where x > 0, else exp(x) − 1",
)
gelu = declare(
    "gelu", forms.gelu, lambda x, y: gelu_slope(x),
    doc="x·Φ(x), where Φ(x) is the probability that a standard normal number is below x",
    reference=(lambda x: x * exact.normal(x), lambda x, y: exact.normal(x) + x * exact.normal_density(x)),
)
gelu_slope = declare(
    "gelu_slope", forms.gelu_slope,
    lambda x, y: forms.NORMAL_DENSITY * gaussian(x / 2) * (2 * gaussian(x / 2) - x * (x * gaussian(x / 2))),
    plain="gelu′({})", latex=r"\operatorname{{gelu}}'\left({}\right)", cancels=True, hidden=True,
    reference=(
        lambda x: exact.normal(x) + x * exact.normal_density(x),
        lambda x, y: (2 - x * x) * exact.normal_density(x),
    ),
)
silu = declare(
    "silu", forms.silu, lambda x, y: silu_slope(x),
    definition=lambda x: x / (1 + exp(-x)), doc="x·σ(x), also called swish",
    reference=(lambda x: x * exact.logistic(x), lambda x, y: exact.silu_slope(x)),
)
silu_slope = declare(
    "silu_slope", forms.silu_slope, lambda x, y: sech(x / 2) / 4 * ((2 - x * tanh(x / 2)) * sech(x / 2)),
    definition=lambda x: sigmoid(x) * (1 + x * sigmoid(-x)), cancels=True, hidden=True,
)
sech = declare(
    "sech_", forms.sech, lambda x, y: -tanh(x) * y, definition=lambda x: 1 / cosh(x), hidden=True,
)

# ── choices ──
abs = declare(
    "abs", math.fabs, lambda x, y: sign(x),
    method="__abs__", plain="|{}|", latex=r"\left|{}\right|",
    kink=Kink(lambda x: x, SYMMETRIC), doc="absolute value",
    reference=(abs, lambda x, y: exact.sign(x)),
)
sign = declare(
    "sign_", forms.sign, lambda x, y: 0, plain="sign({})", latex=r"\operatorname{{sign}}\left({}\right)", hidden=True,
    reference=(exact.sign, lambda x, y: 0),
)
maximum = declare(
    "maximum", forms.maximum, lambda a, b, y: wins(a, b), lambda a, b, y: wins(b, a),
    plain="max({}, {})", latex=r"\max\left({}, {}\right)",
    kink=Kink(lambda a, b: a - b, UNIT), doc="the larger; a tie gives each a slope of ½",
    reference=(max, lambda a, b, y: exact.choose(a, b), lambda a, b, y: exact.choose(b, a)),
)
minimum = declare(
    "minimum", forms.minimum, lambda a, b, y: wins(b, a), lambda a, b, y: wins(a, b),
    plain="min({}, {})", latex=r"\min\left({}, {}\right)",
    kink=Kink(lambda a, b: a - b, UNIT), doc="the smaller; a tie gives each a slope of ½",
    reference=(min, lambda a, b, y: exact.choose(b, a), lambda a, b, y: exact.choose(a, b)),
)
clip = declare(
    "clip", forms.clip,
    lambda x, low, high, y: wins(x, low) * wins(high, maximum(x, low)),
    lambda x, low, high, y: wins(low, x) * wins(high, maximum(x, low)),
    lambda x, low, high, y: wins(maximum(x, low), high),
    definition=lambda x, low, high: minimum(maximum(x, low), high),
    kink=Kink(lambda x, low, high: (x - low) * (x - high) * (high - low), UNIT),
    doc="the number of the interval from low to high that is nearest to x",
)
wins = declare(
    "wins_", forms.wins, lambda a, b, y: 0, lambda a, b, y: 0,
    plain="[{} > {}]", latex=r"\left[{} > {}\right]", hidden=True,
    reference=(exact.choose, lambda a, b, y: 0, lambda a, b, y: 0),
)
equals = declare(  # of whole numbers below a third: what `take` is made of
    "equals_", forms.equals, lambda i, j, n, y: 0, lambda i, j, n, y: 0, lambda i, j, n, y: 0,
    plain="[{} = {}]", latex=r"\left[{} = {}\right]", hidden=True,
    failure=lambda _, numbers, labels=(), prefix="": ValueError(
        f"{prefix}the index in take(values, index) is {numbers[0]:.15g}"
        f"{f' (node {labels[0]!r})' if any(labels) else ''}: it must be a whole number from 0 to {numbers[2] - 1:.15g}"
    ),
    reference=(lambda i, j, n: int(i == j), *[lambda i, j, n, y: 0] * 3),
)

# ── losses ──
binary_cross_entropy = declare(
    "binary_cross_entropy", forms.cross_entropy,
    lambda p, y, loss: cross_entropy_slope(p, y),
    lambda p, y, loss: -logit(p),
    plain="L({}, {})", latex=r"\mathcal{{L}}\left({}, {}\right)",
    definition=lambda p, y: -(xlogy(y, p) + xlogy(1 - y, 1 - p)), domain=(UNIT, UNIT),
    advice="y is a label, 0 or 1; where the probability p may reach 0 or 1, use binary_cross_entropy_with_logits",
    doc="−(y·log ŷ + (1 − y)·log(1 − ŷ)) of a probability ŷ and a label y",
)
cross_entropy_slope = declare(
    "cross_entropy_slope", forms.cross_entropy_slope,
    lambda p, y, slope: power_term(y, p, 0, 2, 0) + power_term(1 - y, 1 - p, 0, 2, 0),
    lambda p, y, slope: -1 / (p * (1 - p)),
    definition=lambda p, y: ratio(1 - y, 1 - p) - ratio(y, p), domain=(UNIT, UNIT), hidden=True,
)
binary_cross_entropy_with_logits = declare(
    "binary_cross_entropy_with_logits", forms.cross_entropy_with_logits,
    lambda z, y, loss: (1 - y) * sigmoid(z) - y * sigmoid(-z),
    lambda z, y, loss: -z,
    plain="L(σ({}), {})", latex=r"\mathcal{{L}}\left(\sigma\left({}\right), {}\right)",
    definition=lambda z, y: (1 - y) * softplus(z) + y * softplus(-z), domain=(REALS, UNIT), cancels=True,
    advice="y is a label, 0 or 1",
    doc="binary_cross_entropy(sigmoid(z), y) that stays finite for every z",
)
logit = declare(
    "logit_", forms.logit, lambda p, y: 1 / (p * (1 - p)),
    definition=lambda p: log(p / (1 - p)), domain=(UNIT,), hidden=True,
)
# fmt: on

for _row in TABLE.values():
    _row.builtin = True
if TYPE_CHECKING:
    from .value import Value

    class _Methods:
        """The methods of Value that `generated_methods` makes of the rows; a test holds this list against the table."""

        def _unary(self) -> Value: ...
        def _binary(self, other: Value | float) -> Value: ...

        __neg__ = __pos__ = __abs__ = _unary
        __add__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _binary
        __truediv__ = __rtruediv__ = __pow__ = __rpow__ = _binary
        exp = log = log1p = expm1 = exp2 = log2 = log10 = sqrt = cbrt = _unary
        sin = cos = tan = asin = acos = atan = sinh = cosh = asinh = acosh = atanh = degrees = radians = _unary
        erf = erfc = tanh = sigmoid = softplus = relu = leaky_relu = elu = gelu = silu = _unary
        hypot = atan2 = maximum = minimum = binary_cross_entropy = binary_cross_entropy_with_logits = _binary

else:
    # The names a star import gives: without the two that would hide Python's own `abs` and `pow`.
    __all__ = [row.name for row in TABLE.values() if not row.hidden and row.name not in ("abs", "pow")]
