"""The exact numbers: no term is lost, however small."""

import itertools
import math
import random
from decimal import Decimal

import pytest

import tinygrad_lite as tl
from tests.checking import rigorous
from tinygrad_lite import Value, primitive
from tinygrad_lite.checking import reference
from tinygrad_lite.checking.certificate import gradcheck
from tinygrad_lite.engine.declaration import TABLE

# ── the exact numbers ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("formula", "x"),
    [
        (lambda p: tl.binary_cross_entropy(p, 7.25e-280), 2.5e-60),
        (lambda z: tl.binary_cross_entropy_with_logits(z, 5e-237), -141.46545271772004),
        (lambda x: tl.log(1 + x) + 1e-280 * x, 1e-60),
        (lambda x: tl.log(1 + x) - x + 1e-280 * x, 1e-60),
        (lambda x: tl.log(2 + x) - 0.5 * x + 1e-280 * x, 1e-60),
        (lambda x: 1 / (1 + x) - 1 + 1e-280 * x, 1e-60),
        (lambda x: tl.tanh(x) + 1e-280 * x, 300.0),
        (lambda x: tl.tanh(x) - 1 + 1e-280 * x, 250.0),
        (lambda x: tl.softplus(x) + 1e-280 * x, -250.0),
        (lambda x: tl.exp(x) - 1, 5e-324),
        (lambda x: tl.sin(x) - x, 1e-100),
        (lambda x: tl.sin(x), 1e300),
        (lambda x: x - 0.1, 0.1),
    ],
)
def test_no_term_is_lost_however_small(formula, x):
    row = primitive("probe", float, lambda x, y: 0, definition=formula)
    here, there = reference.compute(row, [x], [0]), rigorous.compute(row, [x], [0])
    assert all(abs(a - b) <= reference.AGREEMENT * abs(b) for a, b in zip(here, there, strict=True))


def test_what_does_not_move_passes_nothing_on():
    row = primitive("probe", float, lambda x, y: 0, definition=lambda x: tl.sqrt(TABLE["step_"](x)) + x)
    assert reference.compute(row, [-1.0], [0]) == [-1, 1]


def test_what_is_undefined_is_nan():
    assert all(x.is_nan() for x in reference.compute(TABLE["log"], [-1.0], [0])[:1])
    assert reference.compute(primitive("probe", math.erf, lambda x, y: 0), [1.0]) is None


# ── what it does not know ─────────────────────────────────────────────────────────────────────────

STATED = [row for row in TABLE.values() if row.reference]
ODD = (
    Decimal("nan"),
    Decimal("inf"),
    Decimal("-inf"),
    Decimal(0),
    Decimal("-1.5"),
    Decimal("1e-9999"),
    Decimal("1e99999"),
)


@pytest.mark.parametrize("row", STATED, ids=lambda row: row.name)
def test_no_reference_raises_and_what_comes_of_nan_is_nan(row):
    points = list(itertools.product(ODD, repeat=len(row.partials)))
    for x in random.Random(0).sample(points, min(len(points), 400)):
        numbers = reference.compute(row, x, range(len(x)))
        assert all(number.is_nan() or number.is_finite() for number in numbers)
        assert not any(map(Decimal.is_nan, x)) or all(number.is_nan() for number in numbers)


@pytest.mark.parametrize("rule", STATED, ids=lambda row: row.name)
@pytest.mark.parametrize(
    "inner",
    [
        lambda x: tl.sqrt(((x + 1e16) - 1e16) - 1.5),  # the root of −0.3, which floats round to 0.5
        lambda x: x * 1e-40 / tl.expm1(x * 1e-40),  # a pole, until 70 digits see that it is none
    ],
)
def test_a_graph_whose_exact_numbers_are_none_is_certified(rule, inner):
    try:
        y = rule(*[inner(Value(1.2, label="x"))] * len(rule.partials))
        y.backward()
    except (ArithmeticError, ValueError):
        return
    assert gradcheck(y).ok


def test_a_formula_that_raises_is_not_known():
    def refuse(x):
        if x < 0:
            raise ValueError
        return tl.sqrt(x)

    row = primitive("probe", refuse, lambda x, y: 0.5 / y)
    assert all(x.is_nan() for x in reference.compute(row, [-1.0], [0]))
    assert reference.compute(primitive("asks", lambda x: x.is_integer() * x, lambda x, y: 1), [1.0]) is None


def test_a_tie_of_rounded_numbers_is_no_tie():
    row = primitive("probe", float, lambda x, y: 0, definition=lambda x: tl.maximum(2 + x, 2))
    assert reference.compute(row, [1e-60], [0])[1] == 1
