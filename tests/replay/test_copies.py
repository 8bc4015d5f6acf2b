"""Copies and pickles of programs."""

import copy
import math
import pickle

import pytest

from tests.replay.graphs import chain_of, on_both, outcome
from tinygrad_lite import Program, Value, log, primitive, tanh


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
