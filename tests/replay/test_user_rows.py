"""Programs of rows of one's own: the bits of Python or a warning, and what was compiled is found again."""

import functools
import math
import random
import re
from math import lgamma, trunc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.replay.graphs import EXECUTORS, Graph, bits, expected, forward, on_both, outcome, seeds
from tinygrad_lite import Program, Value, exp, primitive, sigmoid, tanh
from tinygrad_lite.engine.declaration import TABLE, Interval
from tinygrad_lite.replay.kernel import _cache_folder, kernels
from tinygrad_lite.strategies import MODERATE, values


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
