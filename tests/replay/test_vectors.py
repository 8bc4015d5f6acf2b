"""`exact=False`: vector functions, within the limits of the certificate, with the errors of the exact ones."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings

from tests.benchmarks.check_vectors import draw, limits, vectorized_rows, worst
from tests.replay.graphs import outcome
from tinygrad_lite import Program, Value, gradient, log, nn, sigmoid, tanh
from tinygrad_lite.engine.value import topological_order
from tinygrad_lite.replay import kernel_vectors
from tinygrad_lite.strategies import expressions

ROWS = vectorized_rows()
ON_THIS_PLATFORM = bool(kernel_vectors.functions())


def test_where_there_is_a_library_the_transcendental_rows_are_vectors():
    names = {row.name for row in ROWS}
    assert names.isdisjoint(["add", "div", "relu", "sqrt", "power_term"])
    assert names >= {"exp", "log", "tanh", "tanh_slope", "sigmoid", "softplus", "pow"} or not ON_THIS_PLATFORM


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_is_within_the_limits_of_the_certificate(row):
    """Its value and its partial derivatives; 100,000 points a row are checked by benchmarks/check_vectors.py."""
    for (ulps, point), limit in zip(worst(row, 20), limits(row), strict=True):
        assert ulps <= limit, point


OUTSIDE = [-math.inf, -3.0, -1.0, -0.0, 0.0, 1.0, 2.0, 800.0, math.inf, math.nan]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_errors_and_special_numbers_are_those_of_the_exact_row(row):
    xs = [Value(x) for x in draw(row, 5)[0]]
    exact, fast = (Program(row(*xs), [], xs, executor="compiled", exact=exact) for exact in (True, False))
    for x in OUTSIDE:
        for other in (0.5, x):
            batch = [[x, other, 0.5, 0.5][: len(xs)]] * 130
            wanted, got = (outcome(program.outputs, [], batch) for program in (exact, fast))
            if isinstance(wanted[0], type) or not math.isfinite(number := float.fromhex(wanted[0][0])):
                assert got == wanted, x
            else:
                assert float.fromhex(got[0][0]) == pytest.approx(number, rel=2e-15, abs=sys.float_info.min), x


@settings(max_examples=40)
@given(expressions(max_operations=10))
def test_random_programs_differ_by_what_their_operations_may(expression):
    """Value and slopes: each by 9 units in the last place of every node, as far as they are passed on."""
    leaves = [Value(x) for x in expression.inputs]
    output = expression(*leaves)
    if any(node.op and node.op.kink for node in topological_order(output)):
        return  # where the last digits choose
    nodes = [output, *gradient(output, leaves)]
    exact, fast = (
        np.array(Program(nodes, [], leaves, executor="compiled", exact=exact).outputs([], [expression.inputs] * 130))
        for exact in (True, False)
    )
    for node, wanted, got in zip(nodes, exact[0], fast[0], strict=True):
        order = topological_order(node)
        for x in order:
            x.grad = 0.0
        try:
            node.backward()
        except (ArithmeticError, ValueError):  # a slope's slope that does not exist
            continue
        if math.isfinite(wanted):
            bound = sum(abs(x.grad * x.data) for x in order) * 9 * sys.float_info.epsilon
            assert abs(got - wanted) <= bound + 1e-290, node


def test_a_net_takes_another_way_to_almost_the_same_numbers():
    model, x, y = nn.MLP(2, [8, 1], "tanh", seed=0), [Value(0.1), Value(0.2)], Value(1.0)
    loss = nn.losses["binary_cross_entropy_with_logits"](model(x), y)
    theta, batch = [p.data for p in model.parameters()], np.random.default_rng(0).uniform(0, 1, (300, 3))
    programs = [Program(loss, model.parameters(), [*x, y], executor="compiled", exact=exact) for exact in (True, False)]
    (mean, slopes), (fast_mean, fast_slopes) = (program(theta, batch) for program in programs)
    assert fast_mean == pytest.approx(mean, rel=1e-14)
    assert fast_slopes == pytest.approx(slopes, rel=1e-12)
    assert not ON_THIS_PLATFORM or list(slopes) != list(fast_slopes)


def test_a_bad_sample_among_many_is_named():
    w, x = Value(1.0, "w"), Value(2.0, "x")
    batch = [[2.0]] * 2000 + [[-1.0]] + [[2.0]]
    for exact in (True, False):
        program = Program(log(w * x), [w], [x], executor="compiled", exact=exact)
        with pytest.raises(ValueError, match=r"^log of -1.0: .* in sample 2000$"):
            program([1.0], batch)


def test_where_the_platform_has_no_vectors_the_numbers_are_exact(monkeypatch):
    monkeypatch.setattr(kernel_vectors, "functions", dict)
    kernel_vectors.carrier.cache_clear()
    kernel_vectors.row_on_vectors.cache_clear()
    w, x = Value(0.5), Value(1.0)
    batch = np.linspace(-3, 3, 100)[:, None]
    outputs = [
        Program(sigmoid(tanh(w * x)), [w], [x], executor="compiled", exact=exact).outputs([0.5], batch).tolist()
        for exact in (True, False)
    ]
    kernel_vectors.carrier.cache_clear()
    kernel_vectors.row_on_vectors.cache_clear()
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("exact", [0, None, "no"])
def test_exact_is_true_or_false(exact):
    with pytest.raises(TypeError, match=r"^exact is .*: True for the bits of `math`, False for vector functions$"):
        Program(Value(1.0), [], exact=exact)


def test_training_passes_it_on(monkeypatch):
    asked = []
    made = Program.__init__
    monkeypatch.setattr(
        Program, "__init__", lambda self, *x, **more: (asked.append(more["exact"]), made(self, *x, **more))[1]
    )
    X, y = [[-1.0], [0.0], [1.0], [2.0]], [1, 0, 1, 0]
    for exact in (True, False):
        nn.train(nn.MLP(1, [2, 1], seed=0), X, y, steps=2, exact=exact)
        nn.LogisticRegression(exact=exact).fit(X, y)
    assert asked == [True, True, False, False]
