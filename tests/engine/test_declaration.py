"""Rows of one's own: what a declaration gives, and what it refuses."""

import math

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.engine.declaration import TABLE


def test_a_row_of_ones_own_works_everywhere():
    cube = tl.primitive("cube", lambda x: x * x * x, lambda x, y: 3 * x * x, plain="{}³")
    x = Value(2.0, label="x")
    y = cube(x).named("y")
    y.backward()
    assert (y.data, x.grad, cube(3)) == (8, 12, 27)
    assert tl.grad(tl.grad(cube))(2.0).data == 12
    assert "y = x³ = 2³ = 8" in str(tl.explain(y))


def test_a_row_of_ones_own_is_a_method_at_once_and_can_be_declared_again():
    for factor in (2, 3):
        tl.primitive("scaled", lambda x, k=factor: k * x, lambda x, y, k=factor: k, doc='""" quotes "" are no trouble')
        assert Value(5.0).scaled().data == 5.0 * factor
    with pytest.raises(ValueError, match="'grad' cannot name a primitive"):
        tl.primitive("grad", lambda x: x, lambda x, y: 1)
    assert Value(5.0).grad == 0.0


def test_a_row_over_math_differentiates_once():
    gain = tl.primitive("gain", math.sinh, lambda x, y: math.cosh(x))
    x = Value(1.0)
    gain(x).backward()
    assert x.grad == math.cosh(1.0)
    with pytest.raises(TypeError, match="write it with operators"):
        tl.gradient(gain(x), [x])


def test_a_row_of_three_arguments():
    blend = tl.primitive(
        "blend",
        lambda t, a, b: t * a + (1 - t) * b,
        lambda t, a, b, y: a - b,
        lambda t, a, b, y: t,
        lambda t, a, b, y: 1 - t,
    )
    t, a = Value(0.25), Value(4.0)
    y = blend(t, a, 8)
    y.backward()
    assert (y.data, t.grad, a.grad) == (7, -4, 0.25)


@pytest.mark.parametrize("name", ["exp", "no name", "lambda", "", "self"])
def test_a_row_needs_a_name_of_its_own(name):
    with pytest.raises(ValueError, match="cannot name a primitive"):
        tl.primitive(name, lambda x: x, lambda x, y: 1)


def test_a_row_needs_partials_and_known_columns():
    with pytest.raises(ValueError, match="one partial derivative for each argument"):
        tl.primitive("lonely", lambda x: x)
    with pytest.raises(TypeError, match="no column 'colour'"):
        tl.primitive("colourful", lambda x: x, lambda x, y: 1, colour="red")


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ([lambda x: x, lambda x: 1], "partial 1 of slip must take 2 arguments: the inputs of slip, then its result"),
        ([lambda a, b: a, lambda a, b, y: 1], "the value of slip must take 1 argument: as many as it has partials"),
        ([lambda a, b: a, lambda a, b, y: 1, lambda a, b: 0], "partial 2 of slip must take 3 arguments"),
        ([lambda x: x, 2.0], "partial 1 of slip must be a function, not 'float'"),
        ([2.0, lambda x, y: 1], "the value of slip must be a function, not 'float'"),
    ],
)
def test_functions_of_another_number_of_arguments_are_refused(functions, message):
    with pytest.raises(TypeError) as caught:
        tl.primitive("slip", *functions)
    assert message in str(caught.value)
    assert "slip" not in TABLE


def test_functions_may_take_more_than_is_needed():
    scaled = tl.primitive("scaled", lambda x, k=3.0: k * x, lambda *operands, k=3.0: k)
    x = Value(2.0)
    scaled(x).backward()
    assert x.grad == 3.0
    assert tl.primitive("root", math.sqrt, lambda x, y: 0.5 / y)(9.0) == 3.0
