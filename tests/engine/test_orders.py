"""The table is closed under differentiation: each row's derivatives of order 1 to 5, at every legal point."""

import math
from decimal import Decimal

import mpmath
import pytest

import tinygrad_lite as tl
from tests.checking import rigorous
from tinygrad_lite import Value, grad, hessian
from tinygrad_lite.engine.declaration import TABLE

mpmath.mp.dps = 60
EDGES = [0.0, -0.0, 1e-300, 1e-8, 0.25, 0.5, 1.0, 1.5, 20.0, 40.0, 700.0, 1e8, 1e150]
POINTS = EDGES + [-x for x in EDGES]


def cross_entropy(p, y):
    return -(y * mpmath.log(p) if y else 0) - ((1 - y) * mpmath.log(1 - p) if y != 1 else 0)


def log1pexp(x):
    return mpmath.log1p(mpmath.exp(x)) if x < 0 else x + mpmath.log1p(mpmath.exp(-x))


SIMPLE = {
    "neg": lambda x: -x,
    "exp": mpmath.exp,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "expm1": mpmath.expm1,
    "sqrt": mpmath.sqrt,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": log1pexp,
    "relu": lambda x: max(x, 0),
    "abs": abs,
    "leaky_relu": lambda x: max(x, mpmath.mpf(0.01) * x),
    "elu": lambda x: x if x > 0 else mpmath.expm1(x),
    "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "log2": lambda x: mpmath.log(x, 2),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
}
# What mpmath has by the same name.
SIMPLE |= {name: getattr(mpmath, name) for name in ("tan", "sinh", "cosh", "log10", "erf", "erfc")}
SIMPLE |= {name: getattr(mpmath, name) for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh")}
SIMPLE |= {name: getattr(mpmath, name) for name in ("degrees", "radians")}
EXACT = {
    **SIMPLE,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda x, n: x**n,
    "hypot": mpmath.hypot,
    "atan2": mpmath.atan2,
    "clip": lambda x, low, high: min(max(x, low), high),
    "maximum": max,
    "minimum": min,
    "binary_cross_entropy": cross_entropy,
    "binary_cross_entropy_with_logits": lambda z, y: (1 - y) * log1pexp(z) + y * log1pexp(-z),
}
SLOW = ("sin", "cos", "tan", "tanh", "erf", "erfc", "gelu")  # to mpmath, of large numbers
PUBLIC = [row for row in TABLE.values() if not row.hidden]


def nested(f, order):
    """The derivative of that order, by the engine."""
    for _ in range(order):
        f = grad(f)
    return f


def agree(ours, exact, size):
    """To nine digits of the largest term; beyond the range of floats the engine may say so."""
    return math.isclose(ours, float(exact), rel_tol=1e-9, abs_tol=1e-9 * size + 1e-290)


def exact_derivative(f, x, order):
    if abs(x) < 1e-200:  # a difference quotient of sixty digits sees nothing there
        x = 0.0
    scale = max(mpmath.mpf(1e-6), abs(mpmath.mpf(x)) * mpmath.mpf(1e-6)) if x else mpmath.mpf(1e-6)
    with mpmath.workdps(110):
        return mpmath.diff(f, mpmath.mpf(x), order, h=scale * mpmath.mpf(10) ** -20)


def test_every_public_row_is_looked_at():
    assert {row.name for row in PUBLIC} == EXACT.keys()


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", SIMPLE)
def test_a_function_of_one_argument(name, order):
    row = TABLE[name]
    tried = 0
    for x in POINTS:
        # Within a step of a singularity, or of a kink, there is no quotient to compare with.
        ends = [*row.domain[0][:2], *[0.0] * (name in ("relu", "leaky_relu", "elu", "abs", "cbrt"))]
        singular = min(abs(x - end) for end in ends) < 1e-8
        if x not in row.domain[0] or singular or (name in SLOW and abs(x) > 100):
            continue
        try:
            ours = nested(row, order)(x)
        except OverflowError:
            assert name in ("exp", "expm1", "exp2", "sinh", "cosh", "log", "log2", "log10", "sqrt", "cbrt")
            continue
        exact = exact_derivative(EXACT[name], x, order)
        if ours == 0.0 and 0.0 < abs(x) < 2.0 and abs(exact) < 1e-40:  # such is the error of a quotient of 0
            exact = mpmath.mpf(0)
        if abs(exact) < 1e300:
            assert agree(ours, exact, abs(exact) if order == 1 else max(abs(exact), min(1, abs(exact) * 1e6))), x
            tried += 1
    assert tried >= 4


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, -1, -2, 0.5, 2.5, 7])
def test_a_power_of_x(n, order):
    """Whole powers at 0 too: the fourth derivative of x² is 0 there, and not a division by zero."""
    for x in [0.0, -0.0, 1.0, 2.0, -1.0, -3.0, 1e-8, 1e-60, 1e40, 1e-150]:
        legal = (n % 1 == 0 or x > 0) and (x != 0 or n >= 0)
        if legal:
            factor = math.prod(n - k for k in range(order))
            exact = mpmath.mpf(factor) * mpmath.mpf(x) ** (n - order) if factor else mpmath.mpf(0)
            if abs(exact) < 1e300:
                assert agree(nested(lambda t: t**n, order)(x), exact, abs(exact)), (x, n, order)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_a_power_of_n(order):
    for x, n in [(0.0, 2.0), (0.0, 1e-3), (1.0, 3.0), (2.0, -1.5), (0.5, 0.0), (7.0, 3.0), (1e-100, 2.0)]:
        exact = mpmath.mpf(x) ** n * mpmath.log(x) ** order if x else 0
        assert agree(nested(lambda t, x=x: x**t, order)(n), exact, abs(exact)), (x, n)


@pytest.mark.parametrize(("first", "second"), [(i, j) for i in range(3) for j in range(3)])
def test_mixed_derivatives_of_a_power(first, second):
    def ours(x, n):
        f = lambda x, n: x**n  # noqa: E731
        for argument, order in ((0, first), (1, second)):
            for _ in range(order):
                f = grad(f, argnums=argument)
        return f(x, n)

    for x, n in [(2.0, 3.0), (0.5, -1.5), (0.0, 5.0), (3.0, 0.0)]:
        if first or second:
            with mpmath.workdps(120):
                point = mpmath.mpf(x) or mpmath.mpf("1e-60")
                exact = mpmath.diff(lambda a, b: a**b, (point, mpmath.mpf(n)), (first, second), h="1e-70")
            assert float(ours(x, n)) == pytest.approx(float(exact), rel=1e-9, abs=1e-30), (x, n)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("label", [0.0, 0.25, 1.0])
def test_the_losses(label, order):
    for p in [0.5, 1e-3, 0.9, label if label in (0.0, 1.0) else 0.25]:
        exact = exact_derivative(lambda t: cross_entropy(t, label), p, order)
        ours = nested(lambda t: tl.binary_cross_entropy(t, label), order)(p)
        assert agree(ours, exact, max(abs(exact), 1e-30)), p
    for z in [0.0, 1.0, -3.0, 40.0, -40.0, 700.0]:
        exact = exact_derivative(lambda t: EXACT["binary_cross_entropy_with_logits"](t, label), z, order)
        ours = nested(lambda t: tl.binary_cross_entropy_with_logits(t, label), order)(z)
        assert agree(ours, exact, max(abs(exact), abs(exact) * 1e6 if order > 1 else 0)), z


@pytest.mark.parametrize(
    ("name", "order", "x"),
    [
        ("gelu", 1, (-0.75179,)), ("silu", 1, (-1.27846454,)), ("sigmoid", 2, (1e-200,)), ("softplus", 3, (1e-200,)),
        ("silu", 3, (1e-200,)), ("silu", 2, (725.5,)), ("erf", 2, (27.2,)), ("erfc", 3, (27.2,)),
        ("pow", 2, (1e-61, -0.16445352057174545)), ("pow", 3, (2.7e44, 0.447)), ("pow", 2, (9.3e-10, -2.2e-16)),
        ("pow", 2, (15.0, -1e284)), ("pow", 3, (-1.0, 5.47e54)), ("cbrt", 3, (-2.3816688806793016e18,)),
        ("hypot", 3, (130.78568430073926, 1e8)), ("asin", 3, (-0.999983724873515,)),
        ("atanh", 3, (0.9999999999695511,)), ("atan2", 3, (14.576123887263108, 26.7)),
    ],
)  # fmt: skip
def test_a_derivative_keeps_its_digits(name, order, x):
    """Beside the zero of a slope, near 0, among subnormal numbers, where an exponent is rounded, near a pole."""
    ours = nested(lambda first: TABLE[name](first, *x[1:]), order)(x[0])
    exact = rigorous.differentiate(TABLE[name], x)[order - 1]
    assert abs(Decimal(ours) - exact) <= 8 * Decimal(math.ulp(float(exact)))


def test_what_users_asked_for():
    assert nested(lambda x: tl.exp(-(x**2)), 4)(0.0) == 12.0
    assert hessian(lambda x: sum(c * x**k for k, c in enumerate([1, 2, 3])))(0.0)[0][0] == 6.0
    assert nested(tl.binary_cross_entropy, 3)(1.0, 1) == -2.0


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_slope_of_a_power_knows_whether_a_huge_exponent_is_even(sign):
    """Beyond 2⁵³ n − 1 is n again, and every exponent is even."""
    n = sign * 1.4138142774995066e16
    x = Value(-1.0)
    (x**n).backward()
    assert x.grad == -n
    assert grad(lambda x: x**n)(-1.0) == -n


@pytest.mark.parametrize(
    ("x", "n"), [(1e-160, 1e-20), (1e-200, -1e-250), (5e-324, 1e-300), (1e-310, 1e-5), (1e300, 1e-18)]
)
def test_a_slope_that_is_in_range_is_not_lost_on_the_way(x, n):
    for order in (1, 2):
        with mpmath.workdps(60):
            exact = mpmath.mpf(n) * (mpmath.mpf(n) - 1) ** (order - 1) * mpmath.mpf(x) ** (mpmath.mpf(n) - order)
        if abs(exact) < 1e308:
            assert nested(lambda t: t**n, order)(x) == pytest.approx(float(exact), rel=1e-12, abs=1e-322)
