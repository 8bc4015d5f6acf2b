"""`Program.to_jax`: the same numbers from JAX, on one device and on eight."""

import contextlib
import functools
import itertools
import math
import operator
import os
import re
import sys

import jax
import numpy as np
import pytest
from hypothesis import Phase, given, settings

import tinygrad_lite as tl
from tests.project import ROOT, python
from tinygrad_lite import Program, Value, nn, primitive
from tinygrad_lite.engine.declaration import TABLE
from tinygrad_lite.replay.jax_executor import value_on_arrays
from tinygrad_lite.strategies import points

PAGE = ROOT / "docs" / "replay.md"
ULPS = 100  # as the page says


@pytest.fixture(autouse=True)
def _float64():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def drawn(row):
    found = []

    @settings(max_examples=80 if len(row.partials) == 4 else 25, phases=[Phase.generate])
    @given(points(row))
    def collect(x):
        found.append(x)

    collect()
    return found


# Kinks, ties, zeros, and where functions saturate.
EDGES = (0.0, 1.0, -1.0, 0.5, 2.0, 40.0, -40.0, 600.0, -600.0, 800.0, -800.0, 1e-9)
ROWS = [*TABLE.values()]


@functools.cache
def legal(row):
    """Operands that a row has a value for, and the value."""
    found = []
    edges = itertools.product(EDGES, repeat=len(row.partials)) if len(row.partials) < 4 else ()
    for x in [*edges, *drawn(row)]:
        with contextlib.suppress(ArithmeticError, ValueError):  # a hidden row at the end of its domain
            found.append((x, row.evaluate(x)))
    return found


def close(got, expected):
    """Zeros too: JAX takes subnormal numbers for 0, and gives none."""
    return abs(got - expected) <= max(ULPS * math.ulp(expected), sys.float_info.min)


def columns(row):
    """The points of a row, an array for each operand."""
    return np.array([x for x, _ in legal(row)]).T


def test_all_rows_are_the_same_functions_on_arrays():
    """Saturated, tiny and huge operands included. To JAX one program of all rows is one compilation."""
    leaves = {row: [Value(x) for x in legal(row)[0][0]] for row in ROWS}
    of_parameters = [row for row in ROWS if row.name in ("add", "mul", "sub")]
    of_samples = [row for row in ROWS if row not in of_parameters]
    parameters, data = ([x for row in rows for x in leaves[row]] for rows in (of_parameters, of_samples))
    program = Program([row(*xs) for row, xs in leaves.items()], parameters, data, executor="python").to_jax()
    longest = max(len(legal(row)) for row in ROWS)  # the points of the other rows are repeated
    theta, batch = (
        np.concatenate([np.resize(columns(row).T, (longest, len(row.partials))) for row in rows], axis=1)
        for rows in (of_parameters, of_samples)
    )
    found = jax.jit(jax.vmap(lambda theta, sample: program(theta, sample[None])[0]))(theta, batch)
    for row, results in zip(ROWS, np.asarray(found).T.tolist(), strict=True):
        for (x, expected), got in zip(legal(row), results, strict=False):
            assert close(got, expected), (row.name, x)


def test_the_derivatives_of_all_rows_to_jax_are_the_tables():
    """By each operand."""
    every = {
        row.name: jax.vmap(jax.grad(value_on_arrays(row), argnums=tuple(range(len(row.partials))))) for row in ROWS
    }
    together = jax.jit(lambda points: {name: function(*points[name]) for name, function in every.items()})
    found = together({row.name: [*columns(row)] for row in ROWS})
    for row in ROWS:
        for i, slopes in enumerate(np.asarray(found[row.name]).tolist()):
            for (x, y), got in zip(legal(row), slopes, strict=True):
                try:
                    expected = row.slope(i, x, y)
                except (ArithmeticError, ValueError):
                    continue
                assert close(got, expected) or not math.isfinite(expected), (row.name, x)


# Of w and x; with numbers for which a slope is one of several, or those of ways not taken do not exist.
EDGY = {
    "relu": (lambda w, x: tl.relu(w * x), 1.0, 0.0),
    "abs": (lambda w, x: abs(w * x), 1.0, 0.0),
    "tie": (lambda w, x: tl.maximum(w, x) + tl.minimum(w, 3 * x), 2.0, 2.0),
    "softplus": (lambda w, x: tl.softplus(w + x), 1.0, -1.0),
    "softplus, saturated": (lambda w, x: tl.softplus(w * x), 1.0, -800.0),
    "label 0": (lambda w, x: tl.binary_cross_entropy_with_logits(w + x, 0), 1.0, -1.0),
    "label 1": (lambda w, x: tl.binary_cross_entropy_with_logits(w + x, 1), 1.0, -1.0),
    "probability 1": (lambda w, x: tl.binary_cross_entropy(w * x, 1), 1.0, 1.0),
    "sigmoid, saturated": (lambda w, x: tl.sigmoid(w * x), 1.0, 800.0),
    "square of 0": (lambda w, x: (w * x) ** 2, 1.0, 0.0),
    "square below 0": (lambda w, x: (w * x) ** 2 * x, 1.0, -3.0),
    "an exponent beside a constant one": (lambda w, x: (x - 4) ** 2 + (x + 1) ** w, 2.5, 3.0),
    "a slope's slope that overflows": (lambda w, x: x / w, 1e-160, 1e-160),
    "user-defined": (lambda w, x: ramp()(w * x), 1.0, 0.0),
}


def ramp():
    def value(x):
        return math.exp(x) if x < 0.0 else 1.0 + x

    return primitive("ramp", value, lambda x, y: math.exp(x) if x < 0.0 else 1.0)


@functools.cache
def differentiated():
    """Of each such program: its value to JAX, the slopes by parameter and samples, and by the parameter alone."""

    def of(name, w, x):
        build, *numbers = EDGY[name]
        leaves = [Value(number) for number in numbers]
        function = Program(build(*leaves), leaves[:1], leaves[1:], executor="python").to_jax()
        batch = np.array([numbers[1:]] * 2)
        by_both = jax.grad(lambda *given: function(*given)[0], argnums=(0, 1))(w, x)
        return function(w, x[:1])[0], by_both, jax.grad(lambda theta: function(theta, batch)[0])(w)

    given = {name: (np.array([w]), np.array([[x]] * 2)) for name, (_, w, x) in EDGY.items()}
    return jax.jit(lambda given: {name: of(name, *numbers) for name, numbers in given.items()})(given)


@pytest.mark.parametrize("name", EDGY)
def test_jax_grad_of_a_program_is_the_programs_gradient(name):
    """By the parameters and by the samples, and for several samples."""
    build, w, x = EDGY[name]
    leaves = [Value(w), Value(x)]
    of_both, [dw, dx] = Program(build(*leaves), leaves, executor="python")([w, x])
    value, (by_theta, by_batch), [by_theta_alone] = differentiated()[name]
    assert float(value) == pytest.approx(of_both, rel=1e-13)
    assert close(float(by_theta_alone), dw)
    assert close(float(by_theta[0]), dw)
    assert [close(float(slope), dx / 2) for slope in by_batch.ravel()] == [True, True]


def test_jax_grad_goes_on_to_second_derivatives():
    w, x = Value(0.5), Value(2.0)
    function = Program(tl.tanh(w * x) ** 2, [w], [x], executor="python").to_jax()
    slope = tl.gradient(tl.gradient(tl.tanh(w * x) ** 2, [w])[0], [w])[0].data
    both = (
        jax.grad(lambda theta: function(theta, [[2.0]])[1][0]),
        jax.grad(lambda theta: jax.grad(lambda t: function(t, [[2.0]])[0])(theta)[0]),
    )
    for second in jax.jit(lambda theta: [of(theta)[0] for of in both])(np.array([0.5])):
        assert float(second) == pytest.approx(slope, rel=1e-13)


NETS = {"relu": "squared_error", "tanh": "binary_cross_entropy_with_logits", "sigmoid": "squared_error"}


@pytest.mark.parametrize("activation", NETS)
def test_a_net_and_its_gradient(activation):
    model, inputs, target = nn.MLP(3, [7, 5, 1], activation, seed=1), [Value(0.1) for _ in range(3)], Value(1.0)
    loss = nn.losses[NETS[activation]](model(inputs), target)
    program = Program(loss, model.parameters(), [*inputs, target])
    theta = [p.data for p in model.parameters()]
    batch = np.random.default_rng(0).uniform(0, 1, (50, 4))
    mean, gradient = jax.jit(program.to_jax())(theta, batch)
    expected_mean, expected_gradient = program(theta, batch)
    assert float(mean) == pytest.approx(expected_mean, rel=1e-13)
    assert np.asarray(gradient) == pytest.approx(expected_gradient, rel=1e-12, abs=1e-15)


def test_positions_of_a_text_are_computed_together_though_some_are_ready_earlier():
    w, xs = Value(0.5), [Value(0.1) for _ in range(5)]
    positions = [w * x for x in xs]
    for i in range(5):
        positions[i:] = map(tl.sin, positions[i:])
    program = Program(sum(map(tl.tanh, positions)), [w], xs)
    assert str(jax.make_jaxpr(program.to_jax())([0.5], [[0.1] * 5])).count(" tanh ") == 1


def test_layers_of_several_positions_to_each_of_which_its_inputs_are_added():
    W = [[Value(0.1 * i - 0.2 * j) for i in range(3)] for j in range(3)]
    texts = [[Value(0.1) for _ in range(3)] for _ in range(2)]
    hidden = [[tl.tanh(x) for x in text] for text in texts]
    added = [
        sum(map(operator.mul, row, h)) + x
        for row, inputs in zip(W, zip(*texts, strict=True), strict=True)
        for h, x in zip(hidden, inputs, strict=True)
    ]
    leaves = [*itertools.chain(*W)], [*itertools.chain(*texts)]
    program = Program(sum(map(tl.exp, added)), *leaves, executor="python")
    theta, batch = [p.data for p in leaves[0]], np.random.default_rng(0).uniform(-1, 1, (4, 6))
    mean, gradient = jax.jit(program.to_jax())(theta, batch)
    expected_mean, expected_gradient = program(theta, batch)
    assert float(mean) == pytest.approx(expected_mean, rel=1e-13)
    assert np.asarray(gradient) == pytest.approx(expected_gradient, rel=1e-12, abs=1e-15)


def test_the_course():
    a, b, c = Value(3), Value(4), Value(5)
    J, gradient = jax.jit(Program((2 * a + b) * c, [a, b, c]).to_jax())([3.0, 4.0, 5.0])
    assert (float(J), gradient.tolist()) == (50, [10, 5, 10])


def test_several_outputs_some_of_them_the_same_for_all_samples():
    a, b, x = Value(2.0), Value(3.0), Value(1.0)
    function = Program([a * x, a * a, b], [a, b], [x]).to_jax()
    means, gradients = function([2.0, 3.0], [[1.0], [4.0]])
    assert means.tolist() == [5.0, 4.0, 3.0]
    assert gradients.tolist() == [[2.5, 0.0], [4.0, 0.0], [0.0, 1.0]]


def test_a_user_defined_row_with_branches_and_math():
    x, w = Value(0.5), Value(1.0)
    mean, gradient = Program(ramp()(w * x), [w], [x], executor="python").to_jax()([1.0], [[-1.0], [2.0]])
    assert float(mean) == pytest.approx((math.exp(-1) + 3) / 2)
    assert float(gradient[0]) == pytest.approx((-math.exp(-1) + 2) / 2)


def around():
    module, power = math, 3

    def helper(x, *, factor=2.0):
        return factor * module.cos(x)

    def value(x, *, scale=0.5):
        return scale * helper(x) + tl.exp(x) * math.fabs(x) ** power

    return value


WAYS = {
    "a table's function by name": lambda x: math.sin(x) + tl.tanh(x),
    "in a closure, with defaults": around(),
    "another user-defined row": lambda x: math.sqrt(1.0) * TABLE["doubled"](x),
    "operations": lambda x: tl.exp(x) / (1 + x**2),
}


@pytest.mark.parametrize("value", WAYS.values(), ids=WAYS)
def test_user_defined_rows_of_any_kind_are_followed(value):
    primitive("doubled", lambda x: math.fabs(x) + x, lambda x, y: 2)
    w, x = Value(1.0), Value(0.5)
    row = primitive("any_kind", value, lambda x, y: y * TABLE["doubled"](x))
    program = Program(row(w * x), [w], [x], executor="python")
    batch = [[0.5], [2.0]]
    mean, gradient = program.to_jax()([1.0], batch)
    expected_mean, expected_gradient = program([1.0], batch)
    assert float(mean) == pytest.approx(expected_mean, rel=1e-13)
    assert np.asarray(gradient) == pytest.approx(expected_gradient, rel=1e-13)


@pytest.mark.parametrize("value", [lambda x: math.gamma(x), lambda x: float(x) * 2, lambda x: float(np.sin(x))])
def test_a_user_defined_row_that_jax_cannot_follow_is_named(value):
    x = Value(3.0)
    function = Program(primitive("unknown", value, lambda x, y: y)(x), [x], executor="python").to_jax()
    with pytest.raises(
        TypeError, match=r"^to_jax cannot follow unknown: .*; write it with operators and the functions of"
    ):
        function([3.0])


def test_what_the_ways_through_branches_have_in_common_is_computed_once():
    def value(x):
        y = math.exp(x)
        y = y + 1.0 if y > 1.0 else y
        return y if y > 3.0 else -y

    row = primitive("forked", value, lambda x, y: y)
    assert str(jax.make_jaxpr(value_on_arrays(row))(0.5)).count(" exp ") == 1


def test_branches_that_constants_decide():
    w, x = Value(2.0), Value(3.0)
    for output in (w**0, tl.relu(Value(-1.0)) * w, (w * x) ** 0 + w):
        program = Program(output, [w], [x])
        mean, gradient = program.to_jax()([2.0], [[1.0], [4.0]])
        assert (mean, list(gradient)) == (program([2.0], [[1.0], [4.0]])[0], list(program([2.0], [[1.0], [4.0]])[1]))


def halved(x):
    return x if x < 1.0 else halved(x / 2)


def test_a_row_that_calls_itself_is_refused():
    x = Value(3.0)
    program = Program(primitive("halved", halved, lambda x, y: y / x)(x), [x], executor="python")
    with pytest.raises(TypeError, match="cannot follow halved: it calls itself"):
        program.to_jax()


def test_what_raises_is_nan():
    x = Value(0.5)
    mean, _ = Program(tl.binary_cross_entropy(x, 1), [x]).to_jax()([1.5])
    assert math.isnan(mean)


@pytest.mark.parametrize(("theta", "batch"), [([1.0], [[1.0]]), ([1.0, 2.0], [[1.0, 2.0]]), ([1.0, 2.0], [1.0])])
def test_other_shapes_are_refused(theta, batch):
    w, b, x = Value(1.0), Value(2.0), Value(3.0)
    with pytest.raises(ValueError, match=r"\(2,\) and \(m, 1\) are needed"):
        Program(w * x + b, [w, b], [x]).to_jax()(theta, batch)


def test_eight_devices_give_what_one_gives():
    """The page's example, which compares with a single device, in a process that has eight."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    report = "print(jax.device_count(), len(gradient.sharding.device_set))"
    done = python(
        "-c",
        "\n".join([*blocks, report]),
        env=os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"},
    )
    assert done.stdout.splitlines()[-1] == "8 8"


def test_without_jax_the_message_says_what_to_install():
    code = """
import sys
sys.modules["jax"] = None
from tinygrad_lite import Program, Value
a = Value(1.0)
try:
    Program(a * a, [a]).to_jax()
except ImportError as error:
    print(error)
"""
    done = python("-c", code)
    assert done.stdout == "to_jax needs JAX: `pip install jax`\n"
