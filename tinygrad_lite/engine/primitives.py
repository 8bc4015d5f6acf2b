"""The table: every operation declared once — its value and one partial derivative per argument.

A row is generic in its *carrier*: values and partials are written with the table's own operations,
so the same lambda runs on floats (the numbers), on Values (derivatives of derivatives), on symbols
(formulas and generated code) and on high-precision numbers (the gradient check).

    partials:  one function per argument, of (inputs ..., y), where y is the operation's result

See Griewank and Walther, *Evaluating Derivatives* (2nd edition, 2008), table 2.2, for the idea of the table.
"""

# mypy: disable-error-code=has-type
# (rows refer to one another, in any order)
import math
import operator
from math import inf
from typing import TYPE_CHECKING

from . import stable_forms as forms
from .declaration import REALS, TABLE, Interval, Kink, declare

POSITIVE = Interval(0.0, inf, open=True)
UNIT = Interval(0.0, 1.0)

# fmt: off
# ── the table ─────────────────────────────────────────────────────────────────────────────────────

# Closed under differentiation: a slope that needs care of its own is a row too, hidden. Its
# arguments are those of the row it serves.

# ── arithmetic ──
neg = declare(
    "neg", operator.neg, lambda x, y: -1,
    method="__neg__", python="-{}", plain="−{}", latex="-{}", precedence=2, doc="negation",
)
add = declare(
    "add", operator.add, lambda a, b, y: 1, lambda a, b, y: 1,
    method="__add__", python="{} + {}", plain="{} + {}", latex="{} + {}", precedence=1, doc="sum",
)
sub = declare(
    "sub", operator.sub, lambda a, b, y: 1, lambda a, b, y: -1,
    method="__sub__", python="{} - {}", plain="{} − {}", latex="{} - {}", precedence=1, doc="difference",
)
mul = declare(
    "mul", operator.mul, lambda a, b, y: b, lambda a, b, y: a,
    method="__mul__", python="{} * {}", plain="{} · {}", latex=r"{} \cdot {}", precedence=2, doc="product",
)
div = declare(
    "div", operator.truediv, lambda a, b, y: 1 / b, lambda a, b, y: -y / b,
    method="__truediv__", python="{} / {}", plain="{} / {}", latex=r"\frac{{{}}}{{{}}}", precedence=2, doc="quotient",
    ieee=lambda a, b: a * math.copysign(inf, b),
)
pow = declare(
    "pow", forms.pow, lambda x, n, y: pow_slope(x, n), lambda x, n, y: power_term(1, x, n, 1),
    method="__pow__", plain="{}^{}", latex="{}^{{{}}}", precedence=3, doc="power",
    advice="a negative base needs a whole number as exponent, x**2; a Value there has no slope",
)
pow_slope = declare(
    "pow_slope", forms.pow_slope,
    lambda x, n, y: power_term(n * (n - 1), x, n - 2, 0),
    lambda x, n, y: power_term(n, x, n - 1, 1) + power_term(1, x, n - 1, 0),
    definition=lambda x, n: n * x ** (n - 1), hidden=True,
)
power_term = declare(  # what all further derivatives of a power are made of
    "power_term", forms.power_term,
    lambda c, x, n, k, y: power_term(1, x, n, k),
    lambda c, x, n, k, y: power_term(c * n, x, n - 1, k) + power_term(c * k, x, n - 1, k - 1),
    lambda c, x, n, k, y: power_term(c, x, n, k + 1),
    lambda c, x, n, k, y: y * log(log(x)),
    definition=lambda c, x, n, k: c * x**n * log(x) ** k, hidden=True,
)
xlogy = declare(
    "xlogy", forms.xlogy, lambda w, x, y: log(x), lambda w, x, y: ratio(w, x),
    definition=lambda w, x: w * log(x), hidden=True,
)
ratio = declare(
    "ratio", forms.ratio, lambda w, x, y: 1 / x, lambda w, x, y: -power_term(w, x, -2, 0),
    definition=lambda w, x: w / x, hidden=True,
)
identity = declare(
    "identity", operator.pos, lambda x, y: 1,
    method="__pos__", python="{}", plain="{}", latex="{}", hidden=True,
)

# ── exponentials and circles ──
exp = declare("exp", math.exp, lambda x, y: y, doc="e to the power x")
log = declare("log", math.log, lambda x, y: 1 / x, domain=(POSITIVE,), doc="natural logarithm")
log1p = declare(
    "log1p", math.log1p, lambda x, y: 1 / (1 + x),
    definition=lambda x: log(1 + x), domain=(Interval(-1.0, inf, open=True),), doc="log(1 + x), exact near 0",
)
expm1 = declare(
    "expm1", math.expm1, lambda x, y: exp(x),
    definition=lambda x: exp(x) - 1, doc="exp(x) − 1, exact near 0",
)
sqrt = declare(
    "sqrt", math.sqrt, lambda x, y: 0.5 / y,
    plain="√({})", latex=r"\sqrt{{{}}}", domain=(Interval(0.0, inf),), doc="square root",
)
sin = declare("sin", math.sin, lambda x, y: cos(x), doc="sine, x in radians")
cos = declare("cos", math.cos, lambda x, y: -sin(x), doc="cosine, x in radians")

# ── activations ──
tanh = declare("tanh", math.tanh, lambda x, y: tanh_slope(x), doc="hyperbolic tangent")
tanh_slope = declare(
    "tanh_slope", forms.tanh_slope, lambda x, y: -2 * tanh(x) * tanh_slope(x),
    definition=lambda x: 1 - tanh(x) ** 2, hidden=True,
)
sigmoid = declare(
    "sigmoid", forms.sigmoid, lambda x, y: sigmoid(x) * sigmoid(-x),
    plain="σ({})", latex=r"\sigma\left({}\right)",
    definition=lambda x: 1 / (1 + exp(-x)), doc="logistic function, 1 / (1 + exp(−x))",
)
softplus = declare(
    "softplus", forms.softplus, lambda x, y: sigmoid(x),
    definition=lambda x: log(1 + exp(x)), doc="log(1 + exp(x))",
)
relu = declare(
    "relu", forms.relu, lambda x, y: step(x),
    definition=lambda x: maximum(x, 0), kink=Kink(lambda x: x, UNIT), doc="x where x > 0, else 0",
)
step = declare("step", forms.step, lambda x, y: 0, plain="[{} > 0]", latex=r"\left[{} > 0\right]", hidden=True)

# ── choices ──
abs = declare(
    "abs", math.fabs, lambda x, y: sign(x),
    method="__abs__", plain="|{}|", latex=r"\left|{}\right|",
    kink=Kink(lambda x: x, Interval(-1.0, 1.0)), doc="absolute value",
)
sign = declare("sign", forms.sign, lambda x, y: 0, hidden=True)
maximum = declare(
    "maximum", forms.maximum, lambda a, b, y: wins(a, b), lambda a, b, y: wins(b, a),
    plain="max({}, {})", latex=r"\max\left({}, {}\right)",
    kink=Kink(lambda a, b: a - b, UNIT), doc="the larger; a tie gives each a slope of ½",
)
minimum = declare(
    "minimum", forms.minimum, lambda a, b, y: wins(b, a), lambda a, b, y: wins(a, b),
    plain="min({}, {})", latex=r"\min\left({}, {}\right)",
    kink=Kink(lambda a, b: a - b, UNIT), doc="the smaller; a tie gives each a slope of ½",
)
wins = declare(
    "wins", forms.wins, lambda a, b, y: 0, lambda a, b, y: 0,
    plain="[{} > {}]", latex=r"\left[{} > {}\right]", hidden=True,
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
    lambda p, y, slope: power_term(y, p, -2, 0) + power_term(1 - y, 1 - p, -2, 0),
    lambda p, y, slope: -1 / (p * (1 - p)),
    definition=lambda p, y: ratio(1 - y, 1 - p) - ratio(y, p), domain=(UNIT, UNIT), hidden=True,
)
binary_cross_entropy_with_logits = declare(
    "binary_cross_entropy_with_logits", forms.cross_entropy_with_logits,
    lambda z, y, loss: (1 - y) * sigmoid(z) - y * sigmoid(-z),
    lambda z, y, loss: -z,
    plain="L(σ({}), {})", latex=r"\mathcal{{L}}\left(\sigma\left({}\right), {}\right)",
    definition=lambda z, y: (1 - y) * softplus(z) + y * softplus(-z), domain=(REALS, UNIT),
    advice="y is a label, 0 or 1",
    doc="binary_cross_entropy(sigmoid(z), y) that stays finite for every z",
)
logit = declare(
    "logit", forms.logit, lambda p, y: 1 / (p * (1 - p)),
    definition=lambda p: log(p / (1 - p)), domain=(UNIT,), hidden=True,
)
# fmt: on

for _row in TABLE.values():
    _row.builtin = True
if not TYPE_CHECKING:
    # The names a star import gives: without the two that would hide Python's own `abs` and `pow`.
    __all__ = [row.name for row in TABLE.values() if not row.hidden and row.name not in ("abs", "pow")]
