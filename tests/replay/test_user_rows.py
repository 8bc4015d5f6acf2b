"""Programs of user-defined rows: those of the table's operations become these, the others are run by Python."""

import functools
import itertools
import math
import pickle
import random
import re
import types
import warnings
from math import lgamma, trunc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tl
from tests.project import python
from tests.replay.graphs import EXECUTORS, Graph, bits, eager, expected, forward, on_both, outcome, seeds
from tinygrad_lite import Program, Value, exp, log, maximum, primitive, sigmoid, sqrt, tanh
from tinygrad_lite.engine.declaration import TABLE, Interval
from tinygrad_lite.strategies import MODERATE, values

SHIFT = 0.375
SETTINGS = types.ModuleType("settings")
SETTINGS.factor = 2.0


def graph_of_rows():
    """Rows of every kind: three operands, functions that call others, that raise, that swallow an infinity."""
    shift = SHIFT
    mix = primitive(
        *("mix", lambda a, b, t: a + (b - a) * t),
        *(lambda a, b, t, y: 1 - t, lambda a, b, t, y: t, lambda a, b, t, y: b - a),
    )
    smooth = primitive("softsign", lambda x: x / (1.0 + abs(x)), lambda x, y: 1.0 / (1.0 + abs(x)) ** 2)
    shifted = primitive("shifted", lambda x: tl.sin(x + shift), lambda x, y: tl.cos(x + SHIFT))
    rooted = primitive("rooted", lambda x: sqrt(x) * log(x), lambda x, y: (log(x) + 2.0) / (2.0 * sqrt(x)))
    logistic = primitive("logistic", lambda x: 1 / (1 + exp(-x)), lambda x, y: y * (1 - y))
    parallel = primitive("parallel", lambda x: 1 / (1 + 1 / x), lambda x, y: 1 / (1 + x) / (1 + x))
    a, b, x, t = (Value(1.0, label) for label in ("a", "b", None, "t"))
    inner = smooth(a * x)
    mixed = mix(a, inner, x) * t + logistic(a * x) + parallel(t)
    return Graph([shifted(mix(inner, b * x, t)) * rooted(b), mixed, rooted(b * t)], [a, b], [x, t])


def softsign(x):
    return x / (1.0 + math.fabs(x))


def only_positive(x):
    if x <= 0.0:
        raise ValueError
    return math.sqrt(x) * math.log(x)


def graph_over_math():
    """The same over `math`, and with an `if`."""
    smooth = primitive("softsign", softsign, lambda x, y: 1.0 / (1.0 + math.fabs(x)) ** 2)
    rooted = primitive("rooted", only_positive, lambda x, y: (math.log(x) + 2.0) / (2.0 * math.sqrt(x)))
    logistic = primitive("logistic", lambda x: 1 / (1 + math.exp(-x)), lambda x, y: y * (1 - y))
    a, b, x, t = (Value(1.0, label) for label in ("a", "b", None, "t"))
    return Graph([smooth(a * x) * rooted(b), logistic(a * x) + t, rooted(b * t)], [a, b], [x, t])


@pytest.mark.parametrize(("build", "executors"), [(graph_of_rows, EXECUTORS), (graph_over_math, ["python"])])
def test_user_defined_rows_are_eager_to_the_last_bit(build, executors):
    graph = build()
    programs = [graph.program(executor) for executor in executors]
    anything = values(MODERATE) | st.sampled_from([0.0, -0.0, -1.0, 1e300, math.inf, -math.inf, math.nan])
    positive = values(Interval(0.0, 40.0))

    @settings(max_examples=settings().max_examples // 3)
    @given(st.tuples(anything, positive | anything), st.tuples(anything, positive | anything), seeds)
    def same(theta, sample, seed):
        wanted = expected(graph.outputs, graph.parameters, graph.data, theta, sample)
        for program in programs:
            assert outcome(program, theta, [sample]) == wanted
        generator = random.Random(seed)
        theta, *batch = ([generator.uniform(0.1, 3), generator.uniform(0.1, 2)] for _ in range(150))
        wanted = [forward(graph.outputs, graph.parameters, graph.data, theta, row) for row in batch]
        assert [bits(program.outputs(theta, batch)) for program in programs] == [bits(wanted)] * len(programs)

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
    program = graph_of_rows().program(executor)
    for call in (program, program.outputs):
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            call([1.0, 1.0], [[1.0, 1.0], sample])


def powers_in_turn(x):
    """The logistic map: each number is used twice, so that as a tree it would have 2⁴⁰ leaves."""
    for _ in range(40):
        x = 3.7 * x * (1 - x)
    return x


def series(x):
    """Σ xᵏ/k!, with a factorial that outgrows 64 bits."""
    total, term, factorial = 0.0, 1.0, 1
    for k in range(1, 40):
        total += term / factorial
        term *= x
        factorial *= k
    return total


# Values that are written with the table's operations, each term and factor of which matters to some number.
INLINED = {
    "hidden overflow": lambda x: 1 / (1 + x**2),
    "hidden infinity": lambda x: 1 / (1 + x * x),
    "infinity under exp": lambda x: exp(-x * x),
    "infinity under tanh": lambda x: tanh(x * x * x),
    "infinities that cancel": lambda x: x * 1e200 - x * 1e200,
    "square": lambda x: x**2,
    "square of the table": lambda x: tl.primitives.pow(x, 2),
    "cube": lambda x: x**3,
    "inverse": lambda x: x**-1,
    "root": lambda x: x**0.5,
    "size of a root": lambda x: maximum(x**0.5, 0) + 1,
    "exponential": lambda x: 2**x,
    "power to the zero": lambda x: x**0,
    "x to the x": lambda x: x**x,
    "zero times": lambda x: 0 * x,
    "zero plus": lambda x: 0 + x,
    "plus zero": lambda x: x + 0,
    "zero minus": lambda x: 0 - x,
    "minus one times": lambda x: -1 * x,
    "zero over": lambda x: 0 / x,
    "over one": lambda x: x / 1,
    "nothing": lambda x: x,
    "minus": lambda x: -x,
    "plus": lambda x: +x,
    "size": abs,
    "sum": lambda x: sum([x, x, -x]),
    "large integer": lambda x: x * 3**50,
    "truth": lambda x: x * True,
    "an infinite constant": lambda x: maximum(x, -math.inf),
    "from a module": lambda x: tl.sin(x) * SETTINGS.factor,
    "a global": lambda x: x + SHIFT,
    "other rows": lambda x: tanh(x) + exp(-x * x) / sigmoid(-x),
    "another user-defined row": lambda x: 1 / TABLE["half_square"](x) + TABLE["half_square"](x - 1),
    "long": powers_in_turn,
    "integers without bound": series,
}
NUMBERS = [0.0, 1.0, 0.1, 3.0, 1e-200, 5e-324, 1e154, 1e200, 1e308, math.inf]
NUMBERS = [*NUMBERS, *(-x for x in NUMBERS), math.nan, *(random.Random(0).uniform(-2, 2) for _ in range(60))]


def result_or_error(compute, *args):
    """As `outcome`; a complex number is a TypeError."""
    try:
        return outcome(compute, *args)
    except TypeError as error:
        return TypeError, str(error)


@on_both
@pytest.mark.parametrize("name", INLINED)
def test_a_value_of_the_tables_operations_has_the_bits_and_errors_of_the_same_call_with_floats(executor, name):
    primitive("half_square", lambda x: x * x / 2, lambda x, y: x)
    row = primitive("user_row", INLINED[name], lambda x, y: y)
    x, w = Value(1.0, "x"), Value(1.0, "w")
    of_parameters = Program(row(x), [x], executor=executor)
    of_data = Program(row(x) * w, [w], [x], executor=executor)
    for number in NUMBERS:
        assert result_or_error(of_parameters, [number]) == result_or_error(eager, [row(x)], [x], [], [number])
        wanted = result_or_error(eager, [row(x) * w], [w], [x], [1.5], [number])
        wanted = wanted if isinstance(wanted[0], list) else (wanted[0], f"{wanted[1]}, in sample 0")
        assert result_or_error(of_data, [1.5], [[number]]) == wanted


@on_both
@settings(max_examples=settings().max_examples // 2)
@given(a=values(), b=values(), t=values() | st.sampled_from([0.0, 1.0, 1e308, math.inf, math.nan]))
def test_rows_of_several_arguments_have_the_bits_and_errors_of_floats(executor, a, b, t):
    row = primitive(
        *("user_row", lambda a, b, t: a * b / (1 + t**2) - (a - b) ** 2 * t + 0 * t),
        *(lambda a, b, t, y: b * t, lambda a, b, t, y: y - a**2, lambda a, b, t, y: a / b),
    )
    nodes = [Value(1.0) for _ in range(3)]
    wanted = expected([row(*nodes)], nodes, [], [a, b, t], [])
    assert outcome(Program(row(*nodes), nodes, executor=executor), [a, b, t]) == wanted


NAMES = ["theta", "sample", "program", "check", "plus", "layer", "rows", "numbers", "load", "i", "x0", "call_0"]


def scaled(factor):
    """The same name and the same code, with another number in it."""
    return primitive("scaled", lambda x: factor * x * x, lambda x, y: 2 * factor * x)


@functools.cache
def peculiar(executor, factor):
    """Of rows called anything, of one declared twice, and of a power: 2x + 1 …, 2x², factor·x², x³."""
    x = Value(3.0)
    value = (lambda x: 2 * x + 1) if executor == "compiled" else lambda x: math.fabs(2 * x + 1)
    rows = [primitive(name, value, lambda x, y: 2) for name in NAMES]
    cube = primitive("cube", lambda x: x**3, lambda x, y: 3 * x**2)
    nodes = [*(row(x) for row in rows), scaled(2.0)(x), scaled(factor)(x), cube(x)]
    return Program(nodes, [x], executor=executor)


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
    """Of x**2 too, which C's pow does not round as x·x: one number in a thousand differs."""
    x = Value(1.0)
    square, cube = (primitive(f"power_{n}", lambda x, n=n: x**n, lambda x, y: y) for n in (2, 3))
    program = Program([square(x), cube(x)], [], [x], executor=executor)
    generator = random.Random(0)
    batch = [generator.uniform(-2, 2) for _ in range(20_000)]
    assert any(x**2 != x * x for x in batch)
    assert bits(program.outputs([], [[x] for x in batch])) == bits([[x**2, x**3] for x in batch])


@on_both
def test_a_program_recorded_before_its_row_was_declared_again(executor):
    x = Value(3.0)
    program = Program(scaled(2.0)(x), [x], executor=executor)
    scaled(5.0)
    assert program([3.0])[0] == 18.0


@on_both
def test_a_default_of_a_row_is_part_of_it(executor):
    x = Value(3.0)
    for factor in (2.0, 5.0):
        row = primitive("scaled", lambda x, k=factor: k * x * x, lambda x, y, k=factor: 2 * k * x)
        value, slopes = Program(row(x), [x], executor=executor)([3.0])
        assert (value, list(slopes)) == (9 * factor, [6 * factor])


@on_both
def test_a_program_has_the_numbers_that_its_rows_find_when_it_is_made(executor, monkeypatch):
    x = Value(3.0)
    row = primitive("by_settings", lambda x: SETTINGS.factor * x, lambda x, y: 0)
    for factor in (2.0, 7.0):
        monkeypatch.setattr(SETTINGS, "factor", factor)
        assert Program(row(x), [x], executor=executor)([3.0])[0] == row(3.0) == 3 * factor


def tower(x):
    """x! for a whole number x."""
    return 1.0 if x < 1 else x * tower(x - 1)


def tolerant(x):
    try:
        return log(x)
    except ValueError:
        return 0.0


TABULATED = np.array([1.0, 2.0, 3.7])
RUN_BY_PYTHON = {
    "math": (softsign, 2.0),
    "branch": (only_positive, 2.0),
    "truth": (lambda x: 1.0 if x else 2.0, 0.0),
    "another row over math": (lambda x: TABLE["of_math"](x) + 1, 2.0),
    "equality": (lambda x: 1.0 if x == 0 else x, 0.0),
    "choice": (lambda x: max(x, 1.0), 0.5),
    "kind": (lambda x: x if isinstance(x, float) else 2 * x, 3.0),
    "kind, seen at a zero": (lambda x: 0.0 - x if isinstance(x, float) else -x, 0.0),
    "error caught": (tolerant, -1.0),
    "power of integers": (lambda x: float(3 ** int(x)), 50.0),
    "shift": (lambda x: float(1 << int(x)), 70.0),
    "gamma": (lambda x: math.gamma(x), 2.5),
    "imported": (lambda x: lgamma(x), 2.5),
    "rounding": (lambda x: round(x, 2), 2.675),
    "text": (lambda x: float(format(x, ".3g")), 1.23456),
    "recursion": (tower, 4.0),
    "complex": (lambda x: abs(x**0.5), -2.0),
    "complex made real": (lambda x: (x**0.5).real, -2.0),
    "array": (lambda x: TABULATED[2] * x, 3.0),
    "NumPy": (lambda x: np.sin(x), 3.0),
    "NumPy's sum": (lambda x: np.sum([x, 1.0]), 3.0),
    "NumPy's float": (lambda x: np.float64(0.1) + x, 3.0),
    "NumPy's exponent": (lambda x: x ** np.float64(2), 3.0),
    "other order": (lambda x: ORDERED(x), 3.0),
    "chance": (lambda x: random.random() * 0 + x * next(COUNTER), 3.0),
    "unused, and used by what is not": (lambda x: (exp(x) * x, x)[1], 3.0),
    "nothing of it": (lambda x: 2.0, 3.0),
    "not a float": (lambda x: np.float32(0.1), 3.0),
    "unused": (lambda x: (exp(x), x)[1], 3.0),
}
COUNTER = itertools.count()


def ORDERED(x):  # noqa: N802
    """As the sum of newer Pythons: floats are added up otherwise than one by one."""
    terms = [x, x * x, 0.1, 1e3, -x, 1e-3]
    return math.fsum(terms) if isinstance(x, float) else sum(terms)


@pytest.mark.parametrize(("value", "at"), RUN_BY_PYTHON.values(), ids=RUN_BY_PYTHON)
def test_a_row_that_is_more_than_the_tables_operations_is_run_by_python(value, at):
    x = Value(3.0)
    primitive("of_math", math.exp, lambda x, y: y)
    row = primitive("unlike", value, lambda x, y: 1)
    with pytest.warns(
        RuntimeWarning, match=r"^the value of unlike can only be computed by Python: write it with "
    ) as said:
        program = Program(row(x), [x])
    assert [(each.filename, str(each.message)[-28:]) for each in said] == [(__file__, ". The program runs in Python")]
    assert program.executor == "python"
    assert type(program([at])[0]) is float
    if value is not RUN_BY_PYTHON["chance"][0]:
        assert bits(program([at])[0]) == bits(row(at))
    with pytest.raises(TypeError, match=r"^the value of unlike can only be computed by Python"):
        Program(row(x), [x], executor="compiled")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Program(row(x), [x], executor="python").executor == "python"


def test_a_step_that_raises_and_is_not_used_is_not_missed():
    x = Value(3.0)
    row = primitive("unused", RUN_BY_PYTHON["unused"][0], lambda x, y: 1)
    with pytest.raises(OverflowError, match=r"^unused of 1000\.0"):
        Program(row(x), [x], executor="python")([1000.0])


def test_an_argument_that_is_not_used_is_not_missed():
    x = Value(3.0)
    first = primitive("first_of_two", lambda a, b: 2 * a, lambda a, b, y: 2, lambda a, b, y: 0)
    with pytest.warns(RuntimeWarning, match=r"^the value of first_of_two can only"):
        program = Program(first(x, exp(x)), [x])
    with pytest.raises(OverflowError, match=r"^exp of 1000\.0"):
        program([1000.0])


def test_every_row_that_forbids_compiling_is_named_in_one_warning():
    x = Value(3.0)
    first = primitive("first_row", lambda x: 2 * x, lambda x, y: math.copysign(2.0, y))
    second = primitive("second_row", lambda x: math.exp(x), lambda x, y: y)
    with pytest.warns(
        RuntimeWarning, match=r"^the value of second_row and partial derivative 1 of first_row can"
    ) as said:
        program = Program(first(second(x)), [x])
    assert len(said) == 1
    assert list(program([0.0])[1]) == [2.0]


@pytest.mark.parametrize("kind", [np.float32, int, complex, str])
def test_a_user_defined_row_that_gives_no_float_is_checked_as_it_is_eagerly(kind):
    x = Value(1.0)
    of_value = primitive("unlike", lambda x: math.fabs(x) if x < 2 else kind(3), lambda x, y: 1)
    of_slope = primitive("sloping", lambda x: 2 * x, lambda x, y: kind(math.copysign(3, x)))
    for row in (of_value, of_slope):
        found = result_or_error(Program([row(x)], [x], executor="python"), [3.0])
        assert found == result_or_error(eager, [row(x)], [x], [], [3.0])
        assert (found[0] is TypeError) == (kind in (complex, str))


WHOLE = [
    lambda x: x - math.floor(x),
    lambda x: x - math.ceil(x),
    lambda x: x - trunc(x),
    lambda x: x - int(x),
    lambda x: x - round(x),
    lambda x: math.copysign(2, x),
    lambda x: math.atan2(x, 2),
    lambda x: math.pow(x, 3),
]


def test_rows_with_whole_numbers_have_the_bits_of_python():
    x = Value(1.0)
    outputs = [primitive(f"whole_{i}", value, lambda x, y: 1)(x) for i, value in enumerate(WHOLE)]
    program = Program(outputs, [x], executor="python")
    for number in (2.5, 3.5, -0.5, 0.49999999999999994, 2.0**53 + 2, -1e20, 1e300, math.inf):
        assert outcome(program, [number]) == expected(outputs, [x], [], [number], [])


CHOSEN = """
import pickle, sys, warnings
from tinygrad_lite import Program, Value, primitive
import math
x = Value(3.0)
made = primitive("made_of_math", lambda x: math.exp(x), lambda x, y: y)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    print(Program(made(x), [x]).executor, len(said))
    print(Program(x * x, [x]).executor, {"numba", "numpy"} & {*sys.modules})
sys.modules["numba"] = None
program = pickle.loads(bytes.fromhex(sys.argv[1]))
print(program.executor, program([3.0]))
try:
    pickle.loads(bytes.fromhex(sys.argv[2]))
except ImportError as error:
    print(error)
"""


def test_the_executor_is_chosen_when_a_program_is_made_or_unpickled_and_without_numba():
    x = Value(3.0)
    programs = [Program(x * x, [x]), Program(x * x, [x], executor="compiled")]
    done = python("-c", CHOSEN, *(pickle.dumps(program).hex() for program in programs))
    assert done.stdout.splitlines() == [
        "python 1",
        "compiled set()",
        "python (9.0, [6.0])",
        "the compiled executor needs numba: `pip install '.[fast]'` in tinygrad_lite's checkout",
    ]
