"""Rows of one's own: what a declaration gives, and what it refuses."""

import builtins
import dis
import math
from decimal import Decimal

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.engine.declaration import RESERVED, TABLE


def test_a_row_of_ones_own_works_everywhere():
    cube = tl.primitive("cube", lambda x: x * x * x, lambda x, y: 3 * x * x, plain="{}³")
    x = Value(2.0, label="x")
    y = cube(x).named("y")
    y.backward()
    assert (y.data, x.grad, cube(3)) == (8, 12, 27)
    assert tl.grad(tl.grad(cube))(2.0) == 12
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
        ([lambda x: x, lambda x: 1], "partial 1 of slip takes 1 argument, not 2: the inputs of slip, then its result"),
        (
            [lambda a, b: a, lambda a, b, y: 1],
            "the value of slip takes 2 arguments, and there is 1 partial derivative: give one for each",
        ),
        ([lambda a, b: a, lambda a, b, y: 1, lambda a, b: 0], "partial 2 of slip takes 2 arguments, not 3"),
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


# ── values and slopes that are no floats ──────────────────────────────────────────────────────────

NO_NUMBERS = {"complex": 1j, "Decimal": Decimal(1), "NoneType": None, "ndarray": np.array([1.0]), "str": "1"}


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_a_value_that_is_no_number_is_an_error_that_names_the_row(kind):
    row = tl.primitive("odd", lambda x: NO_NUMBERS[kind], lambda x, y: 1.0)
    for call in (lambda: row(Value(2.0)), lambda: row(2.0), lambda: Value(2.0).odd()):
        with pytest.raises(TypeError, match=f"the value of odd of 2.0 must be a real number, not '{kind}'"):
            call()


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_a_slope_that_is_no_number_is_an_error_that_names_the_row(kind):
    row = tl.primitive("odd", lambda x: 1.0 * x, lambda x, y: NO_NUMBERS[kind] if math.floor(x) else 0.0)
    x, other = Value(2.5), Value(1.0)
    with pytest.raises(TypeError, match=f"partial derivative 1 of odd of 2.5 must be a real number, not '{kind}'"):
        (row(x) + other).backward()
    assert (x.grad, other.grad) == (0.0, 0.0)
    with pytest.raises(TypeError, match="partial derivative 1 of even must be a real number"):
        tl.primitive("even", lambda x: x, lambda x, y: NO_NUMBERS[kind])
    assert "even" not in TABLE


@pytest.mark.parametrize("cast", [int, np.float32, np.float64, np.int8, bool])
def test_a_real_number_of_another_type_counts_as_a_float(cast):
    row = tl.primitive("odd", lambda x: cast(3), lambda x, y: cast(math.floor(x)))
    x = Value(1.5)
    y = row(x)
    y.backward()
    assert (y.data, x.grad) == (float(cast(3)), 1.0)
    assert type(y.data) is type(x.grad) is float


@pytest.mark.parametrize("slope", [math.nan, math.inf, -math.inf])
def test_a_partial_that_is_a_constant_and_not_finite_is_an_error_at_the_node(slope):
    row = tl.primitive("odd", lambda x: x, lambda x, y: slope)
    with pytest.raises(OverflowError, match=r"slope of odd of 1\.0"):
        row(Value(1.0)).backward()


def test_a_row_of_three_arguments_is_a_method():
    fma = tl.primitive("fma", lambda a, b, c: a * b + c, *(lambda *_, i=i: [_[1], _[0], 1][i] for i in range(3)))
    a = Value(2.0)
    for y in (a.fma(3.0, 4), a.fma(Value(3.0), Value(4.0)), fma(a, 3, 4.0)):
        assert (y.data, y.op) == (10.0, fma)
    with pytest.raises(TypeError, match="fma takes Values and real numbers, not 'str'"):
        a.fma("3", 4.0)


@pytest.mark.parametrize(
    "name", ["backward", "data", "inputs", "named", "grad", "Value", "Constant", "as_node", "node"]
)
def test_a_name_that_the_class_or_generated_text_uses_is_refused(name):
    with pytest.raises(ValueError, match=f"{name!r} cannot name a primitive"):
        tl.primitive(name, lambda x: x, lambda x, y: 1)
    with pytest.raises(ValueError, match=f"{name!r} cannot name a primitive"):
        tl.primitive("fine", lambda x: x, lambda x, y: 1, method=name)
    assert not {name, "fine"} & TABLE.keys()


@pytest.mark.parametrize("name", sorted(name[:-1] for name in TABLE if name.endswith("_")))
def test_what_the_table_keeps_hidden_blocks_no_name(name):
    def measured():
        functions = (tl.erf, tl.abs, tl.relu, tl.silu, tl.hypot)
        return [g(*[0.7] * len(f.partials)) for f in functions for g in (f, tl.grad(f), tl.grad(tl.grad(f)))]

    before = measured()
    own = tl.primitive(name, lambda x: 3 * x, lambda x, y: 3)
    y = getattr(Value(2.0), name)()
    y.backward()
    assert (y.data, y.op, y.first.grad) == (6.0, own, 3.0)
    assert measured() == before


def test_generated_text_uses_no_name_that_a_row_can_have():
    for row in TABLE.values():
        for function in (row.forward, row.backward):
            steps = dis.get_instructions(function)
            used = {step.argval for step in steps if step.opname.startswith(("LOAD_GLOBAL", "LOAD_FAST", "STORE"))}
            names = {str(name) for name in used if str(name)[0] != "_"}
            assert names <= RESERVED | TABLE.keys() | vars(builtins).keys()


def test_a_partial_that_asks_what_its_argument_is_is_called_with_floats():
    row = tl.primitive("odd", lambda x: x * x, lambda x, y: 2 * x if isinstance(x, float) else 3 * x)
    x = Value(2.0)
    row(x).backward()
    assert (x.grad, row.opaque) == (4.0, (0,))
    assert tl.grad(row)(2.0) == tl.jvp(row, (2.0,), (1.0,))[1] == 4.0
    with pytest.raises(TypeError, match="partial derivative of odd is written over floats"):
        tl.grad(tl.grad(row))(2.0)


def test_a_declaration_that_fails_leaves_the_table_as_it_was():
    before = dict(TABLE)
    for columns in ({"colour": 1}, {"method": "backward"}):
        with pytest.raises((TypeError, ValueError)):
            tl.primitive("half", lambda x: x / 2, lambda x, y: 0.5, **columns)
    with pytest.raises(TypeError):
        tl.primitive("half", lambda x: x / 2, lambda x, y: "0.5")
    assert before == TABLE
    assert not hasattr(Value, "half")
