"""Steps against their definitions, what a step leaves alone, wrong settings."""

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite import Value, value_and_grad
from tinygrad_lite.engine.arguments import flatten
from tinygrad_lite.nn import SGD, Adam


@given(st.floats(0.01, 1.0), st.floats(0.0, 0.95), st.floats(-5, 5))
def test_heavy_ball_satisfies_its_recurrence(rate: float, momentum: float, start: float) -> None:
    # θₖ₊₁ = θₖ − η f′(θₖ) + μ (θₖ − θₖ₋₁), for f = θ² + 3θ (Polyak, 1964)
    theta = Value(start)
    optimizer = SGD([theta], learning_rate=rate, momentum=momentum)
    path = [start, start]
    for _ in range(6):
        optimizer.zero_grad()
        (theta * theta + 3 * theta).backward()
        optimizer.step()
        before, now = path[-2:]
        path.append(theta.data)
        assert theta.data == pytest.approx(now - rate * (2 * now + 3) + momentum * (now - before), rel=1e-9, abs=1e-9)


def test_sgd_steps_only_what_it_was_given() -> None:
    a, b = Value(1.0), Value(2.0)
    optimizer = SGD((p for p in [a]), 0.5)
    (a * b).backward()
    optimizer.step()
    assert (a.data, b.data) == (0.0, 2.0)
    optimizer.learning_rate = 0.25
    optimizer.step()
    optimizer.zero_grad()
    assert (a.data, a.grad, b.grad) == (-0.5, 0.0, 1.0)


def test_a_step_out_of_range_moves_nothing() -> None:
    a, b = Value(1.0), Value(1.0)
    (a + 1e300 * b).backward()
    with pytest.raises(OverflowError, match=r"learning_rate 10000000000\.0 is too large"):
        SGD([a, b], 1e10).step()
    assert (a.data, b.data) == (1.0, 1.0)


p = Value(1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 0.1), "parameters must be"),
        (([p, p], 0.1), "each given once"),
        (([p * 2], 0.1), "not computed"),
        (([1.0], 0.1), "must be Values"),
        (([p], 0), "learning_rate is 0"),
        (([p], -0.1), "learning_rate is -0.1"),
        (([p], math.inf), "learning_rate is inf"),
        (([p], "0.1"), "learning_rate is '0.1'"),
        (([p], 0.1, 1.0), "momentum is 1.0"),
        (([p], 0.1, -0.5), "momentum is -0.5"),
        (([p], 0.1, math.nan), "momentum is nan"),
    ],
)
def test_bad_settings_of_sgd(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        SGD(*arguments)


numbers = st.floats(-2, 2)


@given(
    st.lists(st.tuples(numbers, st.lists(numbers, min_size=4, max_size=4)), min_size=1, max_size=5),
    st.floats(0.01, 1.0),
    st.floats(0.0, 0.95),
    st.sampled_from([list, tuple, np.array, lambda g: list(map(np.float64, g))]),
)
def test_a_step_by_a_gradient_is_a_step_by_the_grads(parameters, rate, momentum, container):
    ours, theirs = ([Value(x) for x, _ in parameters] for _ in range(2))
    first, second = SGD(ours, rate, momentum), SGD(theirs, rate, momentum)
    for gradient in zip(*(slopes for _, slopes in parameters), strict=True):
        for p, slope in zip(theirs, gradient, strict=True):
            p.grad = slope
        second.step()
        first.step(container(gradient))
        assert [p.data for p in ours] == [p.data for p in theirs]
        assert not any(p.grad for p in ours)
    assert first.velocities == second.velocities
    assert all(type(p.data) is float for p in ours)


def test_grads_are_not_looked_at_where_a_gradient_is_given():
    a, b = Value(1.0), Value(2.0)
    a.grad = b.grad = 100.0
    optimizer = SGD([a, b], 0.5)
    optimizer.step([0.0, 2.0])
    assert (a.data, b.data, a.grad, b.grad) == (1.0, 1.0, 100.0, 100.0)


@pytest.mark.parametrize("gradient", [[1.0], [1.0, 2.0, 3.0], [], np.ones(3)])
def test_a_gradient_of_another_length_moves_nothing(gradient):
    a, b = Value(1.0), Value(2.0)
    optimizer = SGD([a, b], 0.5, 0.5)
    with pytest.raises(ValueError, match=f"^gradient has {len(gradient)} numbers: 2 are needed$"):
        optimizer.step(gradient)
    assert (a.data, b.data, optimizer.velocities) == (1.0, 2.0, [0.0, 0.0])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_moves_nothing(bad):
    a, b = Value(1.0), Value(2.0)
    optimizer = SGD([a, b], 0.5, 0.5)
    with pytest.raises(ValueError, match=f"^the gradient of parameter 1 is {bad}: a step needs finite numbers$"):
        optimizer.step([1.0, bad])
    b.grad = bad
    with pytest.raises(ValueError, match=f"^the gradient of parameter 1 is {bad}"):
        optimizer.step()
    assert (a.data, b.data) == (1.0, 2.0)


@pytest.mark.parametrize("gradient", [1.0, "ab", ["a", 1.0], np.ones((2, 1)), {1.0, 2.0}])
def test_a_gradient_that_is_no_list_of_numbers_is_named(gradient):
    with pytest.raises(TypeError, match=r"^gradient(\[0\])? must be a"):
        SGD([Value(1.0), Value(2.0)], 0.5).step(gradient)


def test_after_a_step_that_failed_a_smaller_one_goes_on():
    a = Value(1.0)
    optimizer = SGD([a], 1e10, 0.5)
    with pytest.raises(OverflowError, match="too large"):
        optimizer.step([1e300])
    optimizer.learning_rate = 0.5
    optimizer.step([1.0])
    assert a.data == 0.5


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8),
    st.floats(0.0, 0.99),
    st.floats(0.0, 0.9999),
    st.sampled_from([1e-8, 1e-3]),
)
def test_adam_divides_weighted_means(slopes, first, second, eps):
    """A step is the mean of the slopes so far over the root of that of their squares, the newest weighing most."""
    theta = Value(1.0)
    optimizer = Adam([theta], 0.1, (first, second), eps)
    for t in range(1, len(slopes) + 1):
        before = theta.data
        optimizer.step(slopes[t - 1 : t])
        ages = np.arange(t)[::-1]
        mean = np.average(slopes[:t], weights=first**ages)
        square = np.average(np.square(slopes[:t]), weights=second**ages)
        step = 0.1 * mean / (np.sqrt(square) + eps)
        assert theta.data == pytest.approx(before - step, rel=1e-9, abs=1e-9 * (1 + abs(before)))


@given(st.floats(1e-5, 1e300), st.sampled_from([-1, 1]))
def test_adams_first_step_is_the_learning_rate_however_steep_it_is(slope, sign):
    theta = Value(0.0)
    Adam([theta]).step([sign * slope])
    assert theta.data == pytest.approx(-sign * 0.001, rel=0.002)


def test_adam_keeps_its_state_where_a_step_fails():
    a, b = Value(1.0), Value(1.0)
    optimizer, other = Adam([a], 0.1), Adam([b], 0.1)
    for gradient in [[0.5], [math.nan], [2.0]]:
        with contextlib.suppress(ValueError):
            optimizer.step(gradient)
    other.step([0.5])
    other.step([2.0])
    assert (a.data, vars(optimizer) | {"parameters": 0}) == (b.data, vars(other) | {"parameters": 0})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"betas": (0.9, 1.0)}, r"betas\[1\] is 1\.0: it must be at least 0 and less than 1"),
        ({"betas": (-0.1, 0.9)}, r"betas\[0\] is -0\.1"),
        ({"betas": (0.9,)}, "betas has 1 numbers: 2 are needed"),
        ({"eps": 0}, "eps is 0"),
        ({"learning_rate": 0}, "learning_rate is 0"),
    ],
)
def test_bad_settings_of_adam(options, message):
    with pytest.raises(ValueError, match=message):
        Adam([p], **options)


SHAPES = [
    lambda x, y, z: {"w": [x, y], "b": z},
    lambda x, y, z: [x, (y, {0: z})],
    lambda x, y, z: (np.array([[x], [y]], dtype=object), z),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [Value, float])
def test_a_nested_gradient_moves_nested_parameters(shape, kind) -> None:
    """As `value_and_grad` gives it, of Values or of numbers."""
    leaves = [Value(1.0), Value(2.0), Value(0.5)]
    optimizer = SGD(shape(*leaves), 0.5)

    def f(p):
        return sum((i + 1) * x**2 for i, x in enumerate(flatten(p)))

    _, gradient = value_and_grad(f)(shape(*map(kind, [1.0, 2.0, 0.5])))
    optimizer.step(gradient)
    assert [x.data for x in leaves] == [0.0, -2.0, -1.0]
    optimizer.step([2.0, 4.0, 6.0])  # as a Program gives it
    assert [x.data for x in leaves] == [-1.0, -4.0, -4.0]


def test_a_gradient_by_name_is_not_taken_in_another_order() -> None:
    a, b = Value(1.0), Value(2.0)
    Adam({"a": a, "b": b}, 0.5).step({"b": 0.0, "a": 1.0})
    assert (a.data < 1.0, b.data) == (True, 2.0)


@pytest.mark.parametrize(
    ("parameters", "gradient", "place"),
    [
        (lambda a, b: [a, b], {"a": 1.0, "b": 2.0}, "\\['a'\\] is in the gradient alone; give SGD the"),
        (lambda a, b: {"a": a, "b": b}, {"a": 1.0}, "\\['b'\\] is in the parameters alone"),
        (lambda a, b: [a, b], [[1.0, 2.0]], "\\[0\\]\\[0\\] is in the gradient alone"),
    ],
)
def test_a_gradient_in_other_containers_moves_nothing(parameters, gradient, place) -> None:
    a, b = Value(1.0), Value(2.0)
    with pytest.raises(TypeError, match=f"^gradient must be .* or in the containers of the parameters: {place}"):
        SGD(parameters(a, b)).step(gradient)
    assert (a.data, b.data) == (1.0, 2.0)
