"""Batches: the outputs of Values, means that are exact or within a sum's bound, samples that keep to themselves."""

import math
import operator
import random
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from tests.replay.graphs import EXECUTORS, SIZES, Graph, bits, eager, on_both, outcome, seeds
from tinygrad_lite import Program, Value, binary_cross_entropy, log, maximum, relu, sigmoid, tanh
from tinygrad_lite.engine.value import topological_order
from tinygrad_lite.nn import MLP

ROUNDING = Fraction(1, 2**53)


def assert_exact(graph, theta, batch):
    """Where sums of any order are exact, the mean is the true one, rounded once; outputs are those of Values."""
    m = len(batch)
    known = {row: eager(graph.outputs, graph.parameters, graph.data, theta, row) for row in set(map(tuple, batch))}
    samples = [known[tuple(row)] for row in batch]
    totals = []  # for each output its sum over the batch, and that of its gradient
    for k in range(len(graph.outputs)):
        columns = zip(*([values[k], *gradients[k]] for values, gradients in samples), strict=True)
        totals.append([sum(map(Fraction, column)) for column in columns])
    for executor in EXECUTORS:
        program = graph.program(executor)
        means, slopes = program(theta, batch)
        found = [[mean, *slope] for mean, slope in zip(means.tolist(), slopes.tolist(), strict=True)]
        assert found == [[float(total / m) for total in line] for line in totals]
        assert bits(program.outputs(theta, batch)) == bits([values for values, _ in samples])


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


@settings(max_examples=settings().max_examples // 2)
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


@settings(max_examples=30, phases=[Phase.explicit, Phase.generate])  # to make it smaller would take minutes
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


@pytest.mark.parametrize("m", [*SIZES, 2500])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_a_mean_is_within_the_bound_of_a_sum(m, activation):
    """Adding m numbers, in whatever order, and dividing: m roundings, each of at most 2⁻⁵³ of Σ|number|."""
    generator = random.Random(m)
    model = MLP(3, [7, 5, 1], activation=activation, seed=m)
    x, y = [Value(0.0) for _ in range(3)], Value(0.0)
    outputs, parameters, data = [(model(x) - y) ** 2], model.parameters(), [*x, y]
    theta = [generator.gauss(0, 1) for _ in parameters]
    rows = [[generator.gauss(0, 3) for _ in data] for _ in range(min(m, 50))]
    known = [eager(outputs, parameters, data, theta, row) for row in rows]
    order = [*range(len(rows)), *generator.choices(range(len(rows)), k=m - len(rows))]
    times = Counter(order)
    columns = zip(*([*values, *gradients[0]] for values, gradients in known), strict=True)
    terms = [[times[i] * Fraction(number) for i, number in enumerate(column)] for column in columns]
    for executor in EXECUTORS:
        program = Program(outputs[0], parameters, data, executor=executor)
        mean, slopes = program(theta, [rows[i] for i in order])
        assert bits(program.outputs(theta, [rows[i] for i in order])) == bits([known[i][0] for i in order])
        for found, sums in zip([mean, *slopes], terms, strict=True):
            assert abs(Fraction(found) * m - sum(sums)) <= (m + 1) * ROUNDING * sum(map(abs, sums))


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
def test_infinite_constants_and_parameters_pass(executor):
    w, x, floor = Value(1.0), Value(1.0), Value(2.0)
    output = maximum(Value(-math.inf), w * x) + maximum(floor, w * x)
    program = Program(output, [w, floor], [x], executor=executor)
    batch = [[float(i - 100)] for i in range(2000)]
    value, slopes = program([1.0, -math.inf], batch)
    assert (value, list(slopes)) == (2 * 899.5, [2 * 899.5, 0.0])


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
