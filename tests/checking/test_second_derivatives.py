"""`check_gradients(f, order=2)`, and what the public strategies draw for it."""

import pytest
from hypothesis import find
from hypothesis import strategies as st

import tinygrad_lite as tl
from tests.checking.mutants import partial, rewritten
from tinygrad_lite.checking.report import GradcheckError
from tinygrad_lite.engine import derivatives
from tinygrad_lite.engine.declaration import TABLE
from tinygrad_lite.strategies import Expression, check_gradients, points, values


@pytest.mark.parametrize("f", [tl.sigmoid, tl.log, lambda a, b: tl.sin(a * b) - a / (2 + tl.cos(b))])
def test_right_second_derivatives_pass(f):
    check_gradients(f, order=2, max_examples=20)


def test_a_wrong_second_derivative_is_named():
    with partial("tanh_slope", 0, lambda x, y: -2 * TABLE["tanh"].value(x))():
        check_gradients(tl.tanh, max_examples=20)
        with pytest.raises(GradcheckError) as caught:
            check_gradients(tl.tanh, order=2, max_examples=50)
    assert caught.value.check.operation == "tanh_slope"


def test_a_derivative_that_forgets_what_it_depends_on_is_caught():
    """Its number is right, and so is the first derivative; the second is missing."""
    frozen = rewritten(derivatives, "_product", "mul(upstream, partial)", "mul(upstream, float(partial))")
    with frozen, pytest.raises(GradcheckError):
        check_gradients(lambda x: tl.sin(x * x), values(TABLE["tanh"]), order=2, max_examples=50)


def test_powers_of_negative_numbers_are_drawn():
    x, n = find(points(TABLE["pow"], [0]), lambda x: x[0] < 0 and x[1] == 3)
    assert TABLE["pow"](x, n) < 0


def test_hypothesis_draws_expressions():
    assert isinstance(find(st.from_type(Expression), lambda program: len(program.operations) > 1), Expression)


def test_operators_of_an_expression_are_pythons():
    calls = []

    class Operand:
        def __rsub__(self, other):
            calls.append(other)
            return self

    program = Expression((1.0,), (("sub", 2.0, 1),))
    assert isinstance(program(Operand()), Operand)
    assert calls == [2.0]
