"""Programs against Values: the same bits, the same errors; batches against exact sums."""

import array
import copy
import functools
import itertools
import keyword
import math
import operator
import pickle
import random
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from math import lgamma, trunc

import numpy as np
import pytest
from hypothesis import Phase, assume, example, given, settings
from hypothesis import strategies as st

from tinygrad_lite import (
    Program,
    Value,
    binary_cross_entropy,
    exp,
    gradient,
    log,
    maximum,
    minimum,
    primitive,
    relu,
    sigmoid,
    sqrt,
    tanh,
)
from tinygrad_lite.engine.declaration import TABLE, Interval
from tinygrad_lite.engine.value import Constant, topological_order
from tinygrad_lite.nn import MLP
from tinygrad_lite.replay.kernel import _cache_folder, kernels
from tinygrad_lite.strategies import MODERATE, expressions, values

EXECUTORS = ["python", "compiled"]
on_both = pytest.mark.parametrize("executor", EXECUTORS)
SIZES = [1, 2, 15, 16, 17, 127, 128, 129, 300]  # around the widths in which samples are taken together
ROUNDING = Fraction(1, 2**53)
seeds = st.integers(0, 2**32)


def bits(numbers):
    """Numbers in any nesting, as what tells 0.0 from −0.0, and not one NaN from another."""
    return [x.hex() if x == x else "nan" for x in np.ravel(numbers).astype(float).tolist()]


def again(outputs, parameters, data, theta, sample):
    """The graph built anew by Values, with other numbers in its leaves; what no parameter leads to is a number."""
    nodes = {x: Value(t, x.label) for x, t in zip(parameters, theta, strict=True)}
    nodes |= {x: Constant(t, x.label) for x, t in zip(data, sample, strict=True)}
    for node in topological_order(*outputs):
        if node in nodes:
            continue
        inputs = [nodes[x] for x in node.inputs]
        if all(type(x) is Constant for x in inputs):
            number = node.op.evaluate([x.data for x in inputs], [x.label for x in inputs]) if node.op else node.data
            nodes[node] = Constant(number, node.label)
        else:
            nodes[node] = node.op(*inputs)
            nodes[node].label = node.label
    return [nodes[x] for x in outputs], [nodes[x] for x in parameters]


def eager(outputs, parameters, data, theta, sample=()):
    """The outputs and their gradients, by Values."""
    outputs, parameters = again(outputs, parameters, data, theta, sample)
    gradients = []
    for output in outputs:
        for x in parameters:
            x.grad = 0.0
        if type(output) is not Constant:
            output.backward()
        gradients.append([x.grad for x in parameters])
    return [output.data for output in outputs], gradients


def forward(*graph_and_numbers):
    """The outputs by Values, without a backward pass."""
    return [output.data for output in again(*graph_and_numbers)[0]]


def outcome(compute, *args):
    """The bits of what is computed, or the error."""
    try:
        return [*map(bits, compute(*args))]
    except (ArithmeticError, ValueError) as error:
        return type(error), str(error)


def expected(outputs, parameters, data, theta, sample, i=0):
    """The outcome for sample i, by Values."""
    numbers = outcome(eager, outputs, parameters, data, theta, sample)
    return (numbers[0], f"{numbers[1]}, in sample {i}") if isinstance(numbers[0], type) and data else numbers


def recorded(leaves):
    """The numbers that leaves have."""
    return [x.data for x in leaves]


class Graph:
    """A graph drawn by Hypothesis: some leaves are parameters, some data, others frozen."""

    def __init__(self, outputs, parameters, data):
        self.outputs, self.parameters, self.data = outputs, parameters, data

    def program(self, executor):
        return Program(self.outputs, self.parameters, self.data, executor=executor)

    def __repr__(self):
        return f"outputs {self.outputs}, parameters {self.parameters}, data {self.data}\n{self.program('python')}"


@st.composite
def graphs(draw):
    """One to three nodes of a random expression, of any leaves; some nodes are labelled."""
    expression = draw(expressions(max_operations=12, max_inputs=5))
    leaves = [Value(x) for x in expression.inputs]
    nodes = [x for x in topological_order(*leaves, expression(*leaves)) if type(x) is not Constant]
    for i in draw(st.sets(st.integers(0, len(nodes) - 1))):
        nodes[i].label = f"n{i}"
    outputs = [nodes[-1], *draw(st.lists(st.sampled_from(nodes), max_size=2))]
    roles = draw(st.lists(st.sampled_from("ppdf"), min_size=len(leaves), max_size=len(leaves)))
    parameters, data = ([x for x, role in zip(leaves, roles, strict=True) if role == wanted] for wanted in "pd")
    return Graph(outputs, parameters, data)


def numbers_for(leaves):
    """A number for each leaf: its own, any other, or none at all."""
    wild = st.sampled_from([math.inf, -math.inf, math.nan, 0.0, -0.0, 1000.0, -1000.0, 1e300])
    return st.tuples(*(st.one_of(st.just(x.data), values(MODERATE), values(), wild) for x in leaves)).map(list)


# ── one sample: the same bits ─────────────────────────────────────────────────────────────────────


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


@given(graphs(), st.data())
def test_any_program_at_any_numbers_is_eager_to_the_last_bit(graph, draw):
    """Or raises the same error; infinite and NaN inputs included."""
    theta, sample = draw.draw(numbers_for(graph.parameters)), draw.draw(numbers_for(graph.data))
    wanted = expected(graph.outputs, graph.parameters, graph.data, theta, sample)
    for executor in EXECUTORS:
        assert outcome(graph.program(executor), theta, [sample] if graph.data else None) == wanted


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
    for theta, sample in itertools.product(itertools.product([zero, -zero], repeat=2), [[0.0], [-0.0], [-1.0]]):
        for output in outputs:
            program = Program(output, [a, b], [x], executor=executor)
            assert outcome(program, theta, [sample]) == expected([output], [a, b], [x], theta, sample)
            assert bits(program.outputs(theta, [sample])) == bits(program(theta, [sample])[0])


@on_both
def test_outputs_may_be_leaves_or_the_same_node_twice_and_parameters_none(executor):
    w, x, frozen = Value(3.0), Value(5.0), Value(7.0)
    product = w * x
    mean, slopes = Program([w, x, frozen, product, product], [w], [x], executor=executor)([2.0], [[1.0], [4.0]])
    assert list(mean) == [2.0, 2.5, 7.0, 5.0, 5.0]
    assert np.ravel(slopes).tolist() == [1.0, 0.0, 0.0, 2.5, 2.5]
    value, slopes = Program(product, [], [x], executor=executor)([], [[1.0], [4.0]])
    assert (value, len(slopes)) == (7.5, 0)
    mean, slopes = Program([w], [w], executor=executor)([2.0])
    assert (list(mean), np.shape(slopes)) == ([2.0], (1, 1))


@on_both
def test_shapes(executor):
    w, b, x, y = (Value(float(i)) for i in range(4))
    theta, batch = [0.5, 0.25], [[1, 2], [3, 4], [5, 6]]
    one, several = w * x + b, [w * x + b, y * b, w]
    program = Program(one, [w, b], [x, y], executor=executor)
    value, slopes = program(theta, batch)
    assert type(value) is float
    assert (slopes.shape, program.outputs(theta, batch).shape) == ((2,), (3,))
    program = Program(several, [w, b], [x, y], executor=executor)
    value, slopes = program(theta, batch)
    assert (value.shape, slopes.shape, program.outputs(theta, batch).shape) == ((3,), (3, 2), (3, 3))
    program = Program(w * b, [w, b], executor=executor)
    assert (program(theta)[1].shape, np.shape(program.outputs(theta))) == ((2,), ())
    program = Program([w * b, w], [w, b], executor=executor)
    assert (program(theta)[1].shape, np.shape(program.outputs(theta))) == ((2, 2), (2,))


@on_both
def test_a_parameter_that_the_output_does_not_depend_on_has_gradient_zero(executor):
    w, unused, x = Value(2.0), Value(3.0), Value(1.0)
    step = TABLE["step"](unused) * w  # it does depend, but its slope is 0 everywhere
    for output, slopes in ((w * x, [1.5, 0.0]), (x * x, [0.0, 0.0]), (step, [1.0, 0.0])):
        assert bits(Program(output, [w, unused], [x], executor=executor)([2.0, 3.0], [[1], [2]])[1]) == bits(slopes)


@on_both
def test_frozen_leaves_keep_the_number_they_had(executor):
    w, c, x = Value(2.0), Value(3.0), Value(1.0)
    program = Program(tanh(w * c) + c * x, [w], [x], executor=executor)
    w.data, c.data, x.data = 7.0, 100.0, 8.0
    for sample in (0.5, math.inf):  # the infinite one is computed by Values
        value, slopes = program([0.25], [[sample]])
        assert value == math.tanh(0.75) + 3 * sample
        assert slopes == pytest.approx([3 / math.cosh(0.75) ** 2])
    assert (w.data, c.data, x.data, w.grad, c.grad, x.grad) == (7.0, 100.0, 8.0, 0.0, 0.0, 0.0)


@on_both
def test_branches_are_frozen_but_operations_that_choose_are_not(executor):
    def f(w, x):
        return w * x if x > 0 else -w

    w, x = Value(1.0), Value(2.0)
    assert Program(f(w, x), [w], [x], executor=executor)([1.0], [[-3.0]])[0] == -3.0
    assert Program(relu(w * x), [w], [x], executor=executor)([1.0], [[-3.0]])[0] == 0.0
    assert Program(minimum(w * x, 1), [w], [x], executor=executor)([1.0], [[5.0]])[0] == 1.0


# ── batches ───────────────────────────────────────────────────────────────────────────────────────


def sums_of(graph, theta, batch):
    """For each output its sum over the batch, and that of its gradient, by Values and exactly."""
    known = {tuple(row): eager(graph.outputs, graph.parameters, graph.data, theta, row) for row in batch}
    totals = []
    for k in range(len(graph.outputs)):
        columns = zip(*([known[tuple(row)][0][k], *known[tuple(row)][1][k]] for row in batch), strict=True)
        totals.append([sum(map(Fraction, column)) for column in columns])
    return totals


def assert_exact(graph, theta, batch):
    """Where sums of any order are exact, the mean is the true one, rounded once; outputs are those of Values."""
    m = len(batch)
    known = {tuple(row): eager(graph.outputs, graph.parameters, graph.data, theta, row)[0] for row in batch}
    totals = sums_of(graph, theta, batch)
    for executor in EXECUTORS:
        program = graph.program(executor)
        means, slopes = program(theta, batch)
        found = [[mean, *slope] for mean, slope in zip(means.tolist(), slopes.tolist(), strict=True)]
        assert found == [[float(total / m) for total in line] for line in totals]
        assert bits(program.outputs(theta, batch)) == bits([known[tuple(row)] for row in batch])


@st.composite
def batches(draw, columns):
    """A few rows of small whole numbers, in any order: m of them."""
    generator = random.Random(draw(seeds))
    rows = [[float(generator.randint(-3, 3)) for _ in range(columns)] for _ in range(4)]
    return [generator.choice(rows) for _ in range(draw(st.sampled_from(SIZES)))]


UNARY = {"neg": operator.neg, "abs": abs, "relu": relu}
BINARY = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}


def polynomial(lines, leaves, absolute=False):
    """The last three nodes of the lines; `absolute` for a bound on every number on the way."""
    nodes, sizes = list(leaves), [4] * len(leaves)
    for name, *operands in lines:
        a, b = (-1 - i % len(nodes) for i in operands)
        if name in UNARY:
            nodes.append(+nodes[a] if absolute else UNARY[name](nodes[a]))
            sizes.append(sizes[a])
        elif name == "mul" and sizes[a] * sizes[b] < 2**20:
            sizes.append(sizes[a] * sizes[b])
            nodes.append(nodes[a] * nodes[b])
        else:
            sizes.append(sizes[a] + sizes[b])
            nodes.append((operator.add if absolute else BINARY.get(name, operator.add))(nodes[a], nodes[b]))
    return nodes[-3:]


@given(
    st.lists(
        st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 11), st.integers(0, 11)), min_size=3, max_size=40
    ),
    st.integers(1, 6),
    st.integers(1, 4),
    seeds,
    st.data(),
)
def test_over_whole_numbers_everything_is_exact(lines, p, d, seed, draw):
    """Every order of summation gives the same, so that nothing may be lost, doubled or mixed up."""
    generator = random.Random(seed)
    bound = polynomial(lines, leaves := [Value(4.0) for _ in range(p + d)], absolute=True)
    for output in bound:
        output.backward()
    assume(max(x.data + x.grad for x in (*leaves, *bound)) * 300 < 2**53)
    leaves = [Value(generator.randint(-3, 3)) for _ in range(p + d)]
    generator.shuffle(leaves)
    graph = Graph(polynomial(lines, leaves), leaves[:p], leaves[p:])
    for node in topological_order(*graph.outputs):
        if generator.random() < 0.2:
            node.label = "kept"  # what has a name is computed for itself
    assert_exact(graph, [float(generator.randint(-3, 3)) for _ in range(p)], draw.draw(batches(d)))


@settings(max_examples=60, phases=[Phase.explicit, Phase.generate])  # to make it smaller would take minutes
@given(st.lists(st.integers(1, 9), min_size=2, max_size=4), st.sampled_from(["relu", "abs"]), seeds, st.data())
def test_layers_of_any_size_are_exact_over_whole_numbers(sizes, activation, seed, draw):
    generator = random.Random(seed)
    model = MLP(sizes[0], sizes[1:], activation=activation, seed=0)
    x, y = [Value(0.0) for _ in range(sizes[0])], Value(0.0)
    predictions = model(x)
    outputs = [(output - y) ** 2 for output in (predictions if isinstance(predictions, list) else [predictions])]
    graph = Graph(outputs, model.parameters(), [y, *x])
    theta = [float(generator.randint(-2, 2)) for _ in graph.parameters]
    assert_exact(graph, theta, draw.draw(batches(len(x) + 1)))


@on_both
@pytest.mark.parametrize("m", [*SIZES, 2500])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_a_mean_is_within_the_bound_of_a_sum(executor, m, activation):
    """Adding m numbers, in whatever order, and dividing: m roundings, each of at most 2⁻⁵³ of Σ|number|."""
    generator = random.Random(m)
    model = MLP(3, [7, 5, 1], activation=activation, seed=m)
    x, y = [Value(0.0) for _ in range(3)], Value(0.0)
    outputs, parameters, data = [(model(x) - y) ** 2], model.parameters(), [*x, y]
    theta = [generator.gauss(0, 1) for _ in parameters]
    batch = [[generator.gauss(0, 3) for _ in data] for _ in range(m)]
    samples = [eager(outputs, parameters, data, theta, row) for row in batch]
    program = Program(outputs[0], parameters, data, executor=executor)
    mean, slopes = program(theta, batch)
    assert bits(program.outputs(theta, batch)) == bits([sample[0] for sample in samples])
    columns = zip(*([*values, *gradients[0]] for values, gradients in samples), strict=True)
    for found, column in zip([mean, *slopes], columns, strict=True):
        exact = list(map(Fraction, column))
        assert abs(Fraction(found) * m - sum(exact)) <= (m + 1) * ROUNDING * sum(map(abs, exact))


@on_both
@pytest.mark.parametrize("m", SIZES)
def test_a_parameter_in_many_places_is_within_the_bound_of_all_its_terms(executor, m):
    def f(u, v, w, x):
        return tanh(u * x) * 3 - v * x * x + w * 0.5 + sigmoid(w - x)

    generator = random.Random(m)
    u, v, w, x = (Value(0.5) for _ in range(4))
    apart, together = f(u, v, w, x), f(u, u, u, x)
    batch = [[generator.gauss(0, 3)] for _ in range(m)]
    mean, [slope] = Program(together, [u], [x], executor=executor)([0.75], batch)
    terms = [
        Fraction(term) for row in batch for term in eager([apart], [u, v, w], [x], [0.75] * 3, row)[1][0]
    ]  # the last of the three is itself a sum of two
    assert abs(Fraction(slope) * m - sum(terms)) <= 5 * (m + 1) * ROUNDING * sum(map(abs, terms))
    assert mean == pytest.approx(math.fsum(float(eager([together], [u], [x], [0.75], row)[0][0]) for row in batch) / m)


@settings(max_examples=100)
@given(graphs(), st.data())
def test_any_batch_has_the_outputs_of_values_and_the_error_of_its_first_bad_sample(graph, draw):
    assume(graph.data)
    theta = draw.draw(numbers_for(graph.parameters))
    rows = [recorded(graph.data), draw.draw(numbers_for(graph.data)), draw.draw(numbers_for(graph.data))]
    generator = random.Random(draw.draw(seeds))
    m = draw.draw(st.sampled_from(SIZES))
    batch = [rows[0]] * m
    for _ in range(3):
        batch[generator.randrange(m)] = generator.choice(rows)
    for compute, method in ((eager, "__call__"), (forward, "outputs")):
        known = {str(row): outcome(compute, graph.outputs, graph.parameters, graph.data, theta, row) for row in rows}
        found = [known[str(row)] for row in batch]
        errors = [(each[0], f"{each[1]}, in sample {i}") for i, each in enumerate(found) if isinstance(each[0], type)]
        for executor in EXECUTORS:
            program = getattr(graph.program(executor), method)
            if errors:
                assert outcome(program, theta, batch) == errors[0]
            elif method == "outputs":
                assert bits(program(theta, batch)) == [x for outputs in found for [x] in outputs]


@pytest.mark.parametrize("m", [1, 16, 127, 129, 300, 1025, 4000])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_however_many_threads_the_bits_are_the_same(m, activation):
    generator = random.Random(m)
    model = MLP(3, [6, 1], activation=activation, seed=0)
    x = [Value(0.0) for _ in range(3)]
    outputs = [model(x) ** 2, sigmoid(model(x)), model.parameters()[0] * 2]
    batch = [[generator.gauss(0, 1) for _ in x] for _ in range(m)]
    theta = recorded(model.parameters())
    for executor in EXECUTORS:
        program = Program(outputs, model.parameters(), x, executor=executor)
        wanted = [*map(bits, program(theta, batch)), bits(program.outputs(theta, batch))]
        for threads in (1, 2, 3, 8, np.int64(2)):
            found = program(theta, batch, threads=threads)
            assert [*map(bits, found), bits(program.outputs(theta, batch, threads=threads))] == wanted


@on_both
def test_a_call_leaves_nothing_behind_for_the_next(executor):
    """Other sizes, outputs only, an infinite sample, an error: then the same as a fresh program."""
    w, b, x = Value(1.0), Value(0.5), Value(1.0)
    output = tanh(w * x + b) + w * log(x)
    theta, generator = [0.75, 0.25], random.Random(0)
    program = Program(output, [w, b], [x], executor=executor)
    for m in generator.sample(SIZES * 3, 27):
        batch = [[generator.uniform(0.5, 2)] for _ in range(m)]
        fresh = Program(output, [w, b], [x], executor=executor)
        assert outcome(program, theta, batch) == outcome(fresh, theta, batch)
        assert bits(program.outputs(theta, batch)) == bits(fresh.outputs(theta, batch))
        batch[generator.randrange(m)] = [generator.choice([math.inf, math.nan, -1.0, 0.0])]
        assert outcome(program, theta, batch) == outcome(Program(output, [w, b], [x], executor=executor), theta, batch)


@on_both
@pytest.mark.parametrize("threads", [1, 2])
def test_one_program_in_many_threads_at_the_same_time(executor, threads):
    model = MLP(2, [8, 1], activation="tanh", seed=0)
    x = [Value(0.0) for _ in range(2)]
    program = Program(model(x) ** 2, model.parameters(), x, executor=executor)
    fresh = Program(model(x) ** 2, model.parameters(), x, executor=executor)
    theta = recorded(model.parameters())
    jobs = []
    for i in range(40):
        generator = random.Random(i)
        batch = np.array([[generator.gauss(0, 1) for _ in x] for _ in range(generator.choice([1, 20, 130]))])
        jobs.append(([t * generator.random() for t in theta], batch))
    wanted = [[*map(bits, fresh(*job))] for job in jobs]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            for _ in range(20 if executor == "compiled" else 1):
                found = list(pool.map(lambda job: program(*job, threads=threads), jobs))
                assert [[*map(bits, each)] for each in found] == wanted
    finally:
        sys.setswitchinterval(interval)


@on_both
@pytest.mark.parametrize("m", [2, 3000])
def test_a_sum_out_of_range_is_an_error(executor, m):
    """No sample left the range of floats, so none is named."""
    w, x = Value(1.0), Value(1.0)
    program = Program([w, w * x], [w], [x], executor=executor)
    with pytest.raises(OverflowError, match=r"^the sum of output 1 over the samples is too large for a float$"):
        program([1.0], [[1e308]] * m)
    with pytest.raises(OverflowError, match=r"^the sum of the gradient over the samples is too large for a float$"):
        program([0.0], [[1e308]] * m)
    assert list(program.outputs([1.0], [[1e308]] * 2)[1]) == [1.0, 1e308]


@on_both
def test_an_infinite_sample_makes_an_infinite_mean(executor):
    """What was infinite before is no error; nor is what it is added to."""
    w, x, y = Value(1.0), Value(1.0), Value(1.0)
    program = Program([w * x, w * y], [w], [x, y], executor=executor)
    means, slopes = program([1.0], [[math.inf, 1.0], [1.0, 2.0], [1e308, 3.0], [1e308, 4.0]])
    assert list(means) == [math.inf, 2.5]
    assert [list(row) for row in slopes] == [[math.inf], [2.5]]
    with pytest.raises(OverflowError, match=r"^the sum of output 0 over the samples"):
        program([1.0], [[1e308, math.inf], [1e308, math.inf]])


@on_both
def test_samples_after_one_that_raises_in_the_kernel_are_computed(executor):
    """A loss of infinity is NaN, by way of an error; 3,000 samples are several chunks."""
    w, x = Value(0.5), Value(0.5)
    program = Program(binary_cross_entropy(w * x, 1), [w], [x], executor=executor)
    batch = [[math.inf if i in (0, 1500) else 1.0 + i / 3000] for i in range(3000)]
    outputs = list(program.outputs([0.5], batch))
    assert [i for i, loss in enumerate(outputs) if loss != loss] == [0, 1500]
    assert bits(outputs[2999]) == bits(binary_cross_entropy(0.5 * batch[2999][0], 1))
    assert outputs[1:3000:7] == pytest.approx([-math.log(0.5 * x) for [x] in batch[1:3000:7]])


@on_both
def test_a_named_minus_zero_keeps_its_sign(executor):
    w, zero = Value(1.0), Value(-0.0)
    program = Program((+zero).named("zero"), [w], executor=executor)
    assert bits(program([1.0])[0]) == bits(-0.0)


@on_both
def test_infinite_constants_and_parameters_pass(executor):
    w, x, floor = Value(1.0), Value(1.0), Value(2.0)
    output = maximum(Value(-math.inf), w * x) + maximum(floor, w * x)
    program = Program(output, [w, floor], [x], executor=executor)
    batch = [[float(i - 100)] for i in range(2000)]
    value, slopes = program([1.0, -math.inf], batch)
    assert (value, list(slopes)) == (2 * 899.5, [2 * 899.5, 0.0])


# ── errors in the numbers ─────────────────────────────────────────────────────────────────────────

# Of a parameter w and data x: what fails at x = bad, and not at x = 1; with w = 2.
FAILING = {
    "domain": (lambda w, x: log(w * x), -1.0, ValueError),
    "domain of data": (lambda w, x: w * log(x), 0.0, ValueError),
    "domain with advice": (lambda w, x: (w * x) ** 0.5, -1.0, ValueError),
    "probability": (lambda w, x: binary_cross_entropy(w * x * 0.25, 1), 8.0, ValueError),
    "probability zero": (lambda w, x: binary_cross_entropy(w * x * 0.25, 1), 0.0, ValueError),
    "pole": (lambda w, x: 1 / (w * x), 0.0, ZeroDivisionError),
    "pole of data": (lambda w, x: w / x, 0.0, ZeroDivisionError),
    "pole of a power": (lambda w, x: (w * x) ** -2, 0.0, ZeroDivisionError),
    "pole that is swallowed": (lambda w, x: 1 / (1 / (w * x)), 0.0, ZeroDivisionError),
    "pole in the slope's way": (lambda w, x: tanh(1 / (w * x)), -0.0, ZeroDivisionError),
    "overflow": (lambda w, x: exp(w * x), 1000.0, OverflowError),
    "overflow of a product": (lambda w, x: w * x * x, 1e200, OverflowError),
    "overflow of a sum": (lambda w, x: (w * 4e307 + x) * 1e-100, 1.5e308, OverflowError),
    "overflow of a sum on its way": (lambda w, x: w + x + x - x - x, 1e308, OverflowError),
    "overflow under tanh": (lambda w, x: tanh(exp(w * x)), 1000.0, OverflowError),
    "overflow under 1/": (lambda w, x: 1 / exp(w * x), 1000.0, OverflowError),
    "overflow under relu": (lambda w, x: relu(-exp(w * x)), 1000.0, OverflowError),
    "overflow under minimum": (lambda w, x: minimum(exp(w * x), 1), 1000.0, OverflowError),
    "overflow under sigmoid": (lambda w, x: sigmoid(-((w * x) ** 2)), 1e200, OverflowError),
    "overflow of data under tanh": (lambda w, x: w * tanh(exp(x)), 1000.0, OverflowError),
    "overflow of a chain under tanh": (lambda w, x: tanh(w * x + w * x), 1.5e308, OverflowError),
    "slope": (lambda w, x: sqrt(w * x), 0.0, ZeroDivisionError),
    "slope of a power": (lambda w, x: (w * x) ** 0.5, 0.0, ZeroDivisionError),
    "slope that nothing flows through": (lambda w, x: sqrt(w * x) * 0, 0.0, ZeroDivisionError),
    "slope out of range": (lambda w, x: (w * 1e-300) * x * 1e300, 1e10, OverflowError),
    "slope of an exponent": (lambda w, x: x**w, -1.0, ValueError),
}
failing = pytest.mark.parametrize(("function", "bad", "error"), FAILING.values(), ids=FAILING)


@on_both
@failing
@pytest.mark.parametrize("labels", [("w", "x", "out"), (None, None, None)])
def test_a_bad_sample_raises_what_values_raise_and_is_named(executor, function, bad, error, labels):
    w, x = Value(2.0, labels[0]), Value(1.0, labels[1])
    output = function(w, x)
    for node in topological_order(output)[:-1]:
        node.label = node.label or ("inner" if labels[0] and node.op else None)
    output.label = labels[2]
    program = Program(output, [w], [x], executor=executor)
    kind, text = outcome(eager, [output], [w], [x], [2.0], [bad])
    assert kind is error
    generator = random.Random(0)
    for m in SIZES:
        batch = [[generator.uniform(1.0, 1.01)] for _ in range(m)]
        before = outcome(program, [2.0], batch)
        for i in {0, generator.randrange(m), m - 1}:
            for threads in (1, 2):
                # Those after it are bad too: it is the first that is named.
                poisoned = batch[:i] + [[bad] if generator.random() < 0.5 else row for row in batch[i:]]
                poisoned[i] = [bad]
                with pytest.raises(error, match=rf"^{re.escape(f'{text}, in sample {i}')}$") as caught:
                    program([2.0], poisoned, threads=threads)
                assert type(caught.value) is kind
        assert outcome(program, [2.0], batch) == before


@on_both
@failing
def test_without_data_the_error_is_just_that_of_values(executor, function, bad, error):
    w, x = Value(2.0, "w"), Value(1.0, "x")
    output = function(w, x)
    wanted = outcome(eager, [output], [w, x], [], [2.0, bad])
    assert wanted[0] is error
    program = Program(output, [w, x], executor=executor)
    assert outcome(program, [2.0, bad]) == wanted
    assert outcome(program, [2.0, 1.0]) == outcome(eager, [output], [w, x], [], [2.0, 1.0])


@on_both
@pytest.mark.parametrize("threads", [1, 2])
def test_a_bad_parameter_is_told_of_the_first_sample(executor, threads):
    w, x = Value(1.0, "w"), Value(1.0)
    program = Program(tanh(exp(w)) * x, [w], [x], executor=executor)
    for call in (program, program.outputs):
        with pytest.raises(OverflowError, match=r"^exp of 1000\.0 \(node 'w'\): .*, in sample 0$"):
            call([1000.0], [[1.0]] * 300, threads=threads)


@on_both
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("i", [0, 1023, 1024, 2499])
def test_the_first_bad_sample_of_a_long_batch_is_named(executor, threads, i):
    w, x = Value(1.0), Value(1.0)
    program = Program(tanh(1 / (w * x)), [w], [x], executor=executor)
    batch = np.ones((2500, 1))
    batch[-1] = math.inf  # no error
    batch[[i, -1 if i == 2499 else 2400]] = 0.0
    for call in (program, program.outputs):
        with pytest.raises(ZeroDivisionError, match=rf"^div of 1\.0 and 0\.0: division by zero, in sample {i}$"):
            call([1.0], batch, threads=threads)


@on_both
@failing
def test_outputs_alone_raise_what_the_forward_pass_raises(executor, function, bad, error):
    w, x = Value(2.0, "w"), Value(1.0, "x")
    output = function(w, x)
    program = Program(output, [w], [x], executor=executor)
    batch = [[1.0], [bad], [bad]]
    wanted = outcome(lambda: [[forward([output], [w], [x], [2.0], row) for row in batch]])
    if isinstance(wanted[0], type):
        wanted = wanted[0], f"{wanted[1]}, in sample 1"
    assert outcome(lambda: [program.outputs([2.0], batch)]) == wanted


@on_both
def test_outputs_alone_are_not_disturbed_by_an_infinite_neighbour(executor):
    """√ has no slope at 0, which the outputs do not need."""
    w, x = Value(1.0), Value(1.0)
    program = Program(sqrt(w * x), [w], [x], executor=executor)
    assert program.outputs([1.0], [[0.0], [4.0]]).tolist() == [0.0, 2.0]
    assert program.outputs([1.0], [[0.0], [math.inf]]).tolist() == [0.0, math.inf]


@on_both
def test_outputs_alone_of_an_infinite_sample_need_no_slope(executor):
    w, x, y = Value(1.0), Value(1.0), Value(1.0)
    program = Program(sqrt(w * x) + y, [w], [x, y], executor=executor)
    assert program.outputs([1.0], [[0.0, math.inf]]).tolist() == [math.inf]


@on_both
def test_a_nan_in_one_sample_is_in_no_other(executor):
    w, x = Value(1.0), Value(1.0)
    program = Program(tanh(w * x), [w], [x], executor=executor)
    batch = [[i / 300] for i in range(300)]
    clean = program.outputs([1.5], batch)
    for i in (0, 15, 127, 128, 299):
        poisoned = [*batch[:i], [math.nan], *batch[i + 1 :]]
        found = program.outputs([1.5], poisoned)
        assert math.isnan(found[i])
        assert bits(np.delete(found, i)) == bits(np.delete(clean, i))
        value, [slope] = program([1.5], poisoned)
        assert math.isnan(value)
        assert math.isnan(slope)


# ── arguments ─────────────────────────────────────────────────────────────────────────────────────


class Frame:
    """As a data frame: no array, but it can be made one."""

    def __init__(self, numbers):
        self.numbers = numbers

    def __array__(self, dtype=None, copy=None):
        return np.array(self.numbers, dtype)


FORMS = {
    "lists": lambda rows: rows,
    "tuples": lambda rows: tuple(map(tuple, rows)) if isinstance(rows[0], list) else tuple(rows),
    "ints": lambda rows: np.array(rows, int).tolist(),
    "int array": lambda rows: np.array(rows, np.int8),
    "unsigned array": lambda rows: np.abs(np.array(rows)).astype(np.uint16),
    "bools": lambda rows: (np.array(rows) > 0).tolist(),
    "bool array": lambda rows: np.array(rows) > 0,
    "float32": lambda rows: np.array(rows, np.float32),
    "float16": lambda rows: np.array(rows, np.float16),
    "big-endian": lambda rows: np.array(rows, ">f8"),
    "float64": np.array,
    "objects": lambda rows: np.array(rows, object),
    "columns first": lambda rows: np.asfortranarray(rows),
    "a step of −2": lambda rows: np.repeat(np.array(rows)[::-1], 2, axis=0)[::-2],
    "list of arrays": lambda rows: [np.array(x) if isinstance(x, list) else x for x in rows],
    "NumPy numbers": lambda rows: [[*map(np.int64, x)] if isinstance(x, list) else np.float32(x) for x in rows],
    "frame": Frame,
    "large ints": lambda rows: (
        [[int(x) * 2**70 for x in row] for row in rows] if isinstance(rows[0], list) else [int(x) * 2**70 for x in rows]
    ),
}


@on_both
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_numbers_are_taken_in_any_form(executor, form):
    w, b, x, y = (Value(1.0) for _ in range(4))
    program = Program(tanh(w * x + b) * y + b * x, [w, b], [x, y], executor=executor)
    theta, batch = form([3.0, -2.0]), form([[1.0, 2.0], [0.0, -3.0], [-4.0, 5.0]])
    shown = repr(theta), repr(np.array(batch).tolist())
    floats = np.array(theta, float).tolist(), np.array(batch, float).tolist()
    assert [*map(bits, program(theta, batch))] == [*map(bits, program(*floats))]
    assert bits(program.outputs(theta, batch)) == bits(program.outputs(*floats))
    assert (repr(theta), repr(np.array(batch).tolist())) == shown


@on_both
def test_an_array_that_must_not_be_written_to_is_taken_and_results_are_ones_own(executor):
    w, x = Value(1.0), Value(1.0)
    program = Program([w, w * x], [w], [x], executor=executor)
    theta, batch = np.array([2.0]), np.array([[1.0], [2.0]])
    theta.flags.writeable = batch.flags.writeable = False
    results = [*program(theta, batch), program.outputs(theta, batch)]
    kept = [*map(bits, results)]
    for result in results:
        result *= 2.0
    assert [*map(bits, [*program(theta, batch), program.outputs(theta, batch)])] == kept


@pytest.mark.parametrize(
    "theta",
    [array.array("d", [1.0]), memoryview(array.array("d", [1.0])), range(1, 2), [np.array(1.0)], {1.0}, b"1"],
    ids=lambda theta: type(theta).__name__,
)
def test_what_one_executor_takes_the_other_takes(theta):
    w, x = Value(1.0), Value(1.0)

    def found(executor):
        try:
            return Program(w * x, [w], [x], executor=executor)(theta, [[2.0]])
        except TypeError as error:
            return str(error)

    assert found("python") == found("compiled")


GOOD = ([1.0, 2.0], [[1.0, 2.0, 3.0]])
BAD = {
    "theta too short": ([1.0], GOOD[1], ValueError, "theta has 1 numbers: 2 are needed"),
    "theta too long": (np.ones(3), GOOD[1], ValueError, "theta has 3 numbers: 2 are needed"),
    "theta of two dimensions": ([[1.0, 2.0]], GOOD[1], ValueError, "theta has 1 numbers: 2 are needed"),
    "theta a column": (np.ones((2, 1)), GOOD[1], TypeError, r"theta\[0\] must be a real number, not 'list'"),
    "theta a number": (1.0, GOOD[1], TypeError, "theta must be a list or an array of 2 numbers, not 'float'"),
    "theta None": (None, GOOD[1], TypeError, "theta must be a list or an array of 2 numbers, not 'NoneType'"),
    "theta a dict": ({0: 1.0, 1: 2.0}, GOOD[1], TypeError, "theta must be a list or an array .*, not 'dict'"),
    "theta a set": ({1.0, 2.0}, GOOD[1], TypeError, "theta must be a list or an array .*, not 'set'"),
    "theta str": ("12", GOOD[1], TypeError, "theta must be a list or an array .*, not 'str'"),
    "theta of str": (["1", "2"], GOOD[1], TypeError, r"theta\[0\] must be a real number, not 'str'"),
    "theta of str array": (np.array(["1", "2"]), GOOD[1], TypeError, r"theta\[0\] must be a real number, not 'str'"),
    "theta complex": (np.array([1, 2j]), GOOD[1], TypeError, r"theta\[0\] must be a real number, not 'complex'"),
    "a complex number": ([1.0, 2j], GOOD[1], TypeError, r"theta\[1\] must be a real number, not 'complex'"),
    "theta objects": (np.array([1.0, None]), GOOD[1], TypeError, r"theta\[1\] must be a real number, not 'NoneType'"),
    "theta Values": ([1.0, Value(2.0)], GOOD[1], TypeError, r"theta\[1\] must be a real number, not 'Value'"),
    "theta too large an int": ([1.0, 10**400], GOOD[1], OverflowError, "int too large"),
    "batch missing": (GOOD[0], None, TypeError, r"batch is missing: call program\(theta, batch\), with 3 numbers a"),
    "batch of one dimension": (GOOD[0], [1.0, 2.0, 3.0], TypeError, r"batch\[0\] must be a list .* not 'float'"),
    "batch array of one": (GOOD[0], np.ones(3), TypeError, r"batch\[0\] must be a list .* not 'float'"),
    "batch of three": (GOOD[0], np.ones((1, 3, 1)), TypeError, r"batch\[0\]\[0\] must be a real number, not 'list'"),
    "batch a number": (GOOD[0], 3.0, TypeError, r"batch must be a list or an array of shape \(m, 3\), not 'float'"),
    "batch empty": (GOOD[0], [], ValueError, "batch is empty: it needs at least one sample of 3 numbers"),
    "batch empty array": (GOOD[0], np.empty((0, 3)), ValueError, "batch is empty"),
    "batch too narrow": (GOOD[0], np.ones((4, 2)), ValueError, r"batch\[0\] has 2 numbers: 3 are needed"),
    "batch too wide": (GOOD[0], [[1.0] * 4], ValueError, r"batch\[0\] has 4 numbers: 3 are needed"),
    "batch ragged": (GOOD[0], [[1.0] * 3, [1.0] * 2], ValueError, r"batch\[1\] has 2 numbers: 3 are needed"),
    "batch of str": (GOOD[0], [[1.0, "2", 3.0]], TypeError, r"batch\[0\]\[1\] must be a real number, not 'str'"),
    "batch complex": (GOOD[0], np.ones((1, 3)) * 1j, TypeError, r"batch\[0\]\[0\] must be .*, not 'complex'"),
    "batch of None": (GOOD[0], [[1.0] * 3, [1.0, 2.0, None]], TypeError, r"batch\[1\]\[2\] must be .* 'NoneType'"),
    "batch Values": (GOOD[0], [[Value(1.0)] * 3], TypeError, r"batch\[0\]\[0\] must be a real number, not 'Value'"),
    "a row of str": (GOOD[0], ["abc"], TypeError, r"batch\[0\] must be a list or an array of 3 numbers, not 'str'"),
}


@on_both
@pytest.mark.parametrize(("theta", "batch", "error", "message"), BAD.values(), ids=BAD)
def test_wrong_arguments_are_named(executor, theta, batch, error, message):
    w, b, x, y, z = (Value(1.0) for _ in range(5))
    program = Program(w * x + b * y + z, [w, b], [x, y, z], executor=executor)
    for call in (program, program.outputs):
        with pytest.raises(error, match=f"^{message}"):
            call(theta, batch)
    assert program(*GOOD)[0] == 8.0


@on_both
def test_a_batch_without_data_is_too_much(executor):
    w = Value(1.0)
    program = Program(w * w, [w], executor=executor)
    for call in (program, program.outputs):
        for batch in ([[]], [[1.0]], []):
            with pytest.raises(TypeError, match=r"^batch is too much: call program\(theta\)$"):
                call([1.0], batch)


@on_both
@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", None, math.nan])
def test_wrong_numbers_of_threads(executor, threads):
    w, x = Value(1.0), Value(1.0)
    program = Program(w * x, [w], [x], executor=executor)
    for call in (program, program.outputs):
        with pytest.raises(ValueError, match=f"^threads is {threads!r}: it must be a whole number, at least 1$"):
            call([1.0], [[1.0]], threads=threads)


w0, x0 = Value(1.0, "w0"), Value(2.0, "x0")
PRODUCT = w0 * x0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((PRODUCT, [w0, w0]), ValueError, r"parameters\[1\] is parameters\[0\] too \(.*'w0'.*\): give each leaf once"),
        ((PRODUCT, [w0], [x0, x0]), ValueError, r"data\[1\] is data\[0\] too"),
        ((PRODUCT, [w0], [x0, w0]), ValueError, r"data\[1\] is parameters\[0\] too"),
        ((PRODUCT, [PRODUCT]), ValueError, r"parameters\[0\] is computed from others .*: only leaves"),
        ((PRODUCT, [w0], [PRODUCT]), ValueError, r"data\[0\] is computed from others"),
        (((w0 * 2).inputs[1], [w0]), TypeError, r"output\[0\] must be a Value, not Constant\(2\.0"),
        ((PRODUCT, [Constant(1.0)]), TypeError, r"parameters\[0\] must be a Value, not Constant"),
        ((PRODUCT, [w0], [3.0]), TypeError, r"data\[0\] must be a Value, not 3\.0"),
        ((PRODUCT, ["w0"]), TypeError, r"parameters\[0\] must be a Value, not 'w0'"),
        (([PRODUCT, 1.0], [w0]), TypeError, r"output\[1\] must be a Value, not 1\.0"),
        (([], [w0]), ValueError, "output is an empty list"),
    ],
)
def test_wrong_graphs_are_named(arguments, error, message):
    with pytest.raises(error, match=f"^{message}"):
        Program(*arguments)


def test_an_unknown_executor():
    for executor in ("jax", "", "Python", 1):
        with pytest.raises(ValueError, match=f"^unknown executor {executor!r}: use 'python', 'compiled', or None"):
            Program(PRODUCT, [w0], executor=executor)


def test_parameters_and_data_may_be_any_iterables():
    program = Program((PRODUCT,), iter([w0]), (x for x in [x0]), executor="python")
    assert program([3.0], [[4.0]])[0].tolist() == [12.0]


# ── rows of one's own ─────────────────────────────────────────────────────────────────────────────


def softsign(x):
    return x / (1.0 + math.fabs(x))


def only_positive(x):
    if x <= 0.0:
        raise ValueError
    return math.sqrt(x) * math.log(x)


SHIFT = 0.375


def own_graph():
    """Rows of every kind: three operands, partials over `math`, functions that call others, that raise, and that
    swallow an infinity of their own. They are few programs: each set of such rows is compiled for itself."""
    shift = SHIFT
    mix = primitive(
        *("mix", lambda a, b, t: a + (b - a) * t),
        *(lambda a, b, t, y: 1 - t, lambda a, b, t, y: t, lambda a, b, t, y: b - a),
    )
    smooth = primitive("softsign", softsign, lambda x, y: 1.0 / (1.0 + math.fabs(x)) ** 2)
    shifted = primitive("shifted", lambda x: math.sin(x + shift), lambda x, y: math.cos(x + SHIFT))
    rooted = primitive("rooted", only_positive, lambda x, y: (math.log(x) + 2.0) / (2.0 * math.sqrt(x)))
    logistic = primitive("logistic", lambda x: 1 / (1 + math.exp(-x)), lambda x, y: y * (1 - y))
    parallel = primitive("parallel", lambda x: 1 / (1 + 1 / x), lambda x, y: 1 / (1 + x) / (1 + x))
    a, b, x, t = (Value(1.0, label) for label in ("a", "b", None, "t"))
    inner = smooth(a * x)
    mixed = mix(a, inner, x) * t + logistic(a * x) + parallel(t)
    return Graph([shifted(mix(inner, b * x, t)) * rooted(b), mixed, rooted(b * t)], [a, b], [x, t])


def test_rows_of_ones_own_are_eager_to_the_last_bit():
    graph = own_graph()
    programs = [graph.program(executor) for executor in EXECUTORS]
    anything = values(MODERATE) | st.sampled_from([0.0, -0.0, -1.0, 1e300, math.inf, -math.inf, math.nan])
    positive = values(Interval(0.0, 40.0))

    @given(st.tuples(anything, positive | anything), st.tuples(anything, positive | anything), seeds)
    def same(theta, sample, seed):
        wanted = expected(graph.outputs, graph.parameters, graph.data, theta, sample)
        for program in programs:
            assert outcome(program, theta, [sample]) == wanted
        generator = random.Random(seed)
        theta, *batch = ([generator.uniform(0.1, 3), generator.uniform(0.1, 2)] for _ in range(150))
        wanted = [forward(graph.outputs, graph.parameters, graph.data, theta, row) for row in batch]
        assert [bits(program.outputs(theta, batch)) for program in programs] == [bits(wanted)] * 2

    same()


@on_both
@pytest.mark.parametrize(
    ("sample", "error", "message"),
    [
        ([-1000.0, 1.0], OverflowError, "logistic of -1000.0: the result is too large for a float, in sample 1"),
        ([1.0, 0.0], ZeroDivisionError, "parallel of 0.0 (node 't'): division by zero, in sample 1"),
        ([1.0, -2.0], ValueError, "rooted of -2.0: outside the domain, in sample 1"),
    ],
)
def test_a_row_that_swallows_an_infinity_raises_as_it_does_eagerly(executor, sample, error, message):
    program = own_graph().program(executor)
    for call in (program, program.outputs):
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            call([1.0, 1.0], [[1.0, 1.0], sample])


NAMES = ["theta", "sample", "program", "check", "inf", "plus", "layer", "rows", "numbers", "load", "i", "x0", "call_0"]


def scaled(factor):
    """The same name and the same code, with another number in it."""
    return primitive("scaled", lambda x: factor * x * x, lambda x, y: 2 * factor * x)


@functools.cache
def peculiar(executor, factor):
    """Of rows called anything, of one declared twice, and of a power: 2x + 1 …, 2x², factor·x², x³."""
    x = Value(3.0)
    rows = [primitive(name, lambda x: 2 * x + 1, lambda x, y: 2) for name in NAMES]
    cube = primitive("cube", lambda x: x**3, lambda x, y: 3 * x**2)
    nodes = [*(row(x) for row in rows), scaled(2.0)(x), scaled(factor)(x), cube(x)]
    program = Program(nodes, [x], executor=executor)
    program([3.0])
    return program


@on_both
def test_a_row_may_have_any_name(executor):
    outputs, slopes = peculiar(executor, 5.0)([3.0])
    assert outputs[: len(NAMES)].tolist() == [7.0] * len(NAMES)
    assert slopes[: len(NAMES)].tolist() == [[2.0]] * len(NAMES)


@on_both
def test_a_row_declared_again_is_another_row(executor):
    """Also in one program, and where the one was compiled before the other."""
    for factor in (5.0, 6.0):
        outputs, slopes = peculiar(executor, factor)([3.0])
        assert outputs[len(NAMES) : -1].tolist() == [18.0, 9 * factor]
        assert slopes[len(NAMES) : -1].tolist() == [[12.0], [6 * factor]]


@on_both
def test_a_row_that_is_a_power_has_the_bits_of_python(executor):
    program = peculiar(executor, 5.0)
    generator = random.Random(0)
    for _ in range(100):
        x = generator.uniform(-2, 2)
        outputs, slopes = program([x])
        assert bits([outputs[-1], slopes[-1, 0]]) == bits([x**3, 3 * x**2])


def test_a_program_recorded_before_its_row_was_declared_again():
    x = Value(3.0)
    program = Program(scaled(2.0)(x), [x], executor="python")
    scaled(5.0)
    assert program([3.0])[0] == 18.0


@on_both
def test_a_default_of_a_row_is_part_of_it(executor):
    x = Value(3.0)
    for factor in (2.0, 5.0):
        row = primitive("scaled", lambda x, k=factor: k * x * x, lambda x, y, k=factor: 2 * k * x)
        value, slopes = Program(row(x), [x], executor=executor)([3.0])
        assert (value, list(slopes)) == (9 * factor, [6 * factor])


def test_what_was_compiled_once_is_found_again():
    """Also while someone holds a part of the code, as profilers do."""
    own_graph().program("compiled").outputs([1.0, 1.0], [[1.0, 1.0]])
    known = set(_cache_folder().glob("kernel_*.py"))
    codes = [TABLE[name].value.__code__ for name in ("mix", "shifted", "logistic", "parallel")]
    held = [(code.co_consts, code.co_names, code.co_varnames, code.co_code) for code in codes]
    own_graph().program("compiled").outputs([1.0, 1.0], [[1.0, 1.0]])
    assert held
    assert set(_cache_folder().glob("kernel_*.py")) == known


def tower(x):
    """x! for a whole number x."""
    return 1.0 if x < 1 else x * tower(x - 1)


def series(x):
    """Σ xᵏ/k!, with a factorial that outgrows 64 bits."""
    total, term, factorial = 0.0, 1.0, 1
    for k in range(1, 40):
        total += term / factorial
        term *= x
        factorial *= k
    return total


@pytest.mark.parametrize(
    ("value", "at", "reason"),
    [
        (series, 20.5, "multiplies integers, which have no bound in Python: make one a float, 1.0 for 1"),
        (lambda x: float(3 ** int(x)), 50.0, "multiplies integers"),
        (lambda x: float(1 << int(x)), 70.0, "multiplies integers"),
        (lambda x: math.gamma(x), 2.5, "module 'math' has no attribute 'gamma'"),
        (lambda x: lgamma(x), 2.5, "numba's lgamma has other bits than Python's"),
        (lambda x: round(x, 2), 2.675, "too many positional arguments"),
        (lambda x: float(format(x, ".3g")), 1.23456, "Untyped global name 'format'"),
        (tower, 4.0, "numba cannot compile unlike: a function that calls itself"),
    ],
)
def test_a_row_that_numba_would_compute_otherwise_is_run_by_python(value, at, reason):
    x = Value(3.0)
    row = primitive("unlike", value, lambda x, y: 1)
    with pytest.raises(TypeError, match=reason):
        Program(row(x), [x], executor="compiled")([at])
    program = Program(row(x), [x])
    with pytest.warns(RuntimeWarning, match=rf"{re.escape(reason)}.*\. The program runs in Python$"):
        assert program([at])[0] == row(at)
    assert program.executor == "python"


TABULATED = np.array([1.0, 2.0, 3.7])
WHOLE = [
    lambda x: x - math.floor(x),
    lambda x: x - math.ceil(x),
    lambda x: x - trunc(x),
    lambda x: x - int(x),
    lambda x: x - round(x),
    lambda x: math.copysign(2, x),
    lambda x: math.atan2(x, 2),
    lambda x: tanh(x) + exp(-x * x) / sigmoid(-x),
    lambda x: math.pow(x, 3),
]


def test_rows_with_whole_numbers_or_other_rows_have_the_bits_of_python():
    x = Value(1.0)
    outputs = [primitive(f"whole_{i}", value, lambda x, y: 1)(x) for i, value in enumerate(WHOLE)]
    program = Program(outputs, [x], executor="compiled")
    for number in (2.5, 3.5, -0.5, 0.49999999999999994, 2.0**53 + 2, -1e20, 1e300, math.inf):
        assert outcome(program, [number]) == expected(outputs, [x], [], [number], [])


def test_a_row_may_look_numbers_up_in_an_array():
    table = np.array([0.1, 0.2, 0.3])
    x = Value(1.0)
    y = primitive("looked_up", lambda x: TABULATED[2] * x + table[0], lambda x, y: TABULATED[2])(x)
    program = Program(y, [x], executor="compiled")
    assert outcome(program, [3.0]) == expected([y], [x], [], [3.0], [])


def test_a_kernel_serves_its_rows_in_any_order():
    f = primitive("f_row", lambda x: 3.0 * x, lambda x, y: 3.0)
    g = primitive("g_row", lambda x: x + 5.0, lambda x, y: 1.0)
    x, known = Value(1.0), len(kernels)
    for output in (f(g(x)), g(f(x)), f(g(f(x))) + g(x)):
        Program(output, [x], executor="compiled")([1.0])
    assert len(kernels) == known + 1


# ── the text ──────────────────────────────────────────────────────────────────────────────────────


def run(program, theta, sample=()):
    """The program's text, run by Python with nothing but the table's functions."""
    names = {**TABLE, "inf": math.inf, "nan": math.nan}
    exec(program.source, names)
    outputs, gradients, _ = names["program"](list(theta), list(sample))
    return outputs, gradients


def test_the_text_of_the_course_example():
    a, b, c = Value(3.0), Value(4.0), Value(5.0)
    u = 2 * a
    v = u + b
    J = v * c
    program = Program(J, parameters=[a, b, c])
    assert program.source == str(program)
    assert program.source == (
        "def program(theta, sample):\n"
        "    [a, b, c] = theta\n"
        "    # forward\n"
        "    u = 2.0 * a\n"
        "    v = u + b\n"
        "    J = v * c\n"
        "    # backward: dx is the gradient with respect to x\n"
        "    dJ = 1.0\n"
        "    dv = dJ * c\n"
        "    du = dv\n"
        "    da = du * 2.0\n"
        "    db = dv\n"
        "    dc = dJ * v\n"
        "    return [J], [[da, db, dc]], 0.0  # outputs, gradients, check\n"
    )
    assert run(program, [3, 4, 5]) == ([50.0], [[10.0, 5.0, 10.0]])


def test_the_text_of_a_neuron():
    w, b, x = Value(0.5), Value(0.0), Value(-2.0)
    p = sigmoid(w * x + b)
    text = Program(p, [w, b], [x]).source
    assert "    [w, b] = theta\n    [x] = sample\n" in text
    assert re.search(r"^    (\w+) = w \* x \+ b\n    p = sigmoid\(\1\)$", text, re.MULTILINE)
    assert re.search(r"^    return \[p\], \[\[dw, db\]\], ", text, re.MULTILINE)


@given(graphs(), st.data())
def test_any_text_run_by_python_gives_the_numbers(graph, draw):
    theta, sample = draw.draw(numbers_for(graph.parameters)), draw.draw(numbers_for(graph.data))
    wanted = outcome(eager, graph.outputs, graph.parameters, graph.data, theta, sample)
    assume(not isinstance(wanted[0], type) and "nan" not in wanted[0] + wanted[1])
    outputs, gradients = run(graph.program("python"), theta, sample)
    # A gradient begins with 0.0 +, which the text leaves out: that only turns −0.0 into 0.0.
    assert [bits(outputs), bits(np.ravel(gradients) + 0.0)] == wanted


TAKEN = "dv d1 v4 v5 v6 v7 v8 v9 dv9 ddv theta sample check program inf nan call_0 print float ﬁ fi ŷ σ x' 2x # \" \\"
name_parts = st.sampled_from([*TABLE, *keyword.kwlist, *keyword.softkwlist, *TAKEN.split(), "x y", "w\n"])


@given(st.lists(st.one_of(name_parts, name_parts.map("d{}".format), st.text(min_size=1)), min_size=5, max_size=5))
@example(["exp", "exp", "exp", "log", "tanh"])
@example(["x", "dx", "ddx", "dddx", "x"])
@example(["dx", "x", "dx", "x", "x_"])
@example(["x" * 200, "a", "b", "c", "y" * 200])
def test_the_text_is_valid_whatever_nodes_are_called(names):
    a, b, x = (Value(n, label) for n, label in zip((0.5, 0.75, 0.25), names[:3], strict=True))
    product = (a * x).named(names[3])
    output = (exp(product) * b + tanh(product) - log(b)).named(names[4])
    wanted = outcome(eager, [output], [a, b], [x], [0.5, 0.75], [0.25])
    program = Program(output, [a, b], [x], executor="python")
    assert [*map(bits, run(program, [0.5, 0.75], [0.25]))] == wanted
    assert outcome(program, [0.5, 0.75], [[0.25]]) == wanted


def test_nodes_of_one_label_are_numbered_and_so_are_their_gradients():
    w, h = Value(0.5, "w"), Value(1.0, "h")
    for _ in range(3):
        h = (w * h).named("h")
    text = Program(h, [w], executor="python").source
    assert "    h = w\n    h_2 = w * h\n    h_3 = w * h_2\n" in text
    assert "    dh_3 = 1.0\n    dh_2 = dh_3 * w\n    dh = dh_2 * w\n" in text
    assert "    dw = dh_3 * h_2 + dh_2 * h + dh\n" in text


def test_lines_stay_short_where_one_label_is_used_often():
    w = h = Value(1.0)
    for _ in range(2000):
        h = (w * h).named("h")
    assert max(map(len, Program(h, [w], executor="python").source.splitlines()[:4000])) < 60


def test_a_name_that_python_keeps_for_itself():
    x = Value(2.0, label="__debug__")
    assert run(Program(x * x, [x]), [3.0]) == ([9.0], [[6.0]])


def test_a_label_that_can_be_a_name_is_kept():
    ŷ, y2 = Value(0.5, label="ŷ"), Value(2.0, label="y_2")
    text = Program((ŷ * y2).named("loss"), [ŷ, y2]).source
    assert "    loss = ŷ * y_2\n" in text
    assert "dŷ = " in text


# ── the compiled form ─────────────────────────────────────────────────────────────────────────────


def chain_of(n):
    w, x = Value(0.999), Value(0.5)
    y = w
    for i in range(n // 2):
        y = y * w + x if i % 2 else tanh(y)
    return y, [w], [x]


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
def test_a_chain_of_100_000_nodes(executor):
    w, x = Value(0.999), Value(0.5)
    y = w
    for _ in range(50_000):
        y = y * 0.9999 + x
    value, slopes = Program(y, [w], [x], executor=executor)([0.999], [[0.5]])
    y.backward()
    assert (value, list(slopes)) == (y.data, [w.grad])


@pytest.mark.parametrize(("executor", "left"), [("python", True), ("compiled", False)])
def test_a_sum_of_100_000_terms(executor, left):
    leaves = [Value(i * 1e-3) for i in range(100_000)]
    output = functools.reduce((lambda a, b: a + b) if left else (lambda a, b: b + a), leaves)
    program = Program(output, leaves, executor=executor)
    value, slopes = program(recorded(leaves))
    assert value == output.data
    assert set(slopes) == {1.0}
    assert program.nbytes <= 64 * len(topological_order(output))


# ── copies, and other installations ───────────────────────────────────────────────────────────────


@on_both
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x)), copy.copy])
@pytest.mark.parametrize("used", [False, True])
def test_a_copy_is_the_same_program(executor, duplicate, used):
    w, c, x = Value(2.0, label="w"), Value(3.0), Value(1.0, label="x")
    program = Program([log(w * x) + c, tanh(w)], [w], [x], executor=executor)
    c.data = 100.0
    calls = [([2.0], [[1.0], [2.0]] * 200), ([0.5], [[math.inf]]), ([1.0], [[1.0], [-1.0]])]
    if used:
        for call in calls:
            outcome(program, *call)
        program(*calls[0], threads=2)
    twin = duplicate(program)
    assert [outcome(twin, *call) for call in calls] == [outcome(program, *call) for call in calls]
    assert list(twin([2.0], [[1.0], [2.0]])[0]) == pytest.approx([1.5 * math.log(2) + 3, math.tanh(2)])
    assert (twin.source, twin.executor, twin.nbytes, repr(twin)) == (
        program.source,
        executor,
        program.nbytes,
        repr(program),
    )


@on_both
def test_a_copy_has_value_and_slope_of_the_same_row(executor):
    w = Value(1.0)
    program = Program(primitive("redone", lambda x: 2 * x, lambda x, y: 2)(w), [w], executor=executor)
    primitive("redone", lambda x: 3 * x * x, lambda x, y: 6 * x)
    value, slopes = copy.deepcopy(program)([1.0])
    assert (value, list(slopes)) == (3.0, [6.0])
    value, slopes = program([1.0])
    assert (value, list(slopes)) == (2.0, [2.0])


def test_a_pickled_program_of_a_long_chain():
    y, parameters, data = chain_of(20_000)
    program = Program(y, parameters, data, executor="python")
    twin = pickle.loads(pickle.dumps(program))
    assert outcome(twin, [0.9], [[0.5]]) == outcome(program, [0.9], [[0.5]])


@on_both
def test_representation(executor):
    w, b, x = (Value(1.0) for _ in range(3))
    program = Program([w * x + b, w], [w, b], [x], executor=executor)
    assert re.fullmatch(rf"<Program of 2 outputs, 2 parameters, 1 data, \d+ instructions, {executor}>", repr(program))
    assert program.executor == executor


def test_the_fastest_executor_is_chosen():
    assert Program(PRODUCT, [w0]).executor == "compiled"


ABSENT = """
import sys
sys.modules["numba"] = sys.modules["numpy"] = sys.modules["llvmlite"] = None
from tinygrad_lite import Program, Value, log
from tinygrad_lite.nn import MLP, LogisticRegression, train
w, x = Value(2.0, label="w"), Value(1.0)
program = Program([log(w * x), w], [w], [x])
print(program.executor, program([2.0], [[0.5], [0.5]], threads=2), program.outputs([2.0], [[0.5]]))
print(Program(w * w, [w])([3]), Program(w * w, [w]).outputs([3]))
try:
    program([2.0], [[1.0], [0.0]])
except ValueError as error:
    print(error)
try:
    Program(w * x, [w], executor="compiled")
except ImportError as error:
    print(error)
model = MLP(1, [3, 1], seed=0)
curve = train(model, [[0], [1], [2]], [1, 2, 3], steps=20, batch_size=2, seed=0)
print(type(curve), curve[-1] < curve[0])
print(LogisticRegression().fit([[-1], [1], [-1], [1]], [0, 0, 1, 1]).predict([[0]]))
"""


def test_without_numba_and_numpy_it_is_lists_in_and_lists_out():
    done = subprocess.run([sys.executable, "-c", ABSENT], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "python ([0.0, 2.0], [[0.5], [1.0]]) [[0.0, 2.0]]",
        "(9.0, [6.0]) 9.0",
        "log of 0.0: outside the domain x > 0, in sample 1",
        "the compiled executor needs numba: pip install 'tinygrad_lite[fast]'",
        "<class 'list'> True",
        "[1]",
    ]


def test_nothing_is_compiled_or_imported_before_it_is_needed():
    code = (
        "import sys; from tinygrad_lite import Program, Value; w = Value(1.0); p = Program(w * w, [w]); p.source;"
        "Program(w * w, [w], executor='python')([2.0]); print(p.executor, {'numba', 'numpy'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "compiled set()\n"
