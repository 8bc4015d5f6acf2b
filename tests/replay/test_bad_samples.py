"""Numbers that cannot be computed with: the error is that of Values, and names the first bad sample."""

import math
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.replay.graphs import (
    EXECUTORS,
    SIZES,
    bits,
    eager,
    forward,
    graphs,
    numbers_for,
    on_both,
    outcome,
    recorded,
    seeds,
)
from tinygrad_lite import Program, Value, binary_cross_entropy, exp, log, minimum, relu, sigmoid, sqrt, tanh
from tinygrad_lite.engine.value import topological_order


@settings(max_examples=100)
@given(graphs(of_data=True), st.data())
def test_any_batch_has_the_outputs_of_values_and_the_error_of_its_first_bad_sample(graph, draw):
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
    for m in (1, 17, 300) if labels[0] else (2,):  # a name changes the text, and not what is found
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
