"""A program and its graph: outputs and their shapes, what each depends on, what is frozen, how it shows itself."""

import math
import re

import numpy as np
import pytest

from tests.replay.graphs import bits, on_both
from tinygrad_lite import Program, Value, minimum, relu, tanh
from tinygrad_lite.engine.declaration import TABLE


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
    step = TABLE["step_"](unused) * w  # it does depend, but its slope is 0 everywhere
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


@on_both
def test_representation(executor):
    w, b, x = (Value(1.0) for _ in range(3))
    program = Program([w * x + b, w], [w, b], [x], executor=executor)
    assert re.fullmatch(rf"<Program of 2 outputs, 2 parameters, 1 data, \d+ instructions, {executor}>", repr(program))
    assert program.executor == executor
