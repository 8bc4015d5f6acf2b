"""`take`: a choice by a number, the same however it is computed."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.replay.graphs import on_both
from tinygrad_lite import Program, Value, draw, explain, grad, gradcheck, hessian, jit, take
from tinygrad_lite.strategies import MODERATE, values

numbers = st.lists(values(MODERATE), min_size=1, max_size=6)


@settings(max_examples=20)
@given(numbers, st.data())
def test_it_is_pythons_indexing_and_only_what_is_chosen_has_a_gradient(given_, data):
    index = data.draw(st.integers(0, len(given_) - 1))
    items, at = [*map(Value, given_)], Value(index)
    y = take(items, at) * 2.0
    y.backward()
    assert y.data == given_[index] * 2.0
    assert [x.grad for x in items] == [2.0 * (i == index) for i in range(len(items))]
    assert at.grad == 0.0
    assert take(items, index) is items[index]
    assert take(items, -1) is items[-1]
    assert grad(lambda items, i: take(items, i) ** 2)(items, Value(index))[index].data == 2.0 * given_[index]
    assert gradcheck(lambda *x: take(x, Value(index)) * 3.0, *given_)


@on_both
@settings(max_examples=10)
@given(numbers=numbers, data=st.data())
def test_a_program_chooses_anew_for_each_sample(executor, numbers, data):
    items, at = [*map(Value, numbers)], Value(0.0)
    program = Program(take(items, at), items, [at], executor=executor)
    chosen = data.draw(st.lists(st.integers(0, len(numbers) - 1), min_size=1, max_size=20))
    batch = [[i] for i in chosen]
    assert program.outputs(numbers, batch).tolist() == [numbers[i] for i in chosen]
    _, gradient = program(numbers, batch)
    assert np.allclose(gradient, np.bincount(chosen, minlength=len(numbers)) / len(chosen), rtol=1e-15, atol=0)


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [3.0, 4.0]),
        (((1.0, (2.0,)), (3.0, (4.0,))), (3.0, (4.0,))),
        ([{"a": 1.0, "b": [2.0]}, {"a": 3.0, "b": [4.0]}], {"a": 3.0, "b": [4.0]}),
        (np.arange(6.0).reshape(3, 2), [2.0, 3.0]),
    ],
)
def test_rows_give_a_row_that_is_like_them(table, row):
    found = jit(take)(table, 1)
    assert type(found) is type(table[1])
    assert np.array_equal(found, row) if isinstance(found, np.ndarray) else found == row


@on_both
@pytest.mark.parametrize("index", [-1.0, 3.0, 0.5, 1e300, -0.5])
def test_an_index_that_is_none_is_named(executor, index):
    items, at = [Value(1.0), Value(2.0), Value(3.0)], Value(index, "token")
    name = r"the index in take\(values, index\) is"
    message = rf"^{name} {re.escape(f'{index:g}')} \(node 'token'\): it must be a whole number from 0 to 2"
    with pytest.raises(ValueError, match=message):
        take(items, at)
    at.data = 1.0
    program = Program(take(items, at), items, [at], executor=executor)
    for batch in ([[0.0], [index]], [[index]], [[0.0]] * 300 + [[index]]):
        with pytest.raises(ValueError, match=rf"{message}.*, in sample {len(batch) - 1}"):
            program([1.0, 2.0, 3.0], batch)
    recorded = jit(lambda row, tokens: take(row, tokens[1]))
    for _ in range(2):
        with pytest.raises(ValueError, match=rf"{name} {re.escape(f'{index:g}')} \(node 'tokens\[1\]'\): it must"):
            recorded([1.0, 2.0, 3.0], [0, index])


def test_what_cannot_be_chosen_from():
    with pytest.raises(ValueError, match="at least one value"):
        take([], Value(0.0))
    with pytest.raises(ValueError, match=r"values\[2\] is not as values\[0\] is"):
        take([[1.0], [2.0], [3.0, 4.0]], Value(0.0))
    with pytest.raises(ValueError, match=r"values\[1\] is not as values\[0\] is"):
        take([{"a": 1.0, "b": 2.0}, {"b": 1.0, "a": 2.0}], Value(0.0))
    for values_, i in (([1.0], 1), ([1.0, 2.0], -3), ([], 0), (np.ones((3, 2)), 3)):
        message = rf"the index in take\(values, index\) is {i}, but there are {len(values_)} values"
        with pytest.raises(IndexError, match=message):
            take(values_, i)


def test_it_is_drawn_explained_differentiated_twice_and_followed_by_jax():
    jax = pytest.importorskip("jax")
    a, b, at = Value(2.0, "a"), Value(3.0, "b"), Value(1.0, "i")
    y = take([a, b], at)
    assert "[i = 1]" in draw(y).source
    assert "[i = 1]" in str(explain(y))
    assert hessian(lambda x, z: take([x * z, x * x], at))(2.0, 5.0)[0][0].data == 2.0
    program = Program(y, [a, b], [at])
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        mean, gradient = program.to_jax()(np.array([2.0, 3.0]), np.array([[0.0], [1.0]]))
        assert (mean, [*gradient]) == (2.5, [0.5, 0.5])
        assert math.isnan(program.to_jax()(np.array([2.0, 3.0]), np.array([[0.5]]))[0])
