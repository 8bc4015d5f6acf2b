"""`Program.to_jax`: the same numbers from JAX, on one device and on eight."""

import math
import os
import re

import jax
import numpy as np
import pytest
from hypothesis import Phase, given, settings

import tinygrad_lite as tl
from tests.project import ROOT, python
from tinygrad_lite import Program, Value, nn, primitive
from tinygrad_lite.engine.declaration import TABLE
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

    @settings(max_examples=200, phases=[Phase.generate])
    @given(points(row))
    def collect(x):
        found.append(x)

    collect()
    return found


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_a_row_is_the_same_function_on_arrays(row):
    """Saturated, tiny and huge operands included; JAX takes subnormal numbers for 0."""
    operands = [Value(0.5) for _ in row.partials]
    data = [] if row.name in ("add", "mul", "sub") else operands
    parameters = [] if data else operands
    function = jax.jit(Program(row(*operands), parameters, data, executor="python").to_jax())
    for x in drawn(row):
        try:
            expected = row.evaluate(x)
        except ValueError:  # a hidden row at the end of its domain
            expected = math.nan
        got = float(function(np.array(x))[0] if parameters else function(np.empty(0), np.array([x]))[0])
        assert abs(got - expected) <= ULPS * math.ulp(expected) or abs(expected) < 1e-300 or expected != expected, x


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
    def value(x):
        return math.exp(x) if x < 0.0 else 1.0 + x

    ramp = primitive("ramp", value, lambda x, y: math.exp(x) if x < 0.0 else 1.0)
    x, w = Value(0.5), Value(1.0)
    mean, gradient = Program(ramp(w * x), [w], [x], executor="python").to_jax()([1.0], [[-1.0], [2.0]])
    assert float(mean) == pytest.approx((math.exp(-1) + 3) / 2)
    assert float(gradient[0]) == pytest.approx((-math.exp(-1) + 2) / 2)


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
    assert done.stdout == "to_jax needs JAX: pip install jax\n"
