"""What a user puts into `data` and `grad`: it counts as the float it is, or is an error that names the node."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite import Value, draw, exp, explain, gradcheck, log, sigmoid, tanh

KINDS = [int, bool, np.uint8, np.int64, np.float16, np.float32, np.float64, np.longdouble, np.bool_]
FUNCTIONS = {
    "product": lambda a, b: a * b,
    "quotient": lambda a, b: a / b,
    "power": lambda a, b: a ** (b / 100),
    "mixed": lambda a, b: log(a) * b + exp(-a) / (a + b) + tanh(b) ** 2 + sigmoid(a - b) * a,
}


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
@given(st.sampled_from(KINDS), st.sampled_from(KINDS), st.integers(1, 200), st.floats(1.0, 200.0))
def test_a_real_number_of_any_type_counts_as_the_float_it_is(f, kind, other, i, x):
    numbers = kind(i), other(x)
    results = []
    for given_numbers in (map(float, numbers), numbers):
        a, b = Value(1.0), Value(1.0)
        a.data, b.data = given_numbers
        y = f(a, b)
        y.backward()
        results.append((y.data, a.grad, b.grad))
        assert {type(z) for z in results[-1]} == {float}
    assert results[0] == results[1]


@pytest.mark.parametrize("kind", KINDS[2:])
def test_a_number_put_there_after_the_graph_was_built_counts_too(kind):
    """As in `p.data -= np.float32(0.1) * p.grad`."""
    a, b = Value(3.0), Value(5.0)
    y = 1 / (a * b) + a
    a.data = kind(1)
    y.backward()
    expected = -1 / (15.0 * 15.0) * 1.0
    assert (a.grad, b.grad) == (pytest.approx(-5 / 225 + 1), pytest.approx(expected))
    assert type(a.grad) is type(b.grad) is float


def test_an_integer_does_not_grow_without_bound():
    x = Value(1.0, "x")
    x.data = 10**200
    with pytest.raises(OverflowError, match=r"mul of 1e\+200 \(node 'x'\)"):
        x * x
    x.data = 5
    assert (float(x), type((x + x).data)) == (5.0, float)


@pytest.mark.parametrize("content", ["5", None, 1j, Decimal(1), Fraction(1, 3), np.array([1.0, 2.0]), [1.0]])
def test_anything_else_is_an_error_that_names_the_node(content):
    x, leaf = Value(2.0, "x"), Value(1.0)
    y = x * leaf
    y.backward()
    x.data = content
    if not isinstance(content, Fraction):
        with pytest.raises(TypeError, match=rf"data of node 'x' must be a real number, not '{type(content).__name__}'"):
            y.backward()
        assert leaf.grad == 2.0
    uses = [lambda: x * Value(2.0), lambda: float(x), lambda: x.tanh()]
    if isinstance(content, (Decimal, Fraction)):  # `math` takes these for the floats that they are
        assert uses.pop()().data == math.tanh(content)
    if isinstance(content, Fraction):
        assert uses.pop(0)().data == float(content) * 2.0
    for use in uses:
        with pytest.raises(TypeError, match="data of node 'x' must be a real number"):
            use()


def test_a_gradient_of_none_counts_as_zero_as_with_pytorch():
    x, y = Value(3.0), Value(4.0)
    z = x * y
    x.grad = None
    y.grad = np.float32(0.5)
    z.backward()
    assert (x.grad, y.grad) == (4.0, 3.5)
    assert type(y.grad) is float
    assert str(explain(z)).endswith("leaves add up over calls of backward(), until zero_grad()")
    x.grad = None
    assert "stored    y.grad = 3.5" in str(explain(z))
    for wrong in ("a", Value(1.0)):
        x.grad = wrong
        for use in (z.backward, lambda: explain(z), lambda: draw(z), lambda: gradcheck(z)):
            with pytest.raises(TypeError, match=r"grad of 3\.0 must be a real number, not '(str|Value)'"):
                use()
        assert (x.grad, y.grad) == (wrong, 3.5)


def test_a_gradient_that_overflows_by_adding_up_over_calls_is_an_error():
    x, y = Value(1.0, "x"), Value(1.0)
    z = x * 1e308 + y
    z.backward()
    with pytest.raises(OverflowError, match=r"gradient of Value\(1.0, label='x'.* add up until zero_grad"):
        z.backward()
    assert (x.grad, y.grad) == (1e308, 1.0)
    x.grad = math.inf  # what a user puts there goes on
    z.backward()
    assert (x.grad, y.grad) == (math.inf, 2.0)


def test_gradcheck_certifies_the_float_that_counts():
    a = Value(1.0)
    a.data = np.uint8(200)
    assert gradcheck(lambda x: x * x, a).value == 40_000.0
