"""The exact numbers: no term is lost, however small."""

import math

import pytest

import tinygrad_lite as tl
from tests.checking import rigorous
from tinygrad_lite import primitive
from tinygrad_lite.checking import reference
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
    row = primitive("probe", float, lambda x, y: 0, definition=lambda x: tl.sqrt(TABLE["step"](x)) + x)
    assert reference.compute(row, [-1.0], [0]) == [-1, 1]


def test_what_is_undefined_is_nan():
    assert all(x.is_nan() for x in reference.compute(TABLE["log"], [-1.0], [0])[:1])
    assert reference.compute(primitive("probe", math.erf, lambda x, y: 0), [1.0]) is None
