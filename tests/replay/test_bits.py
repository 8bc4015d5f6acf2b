"""One sample: a program's numbers are those of Values to the last bit, whatever the graph."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.replay.graphs import EXECUTORS, bits, eager, expected, graphs, numbers_for, on_both, outcome, recorded, seeds
from tinygrad_lite import Program, Value, gradient, sigmoid, tanh
from tinygrad_lite.engine.value import topological_order
from tinygrad_lite.nn import MLP
from tinygrad_lite.strategies import MODERATE, expressions, values

FEWER = settings(max_examples=settings().max_examples // 2)  # programs, each of many operations


@FEWER
@given(expressions(max_operations=20, max_inputs=5))
def test_where_it_was_recorded_a_program_gives_the_numbers_of_the_graph(expression):
    leaves = [Value(x) for x in expression.inputs]
    output = expression(*leaves)
    nodes = topological_order(*leaves, output)
    before = [(x.data, x.grad, x.op, x.inputs) for x in nodes]
    found = []
    for executor in EXECUTORS:
        program = Program(output, leaves, executor=executor)
        value, gradients = program(expression.inputs)
        found.append((bits(value), bits(gradients)))
        assert bits(program.outputs(expression.inputs)) == bits(value)
    assert [(x.data, x.grad, x.op, x.inputs) for x in nodes] == before
    output.backward()
    assert found == [(bits(output.data), bits([x.grad for x in leaves]))] * 2


@FEWER
@given(graphs(), st.data())
def test_any_program_at_any_numbers_is_eager_to_the_last_bit(graph, draw):
    """Or raises the same error; infinite and NaN inputs included."""
    theta, sample = draw.draw(numbers_for(graph.parameters)), draw.draw(numbers_for(graph.data))
    wanted = expected(graph.outputs, graph.parameters, graph.data, theta, sample)
    for executor in EXECUTORS:
        assert outcome(graph.program(executor), theta, [sample] if graph.data else None) == wanted


@FEWER
@given(expressions(max_operations=5), st.data())
def test_derivatives_are_programs_too(expression, draw):
    """The hidden rows of the table, which only slopes are made of; several outputs."""
    leaves = [Value(x) for x in expression.inputs]
    slopes = gradient(expression(*leaves), leaves)
    theta = draw.draw(st.tuples(*(st.just(x.data) | values(MODERATE) for x in leaves)))
    wanted = outcome(eager, slopes, leaves, [], theta)
    for executor in EXECUTORS:
        assert outcome(Program(slopes, leaves, executor=executor), theta) == wanted


@on_both
def test_a_slope_that_overflows_on_its_way_raises(executor):
    x = Value(2.0, label="x")
    [slope] = gradient(x**1.6, [x])  # 1.6·x^0.6, computed by way of x^1.6
    wanted = outcome(eager, [slope], [x], [], [1e200])
    assert wanted[0] is OverflowError
    assert outcome(Program(slope, [x], executor=executor), [1e200]) == wanted


@on_both
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_networks_are_eager_to_the_last_bit(executor, activation):
    model = MLP(3, [5, 4, 2], activation=activation, seed=1)
    for p in model.parameters():
        p.data += 0.125  # or the biases are 0
    x, y = [Value(0.0) for _ in range(3)], Value(0.0)

    def loss(x, y):
        first, second = model(x)
        return (first - y) ** 2 + sigmoid(second)

    program = Program(loss(x, y), model.parameters(), [*x, y], executor=executor)
    theta = recorded(model.parameters())
    generator = random.Random(0)
    for _ in range(20):
        row = [generator.gauss(0, 2) for _ in range(4)]
        wanted = loss(row[:3], row[3])
        for p in model.parameters():
            p.grad = 0.0
        wanted.backward()
        value, slopes = program(theta, [row])
        assert bits(value) == bits(wanted.data)
        assert bits(slopes) == bits([p.grad for p in model.parameters()])


@on_both
@FEWER
@given(seed=seeds, n=st.integers(1, 60))
def test_diamonds_are_eager_to_the_last_bit(executor, seed, n):
    """Each node uses earlier ones, often one twice: ever more paths, whose slopes are added up in one order."""
    generator = random.Random(seed)
    nodes = leaves = [Value(generator.uniform(-1, 1)) for _ in range(3)]
    two = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a * 0.5 + tanh(b)]
    for _ in range(n):
        a, b = (nodes[-generator.randint(1, min(4, len(nodes)))] for _ in range(2))
        nodes = [*nodes, tanh(generator.choice(two)(a, b))]
    data = leaves[2:] * generator.randint(0, 1)
    parameters = leaves[: 3 - len(data)]
    theta, sample = ([generator.uniform(-2, 2) for _ in some] for some in (parameters, data))
    wanted = expected(nodes[-1:], parameters, data, theta, sample)
    program = Program(nodes[-1], parameters, data, executor=executor)
    assert outcome(program, theta, [sample] if data else None) == wanted


@on_both
def test_a_long_chain_is_eager_to_the_last_bit(executor):
    w, x = Value(0.9), Value(0.25)
    y = w
    for i in range(3_000):
        y = y * w + x if i % 3 else tanh(y)
    program = Program(y, [w], [x], executor=executor)
    for theta, sample in ([0.9], [0.25]), ([-0.99], [0.5]), ([0.0], [-0.0]):
        assert outcome(program, theta, [sample]) == expected([y], [w], [x], theta, sample)


@on_both
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_zeros_keep_their_signs(executor, zero):
    a, b, x = Value(1.0), Value(1.0), Value(1.0)
    outputs = [a * x, -a, a - x, a + b, -(a * b) * x, a + 0.0, -0.0 - a, a * 1.0, -(a * 1), x, a, b * -1]
    for output in outputs:
        program = Program(output, [a, b], [x], executor=executor)
        for theta, sample in itertools.product(itertools.product([zero, -zero], repeat=2), [[0.0], [-0.0], [-1.0]]):
            assert outcome(program, theta, [sample]) == expected([output], [a, b], [x], theta, sample)
            assert bits(program.outputs(theta, [sample])) == bits(program(theta, [sample])[0])


@on_both
def test_a_named_minus_zero_keeps_its_sign(executor):
    w, zero = Value(1.0), Value(-0.0)
    program = Program((+zero).named("zero"), [w], executor=executor)
    assert bits(program([1.0])[0]) == bits(-0.0)
