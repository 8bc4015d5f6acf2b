"""Large graphs: what a program takes of memory, and forty thousand nodes, which no recursion reaches."""

import functools

import pytest

from tests.replay.graphs import chain_of, on_both, recorded
from tinygrad_lite import Program, Value
from tinygrad_lite.engine.value import topological_order
from tinygrad_lite.nn import MLP


def perceptron(width):
    model = MLP(width, [width, width, 1], activation="tanh", seed=0)
    x = [Value(0.0) for _ in range(width)]
    return model(x) ** 2, model.parameters(), x


@pytest.mark.parametrize(("build", "size"), [(chain_of, 10_000), (perceptron, 8), (perceptron, 24)])
def test_memory_per_node(build, size):
    output, parameters, data = build(size)
    program = Program(output, parameters, data)
    assert 0 < program.nbytes <= 64 * len(topological_order(output))


def test_memory_grows_as_the_graph_does():
    small, large = (perceptron(width) for width in (6, 12))
    nodes = [len(topological_order(output)) for output, *_ in (small, large)]
    assert Program(*large).nbytes / Program(*small).nbytes < 1.1 * nodes[1] / nodes[0]


@on_both
def test_a_chain_of_40_000_nodes(executor):
    w, x = Value(0.999), Value(0.5)
    y = w
    for _ in range(20_000):
        y = y * 0.9999 + x
    value, slopes = Program(y, [w], [x], executor=executor)([0.999], [[0.5]])
    y.backward()
    assert (value, list(slopes)) == (y.data, [w.grad])


@pytest.mark.parametrize(("executor", "left"), [("python", True), ("compiled", False)])
def test_a_sum_of_40_000_terms(executor, left):
    leaves = [Value(i * 1e-3) for i in range(40_000)]
    output = functools.reduce((lambda a, b: a + b) if left else (lambda a, b: b + a), leaves)
    program = Program(output, leaves, executor=executor)
    value, slopes = program(recorded(leaves))
    assert value == output.data
    assert set(slopes) == {1.0}
    assert program.nbytes <= 64 * len(topological_order(output))
