"""NumPy's functions on Values: the rows of the table, whichever way they are called, or an error that says what is."""

import math
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

import tinygrad_lite as tl
from tinygrad_lite import Program, Value
from tinygrad_lite.engine.declaration import TABLE

SAME = {
    "absolute": "abs", "fabs": "abs", "add": "add", "cos": "cos", "divide": "div", "exp": "exp", "expm1": "expm1",
    "float_power": "pow", "log": "log", "log1p": "log1p", "maximum": "maximum", "minimum": "minimum",
    "multiply": "mul", "negative": "neg", "positive": "identity_", "power": "pow", "sign": "sign_", "sin": "sin",
    "sqrt": "sqrt", "subtract": "sub", "tanh": "tanh", "tan": "tan", "sinh": "sinh", "cosh": "cosh", "exp2": "exp2",
    "log2": "log2", "log10": "log10", "cbrt": "cbrt", "hypot": "hypot", "arcsin": "asin", "arccos": "acos",
    "arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
    "degrees": "degrees", "rad2deg": "degrees", "radians": "radians", "deg2rad": "radians",
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_a_function_with_a_row_is_that_row(name):
    row, ufunc = TABLE[SAME[name]], getattr(np, name)
    operands = [Value(1.0 if name == "arccosh" else 0.5), Value(2.0)][: ufunc.nin]
    y = ufunc(*operands)
    assert (y.op, y.inputs) == (row, tuple(operands))
    if ufunc.nin == 2:
        assert [z.op for z in ufunc(np.array([0.25, 0.5]), operands[1])] == [row, row]
    elif name != "sign":  # of an array of Values NumPy calls the methods, except that it chooses the sign
        assert [z.op for z in ufunc(np.array(operands, object))] == [row]


def test_every_function_of_numpy_is_a_row_or_an_error_that_says_so():
    for ufunc in {x for x in vars(np).values() if isinstance(x, np.ufunc) and x.nin <= 2 and x.nout == 1}:
        if ufunc.__name__ in SAME or ufunc.__name__ in ("less", "less_equal", "greater", "greater_equal", "equal"):
            continue
        if ufunc.__name__ in ("not_equal", "isfinite", "isinf", "isnan", "signbit"):
            assert ufunc(*[Value(1.0)] * ufunc.nin) in (True, False)
            continue
        with pytest.raises(TypeError, match=rf"np\.{ufunc.__name__} cannot be differentiated here: .*write"):
            ufunc(*[Value(1.0)] * ufunc.nin)


CHOICES = {
    "maximum": (lambda v: np.maximum(v, 0), lambda x: max(x, 0.0)),
    "minimum": (lambda v: np.minimum(0.5, v), lambda x: min(x, 0.5)),
    "clip": (lambda v: np.clip(v, -1, 1), lambda x: max(-1.0, min(x, 1.0))),
    "absolute": (np.abs, abs),
}


@pytest.mark.parametrize("name", CHOICES)
@given(st.floats(-3, 3), st.floats(-3, 3))
def test_a_choice_is_recorded_and_not_frozen(name, first, second):
    choose, expected = CHOICES[name]
    w, x = Value(first), Value(1.0)
    program = Program(choose(w * x), [w], [x], executor="python")
    assert program([second], [[1.0]])[0] == expected(second)


def test_a_tie_gives_each_a_half():
    a, b = Value(1.0), Value(1.0)
    np.maximum(a, b).backward()
    assert (a.grad, b.grad) == (0.5, 0.5)


@pytest.mark.parametrize("number", [np.longdouble(2), np.float16(2), np.uint8(2), np.bool_(True)])
def test_scalars_of_every_kind_are_operands_on_either_side(number):
    v = Value(3.0)
    for y in (number * v, v * number, number + v, v - number, number / v, v**number, number > v, v <= number):
        assert isinstance(y, (Value, bool, np.bool_))
    assert (number * v).data == float(number) * 3.0
    array = np.array([1, 2], np.longdouble) * v
    assert [x.data for x in array] == [3.0, 6.0]


@pytest.mark.parametrize("unit", ["s", "ns", "D"])
def test_times_are_no_numbers(unit):
    v = Value(2.0)
    program = Program(v * 1, [v], executor="python")
    for time in (np.timedelta64(3, unit), np.datetime64("2020-01-01", unit)):
        for compute in (lambda t=time: v * t, lambda t=time: np.array([t]) + v):
            with pytest.raises(TypeError, match=r"takes real numbers, not dates or durations|unsupported operand"):
                compute()
        with pytest.raises(TypeError, match=r"mul takes Values and real numbers, not '(timedelta|datetime)64'"):
            tl.mul(v, time)
        with pytest.raises(TypeError, match=r"theta\[0\] must be a real number, not '(timedelta|datetime|date)'"):
            program(np.array([time]))
        with pytest.raises(TypeError, match="a Value holds a real number"):
            Value(time)


def test_statistics_over_an_array_of_values():
    values = [Value(x) for x in (1.0, 2.0, 4.0)]
    array = np.array(values, object)
    variance, deviation, product = np.var(array), np.std(array), np.vdot(array, array)
    assert (variance.data, deviation.data, product.data) == pytest.approx((14 / 9, math.sqrt(14 / 9), 21.0))
    product.backward()
    assert [x.grad for x in values] == [2.0, 4.0, 8.0]
    assert np.clip(tl.Value(3.0), 0, 1).data == 1.0


@pytest.mark.parametrize("derive", [tl.grad, tl.value_and_grad], ids=["grad", "value_and_grad"])
def test_scipy_minimizes_by_the_gradient_as_an_array_of_numbers(derive):
    def rosenbrock(x):
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2

    both = derive is tl.value_and_grad
    found = minimize(derive(rosenbrock) if both else rosenbrock, np.zeros(2), jac=both or derive(rosenbrock))
    assert found.x == pytest.approx([1.0, 1.0], abs=1e-4)


def test_arrays_of_numbers_have_derivatives_that_are_arrays_of_numbers():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    for derivative in (tl.grad(np.sum)(x), tl.jacobian(lambda x: x * x)(x), tl.jvp(np.sin, (x,), (x,))[1]):
        assert derivative.dtype == float
    assert tl.grad(lambda x: np.sum(x * x))(np.array([Value(1.0), 2.0])).dtype == object


def test_numpy_may_be_half_imported_by_another_thread(monkeypatch):
    half = ModuleType("numpy")
    half.__spec__ = ModuleSpec("numpy", None)
    half.__spec__._initializing = True
    monkeypatch.setitem(sys.modules, "numpy", half)
    assert tl.grad(lambda xs: xs[0] * xs[1])([2.0, 3.0]) == [3.0, 2.0]
    with pytest.raises(TypeError, match="must be a number"):
        tl.grad(abs)(None)
