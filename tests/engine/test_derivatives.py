"""Derivatives that are Values again, to any order."""

import inspect
import math
import re
import warnings
from collections import namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tl
from tinygrad_lite import Value, grad, gradient, hessian, value_and_grad
from tinygrad_lite.engine.arguments import flatten
from tinygrad_lite.engine.declaration import TABLE

close = pytest.approx
inside = st.floats(-3, 3).filter(lambda x: abs(x) > 1e-3)


@given(inside)
def test_the_third_derivative_of_tanh(x):
    t = math.tanh(x)
    assert grad(grad(grad(tl.tanh)))(x) == close((1 - t * t) * (6 * t * t - 2), rel=1e-12, abs=1e-13)


@given(st.floats(-20, 20), st.sampled_from([0.0, 1.0]))
def test_the_hessian_of_the_cross_entropy(z, y):
    x = [0.5, -1.5]

    def loss(w, b):
        return tl.binary_cross_entropy_with_logits(w * x[0] + b * x[1], y)

    w, b = z * 0.4, z * -0.5
    p = 1 / (1 + math.exp(-(w * x[0] + b * x[1])))
    q = 1 / (1 + math.exp(w * x[0] + b * x[1]))
    for i, row in enumerate(hessian(loss)(w, b)):
        for j, entry in enumerate(row):
            assert entry == close(p * q * x[i] * x[j], rel=1e-12)


@given(inside, inside)
def test_an_inner_derivative_is_not_confused_with_an_outer_one(x, y):
    assert grad(lambda x: x * grad(lambda y: x + y)(y))(x) == 1.0
    assert grad(lambda x: grad(lambda y: y * (x - y))(x))(x) == -1.0


def test_a_derivative_reaches_through_an_argument():
    # d/dx of (d/dy y³ at y = x²) = d/dx 3x⁴
    assert grad(lambda x: grad(lambda y: y**3)(x * x))(2.0) == 96.0


@pytest.mark.parametrize("row", [row for row in TABLE.values() if len(row.partials) == 1], ids=lambda row: row.name)
def test_second_derivatives_agree_with_differences_of_first_ones(row):
    first, second = grad(row), grad(grad(row))
    h = 1e-5
    for x in (1.3, 1.6, 1.9) if row.domain[0].low == 1 else (0.3, 0.6, 0.9):
        slope = (first(x + h) - first(x - h)) / (2 * h)
        assert second(x) == close(slope, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("row", [row for row in TABLE.values() if len(row.partials) == 2], ids=lambda row: row.name)
def test_hessians_agree_with_differences_of_gradients_and_are_symmetric(row):
    h = 1e-5
    for a, b in ((0.3, 0.8), (0.9, 0.2)):
        (xx, xy), (yx, yy) = hessian(row)(a, b)
        both = grad(row, argnums=(0, 1))
        by_a = [(up - down) / (2 * h) for up, down in zip(both(a + h, b), both(a - h, b), strict=True)]
        by_b = [(up - down) / (2 * h) for up, down in zip(both(a, b + h), both(a, b - h), strict=True)]
        assert [xx, xy] == close(by_a, rel=1e-6, abs=1e-6)
        assert [yx, yy] == close(by_b, rel=1e-6, abs=1e-6)


def test_power_at_zero_to_every_order():
    def f(x):
        return x**2

    assert [d(0.0) for d in (grad(f), grad(grad(f)), grad(grad(grad(f))))] == [0, 2, 0]


def test_the_hessian_of_a_loss_at_a_saturated_hard_label():
    assert hessian(lambda z: tl.binary_cross_entropy(tl.sigmoid(z), 0))(-800.0)[0][0] == 0.0


@given(inside, inside)
def test_gradient_equals_backward_bit_for_bit(x, y):
    a, b = Value(x), Value(y)
    c = tl.sigmoid(a * b) / (a * a + 2)
    J = c * tl.tanh(c - b) + a
    J.backward()
    assert [g.data for g in gradient(J, [a, b, c])] == [a.grad, b.grad, c.grad]


def test_gradient_writes_no_grad_and_gives_zero_for_strangers():
    a, b = Value(2.0), Value(3.0)
    J = a * a
    assert [g.data for g in gradient(J, [a, b, J])] == [4, 0, 1]
    assert a.grad == 0


def test_only_paths_to_the_targets_are_walked():
    a, b = Value(2.0), Value(0.0, label="b")
    J = a * 3 + tl.sqrt(b)
    assert gradient(J, [a])[0].data == 3
    with pytest.raises(ZeroDivisionError):
        gradient(J, [b])


def test_a_long_chain():
    x = y = Value(0.5)
    for _ in range(20_000):
        y = y * 0.9999 + x
    [slope] = gradient(y, [x])
    y.backward()
    assert slope.data == x.grad


def test_arguments_and_results_of_grad():
    def f(w, x, scale=1.0):
        return sum(a * b for a, b in zip(w, x, strict=True)) * scale

    value, (dw, dx) = value_and_grad(f, argnums=(0, 1))([1, 2], (3, 4), scale=2.0)
    assert value == 22
    assert (dw, dx) == ([6, 8], (2, 4))
    assert grad(lambda x, y: x * y, argnums=-1)(2, 3) == 2
    with pytest.warns(RuntimeWarning, match="returned 5.0"):
        assert grad(lambda x: 5.0)(1.0) == 0
    assert hessian(lambda v: v[0] * v[1])([2.0, 3.0]) == [[0, 1], [1, 0]]


def test_a_value_as_argument_keeps_its_label():
    seen = []
    grad(lambda x: seen.append(x.label) or x * x)(Value(1.0, label="θ"))
    assert seen == ["θ"]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: grad(lambda x: x)("2"), TypeError, "must be a number, a Value or a list of them, not 'str'"),
        (lambda: grad(lambda x: [x])(2.0), TypeError, "must return one Value, not 'list'"),
        (lambda: grad(lambda x: x, argnums=1)(2.0), ValueError, "argnums names argument 1, but 1 positional"),
        (lambda: grad(Value(1.0)), TypeError, r"for nodes, gradient\(J, \[a, b\]\)"),
        (lambda: gradient(Value(1.0), Value(2.0)), TypeError, r"gradient\(J, \[a, b\]\)"),
        (lambda: gradient(1.0, [Value(2.0)]), TypeError, r"gradient\(J, \[a, b\]\)"),
    ],
)
def test_errors(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


# ── what a function does to its arguments, and arguments of any shape ─────────────────────────────


def doubles(xs):
    xs[0] = 2 * xs[0]
    return xs[0] ** 2 + 3 * xs[1]


def sorts_and_grows(xs):
    xs.sort(key=float)
    xs.append(Value(7.0))
    return xs[0] ** 2 * 5 + 3 * xs[1] + xs[2]


def empties(xs):
    return xs.pop() * xs.pop()


@pytest.mark.parametrize(("f", "expected"), [(doubles, [24, 3]), (sorts_and_grows, [3, 20]), (empties, [2, 3])])
def test_what_a_function_does_to_its_list_changes_nothing(f, expected):
    given_list = [3.0, 2.0]
    value, slopes = value_and_grad(f)(given_list)
    assert [*map(float, slopes)] == [*map(float, grad(f)(given_list))] == expected
    assert given_list == [3.0, 2.0]
    assert len(hessian(f)(given_list)) == 2
    assert tl.gradcheck(f, given_list).ok
    assert float(value) == f([Value(3.0), Value(2.0)]).data


Point = namedtuple("Point", "x y")
SHAPES = [
    (Point(2.0, 3.0), lambda p: p.x * p.y**2, Point(9.0, 12.0)),
    ((2.0, [3.0]), lambda t: t[0] * t[1][0] ** 2, (9.0, [12.0])),
    ({"w": 2.0, "b": (3.0,)}, lambda d: d["w"] * d["b"][0] ** 2, {"w": 9.0, "b": (12.0,)}),
    ([[2.0], {"k": Point(3.0, 1.0)}], lambda xs: xs[0][0] * xs[1]["k"].x ** 2, [[9.0], {"k": Point(12.0, 0.0)}]),
]


@pytest.mark.parametrize(("argument", "f", "expected"), SHAPES)
def test_named_tuples_tuples_and_dicts_go_in_and_come_out(argument, f, expected):
    found = grad(f)(argument)
    assert found == expected
    assert type(found) is type(argument)
    assert tl.gradcheck(f, argument).ok
    n = len(flatten(argument))
    assert [len(row) for row in hessian(f)(argument)] == [n] * n


def test_argnums_may_be_a_generator_and_is_kept():
    slopes = grad(lambda x, y: x * y, argnums=(i for i in (0, 1)))
    for _ in range(2):
        assert slopes(2.0, 3.0) == (3.0, 2.0)


def test_a_derivative_has_the_name_and_the_text_of_its_function():
    def loss(w):
        """How wrong it is."""
        return w * w

    for derivative in (grad(loss), value_and_grad(loss), hessian(loss)):
        assert (derivative.__name__, derivative.__doc__) == ("loss", "How wrong it is.")
        assert list(inspect.signature(derivative).parameters) == ["w"]
    assert grad(tl.sin).__name__ == "sin"


@pytest.mark.parametrize(
    ("f", "x", "error", "message"),
    [
        (tl.sqrt, 0.0, ZeroDivisionError, "slope of sqrt of 0.0"),
        (lambda b: (-2.0) ** b, 3.0, ValueError, "slope of pow of -2.0 and 3.0: outside the domain"),
        (lambda x: x**0.5, 0.0, ZeroDivisionError, "slope of pow of 0.0 and 0.5"),
        (lambda x: x**-1, 1e-200, OverflowError, "slope of pow of 1e-200 and -1.0"),
    ],
)
def test_an_error_names_the_operation_that_was_written(f, x, error, message):
    with pytest.raises(error, match=re.escape(message)):
        grad(f)(x)
    with pytest.raises(error, match=re.escape(message)):
        f(Value(x)).backward()


def test_where_an_operand_is_infinite_a_slope_that_does_not_exist_is_nan():
    x = Value(math.inf)
    y = tl.log(x) * Value(0.0)
    assert math.isnan(gradient(tl.sqrt(y * 0), [x])[0].data)


# ── what is left of a derivative ──────────────────────────────────────────────────────────────────


def curve(x, y):
    return tl.sigmoid(x * y) / (x * x + 2) * tl.tanh(y - x) + x


EVERY = {  # of `curve`
    "grad": lambda x, y: grad(curve, (0, 1))(x, y),
    "value_and_grad": lambda x, y: value_and_grad(curve)(x, y),
    "of grad": lambda x, y: value_and_grad(grad(grad(curve)))(x, y),
    "hessian": lambda x, y: hessian(curve)(x, y),
    "jacobian": lambda x, y: tl.jacobian(lambda x, y: [curve(x, y), {"k": x * y}], (1, 0))(x, y),
    "jvp": lambda x, y: tl.jvp(lambda x, y: [curve(x, y), y * x], (x, y), (0.5, -2)),
    "hvp": lambda x, y: tl.hvp(curve, (x, y), (1.0, 3.0)),
}


@pytest.mark.parametrize("derive", EVERY.values(), ids=EVERY)
@given(inside, inside)
def test_numbers_give_numbers_of_the_bits_that_values_give(derive, x, y):
    of_numbers, of_values = flatten(derive(x, y)), flatten(derive(Value(x), Value(y)))
    assert of_numbers == [each.data for each in of_values]
    assert {*map(type, of_numbers)} == {float}
    assert all(each.inputs for each in of_values)


def test_a_value_that_a_function_captures_can_be_differentiated_by():
    w = Value(2.0, "w")
    doubled = w * 2
    doubled.grad = 7.0
    of_x = {
        "grad": lambda f: grad(f)(3.0),
        "jacobian": lambda f: tl.jacobian(lambda x: [f(x)])(3.0)[0],
        "jvp": lambda f: tl.jvp(f, (3.0,), (1.0,))[1],
    }
    for derive in of_x.values():
        slope = derive(lambda x: doubled * x * x)
        assert doubled.grad == 7.0
        assert [slope.data, gradient(slope, [w])[0].data] == [24.0, 12.0]
    assert gradient(hessian(lambda x: w * x**3)(3.0)[0][0], [w])[0].data == 18.0
    along = tl.jvp(lambda x: x * x, (3.0,), (w,))[1]
    assert gradient(along, [w])[0].data == 6.0


def test_what_no_gradient_reaches_is_not_asked_for_a_slope():
    def f(x):
        return tl.stop_gradient(tl.sqrt(x)) + x

    x = Value(0.0, "x")
    y = f(x)
    y.backward()
    assert x.grad == 1.0
    assert str(tl.explain(y)).endswith("gradient  ∂y/∂x = 1")
    assert tl.gradcheck(f, 0.0).ok
    assert hessian(f)(0.0) == [[0.0]]
    for x in (0.0, Value(0.0)):
        assert float(grad(f)(x)) == float(tl.jvp(f, (x,), (1.0,))[1]) == 1.0
        assert math.copysign(1, grad(tl.stop_gradient)(x)) == float(tl.jvp(tl.stop_gradient, (x,), (1.0,))[1]) + 1.0


def test_a_function_may_call_backward_before_it_is_differentiated():
    def f(x):
        y = x * x
        y.backward()
        return y * x.grad  # 6, a number

    assert grad(f)(3.0) == 36.0


def test_a_derivative_out_of_range_raises_for_numbers_and_for_values():
    def steep(x):
        return (x * 1e200) * 1e-200 * 1e200 * 1e-200

    assert grad(steep)(1.0) == tl.jvp(steep, (1.0,), (1.0,))[1] == 1.0
    for x, along in ((1e-300, 1e200), (Value(1e-300), Value(1e200))):
        with pytest.raises(OverflowError, match="mul of"):
            grad(lambda x: (x * 1e200) * 1e200)(x)
        with pytest.raises(OverflowError, match="mul of"):
            tl.jvp(steep, (1.0,), (along,))
    assert tl.jvp(lambda x: x * 2, (1.0,), (math.inf,))[1] == math.inf


def test_a_result_that_no_argument_leads_to_is_warned_of():
    w = Value(2.0)
    with pytest.warns(RuntimeWarning, match="depends on none of the arguments .* a model's own") as caught:
        assert grad(lambda x: w * 3)(1.0).data == 0.0
    assert [x.filename for x in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert grad(grad(lambda x: w * w * x))(1.0).data == 0.0  # whose derivative is w²
        assert grad(lambda x: tl.relu(x - 3) * w)(1.0).data == 0.0
        assert grad(lambda x, ws: ws[0] * 3)(1.0, ws=[w]).data == 0.0  # which the caller gave
