"""The edges of every operation: where it overflows, has no value, or no slope. One line per case."""

import math
from math import inf, nan

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.engine.declaration import TABLE


def slopes(operation, *operands):
    """The value at `operands`, and the derivative for each of them."""
    inputs = [Value(x) for x in operands]
    y = operation(*inputs)
    y.backward()
    return y.data, *(x.grad for x in inputs)


def same(x, y):
    """Equal as floats are, with NaN equal to itself and 0.0 different from −0.0."""
    return repr(x) == repr(y)


@pytest.mark.parametrize(
    ("operation", "operands", "kind"),
    [
        (tl.exp, (710,), OverflowError),
        (tl.expm1, (710,), OverflowError),
        (tl.pow, (10, 309), OverflowError),
        (tl.mul, (1e200, 1e200), OverflowError),
        (tl.add, (1e308, 1e308), OverflowError),
        (tl.sub, (-1e308, 1e308), OverflowError),
        (tl.div, (1e300, 1e-300), OverflowError),
        (tl.log, (0,), ValueError),
        (tl.log, (-1,), ValueError),
        (tl.log1p, (-1,), ValueError),
        (tl.sqrt, (-1,), ValueError),
        (tl.pow, (-2, 0.5), ValueError),
        (tl.div, (1, 0), ZeroDivisionError),
        (tl.div, (0, 0), ZeroDivisionError),
        (tl.pow, (0, -1), ZeroDivisionError),
        (tl.binary_cross_entropy, (1, 0), ValueError),
        (tl.binary_cross_entropy, (0, 1), ValueError),
        (tl.binary_cross_entropy, (1.5, 0), ValueError),
        (tl.binary_cross_entropy, (1.5, 1), ValueError),
        (tl.binary_cross_entropy, (0.5, -0.1), ValueError),
        (tl.binary_cross_entropy_with_logits, (0, 1.5), ValueError),
    ],
)
def test_finite_in_and_non_finite_out_raises(operation, operands, kind):
    with pytest.raises(kind) as on_values:
        operation(*map(Value, operands))
    with pytest.raises(kind) as on_floats:
        operation(*operands)
    assert type(on_values.value) is type(on_floats.value) is kind
    assert str(on_values.value) == str(on_floats.value)
    assert str(on_values.value).startswith(f"{operation.name} of ")


def test_a_probability_of_zero_or_one_is_pointed_to_the_logits():
    with pytest.raises(ValueError, match="use binary_cross_entropy_with_logits"):
        tl.binary_cross_entropy(Value(1.0), 0.0)


@pytest.mark.parametrize(
    ("operation", "operands", "value"),
    [
        (tl.exp, (inf,), inf),
        (tl.exp, (-inf,), 0.0),
        (tl.log, (inf,), inf),
        (tl.log, (-inf,), nan),
        (tl.sqrt, (-inf,), nan),
        (tl.sin, (inf,), nan),
        (tl.cos, (-inf,), nan),
        (tl.tanh, (inf,), 1.0),
        (tl.sigmoid, (inf,), 1.0),
        (tl.sigmoid, (-inf,), 0.0),
        (tl.softplus, (inf,), inf),
        (tl.softplus, (-inf,), 0.0),
        (tl.relu, (inf,), inf),
        (tl.div, (1, inf), 0.0),
        (tl.div, (inf, 0), inf),
        (tl.div, (inf, -0.0), -inf),
        (tl.div, (inf, inf), nan),
        (tl.add, (inf, -inf), nan),
        (tl.mul, (inf, 0), nan),
        (tl.pow, (inf, 2), inf),
        (tl.pow, (0, -inf), inf),
        (tl.maximum, (inf, 1), inf),
        (tl.minimum, (1, -inf), -inf),
        (tl.binary_cross_entropy, (inf, 0.5), nan),
    ],
)
def test_what_is_infinite_already_propagates(operation, operands, value):
    assert same(operation(*map(Value, operands)).data, value)
    assert same(operation(*map(float, operands)), value)


@pytest.mark.parametrize("row", [row for row in TABLE.values() if not row.hidden], ids=lambda row: row.name)
def test_nan_is_never_swallowed(row):
    arity = len(row.partials)
    for i in range(arity):
        operands = [0.5] * arity
        operands[i] = nan
        assert math.isnan(slopes(row, *operands)[0])


@pytest.mark.parametrize("operation", [tl.exp, tl.log, tl.sin, tl.tanh, tl.sigmoid, tl.softplus, tl.relu, tl.abs])
def test_a_slope_at_nan_is_nan(operation):
    assert math.isnan(slopes(operation, nan)[1])


@pytest.mark.parametrize("operation", [tl.maximum, tl.minimum, tl.pow])
def test_both_slopes_at_nan_are_nan(operation):
    assert all(map(math.isnan, slopes(operation, nan, 0.5)[1:]))


@pytest.mark.parametrize(
    ("operation", "operands", "expected"),
    [
        (tl.exp, (-1000,), (0.0, 0.0)),
        (tl.sigmoid, (1000,), (1.0, 0.0)),
        (tl.sigmoid, (-1000,), (0.0, 0.0)),
        (tl.tanh, (1000,), (1.0, 0.0)),
        (tl.tanh, (-1000,), (-1.0, 0.0)),
        (tl.softplus, (-1000,), (0.0, 0.0)),
        (tl.softplus, (1000,), (1000.0, 1.0)),
        (tl.pow, (0, 1), (0.0, 1.0, 0.0)),
        (tl.pow, (0, 2), (0.0, 0.0, 0.0)),
        (tl.relu, (0,), (0.0, 0.0)),
        (tl.relu, (-0.0,), (0.0, 0.0)),
        (tl.abs, (0,), (0.0, 0.0)),
        (tl.abs, (-2,), (2.0, -1.0)),
        (tl.maximum, (3, 3), (3.0, 0.5, 0.5)),
        (tl.minimum, (3, 3), (3.0, 0.5, 0.5)),
        (tl.maximum, (3, 2), (3.0, 1.0, 0.0)),
        (tl.minimum, (3, 2), (2.0, 0.0, 1.0)),
        (lambda p: tl.binary_cross_entropy(p, 0), (0,), (0.0, 1.0)),
    ],
)
def test_silent_underflow_and_kinks(operation, operands, expected):
    assert slopes(operation, *operands) == expected


@pytest.mark.parametrize(
    ("operation", "operands", "slope"),
    [
        (tl.tanh, (20,), 1.6993417021166355e-17),
        (tl.sigmoid, (40,), 4.248354255291589e-18),
        (lambda z: tl.binary_cross_entropy_with_logits(z, 1), (40,), -4.248354255291589e-18),
        (lambda y: tl.binary_cross_entropy(0.5 + 2**-40, y), (0.25,), -(2.0**-38)),  # log (p/(1 − p)) near ½
    ],
)
def test_saturated_slopes_keep_their_digits(operation, operands, slope):
    assert slopes(operation, *operands)[1] == slope


@pytest.mark.parametrize("operation", [tl.sqrt, lambda x: x**0.5])
def test_an_infinite_slope_raises_even_where_nothing_flows(operation):
    x = Value(0.0, label="x")
    y = operation(x)
    assert y.data == 0.0
    for upstream in (1.0, 0.0):
        with pytest.raises(ZeroDivisionError, match=r"node 'x'"):
            y.backward(upstream)


@pytest.mark.parametrize(("n", "value", "slope"), [(0, 1.0, 0.0), (1, 0.0, 1.0), (2, 0.0, 0.0)])
def test_a_constant_exponent_at_zero_takes_no_logarithm(n, value, slope):
    x = Value(0.0)
    y = x**n
    y.backward()
    assert (y.data, x.grad) == (value, slope)


@pytest.mark.parametrize(("x", "n", "value"), [(-2, 2, 4.0), (0, 0, 1.0)])
def test_an_exponent_without_a_slope(x, n, value):
    y = Value(x) ** Value(n)
    assert y.data == value
    with pytest.raises(ValueError, match="slope of pow"):
        y.backward()


def test_labels_may_be_values():
    p, y = 0.3, 0.8
    assert slopes(tl.binary_cross_entropy, p, y)[2] == pytest.approx(math.log1p(-p) - math.log(p), rel=1e-15)
    assert slopes(tl.binary_cross_entropy_with_logits, p, y)[2] == -p


def test_functions_of_floats_give_floats():
    assert type(tl.exp(1)) is float
    assert tl.exp(1) == math.e
    assert tl.maximum(2, 3) == 3.0
    assert tl.binary_cross_entropy(0.5, 1) == math.log(2)
