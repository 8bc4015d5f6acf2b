"""What a program and its calls are given: any form of numbers is taken, anything wrong is named."""

import array
import math

import numpy as np
import pytest

from tests.frame import Frame
from tests.replay.graphs import bits, on_both
from tinygrad_lite import Program, Value, tanh
from tinygrad_lite.engine.value import Constant

FORMS = {
    "lists": lambda rows: rows,
    "tuples": lambda rows: tuple(map(tuple, rows)) if isinstance(rows[0], list) else tuple(rows),
    "ints": lambda rows: np.array(rows, int).tolist(),
    "int array": lambda rows: np.array(rows, np.int8),
    "unsigned array": lambda rows: np.abs(np.array(rows)).astype(np.uint16),
    "bools": lambda rows: (np.array(rows) > 0).tolist(),
    "bool array": lambda rows: np.array(rows) > 0,
    "float32": lambda rows: np.array(rows, np.float32),
    "float16": lambda rows: np.array(rows, np.float16),
    "big-endian": lambda rows: np.array(rows, ">f8"),
    "float64": np.array,
    "objects": lambda rows: np.array(rows, object),
    "columns first": lambda rows: np.asfortranarray(rows),
    "a step of −2": lambda rows: np.repeat(np.array(rows)[::-1], 2, axis=0)[::-2],
    "list of arrays": lambda rows: [np.array(x) if isinstance(x, list) else x for x in rows],
    "NumPy numbers": lambda rows: [[*map(np.int64, x)] if isinstance(x, list) else np.float32(x) for x in rows],
    "frame": Frame,
    "large ints": lambda rows: (
        [[int(x) * 2**70 for x in row] for row in rows] if isinstance(rows[0], list) else [int(x) * 2**70 for x in rows]
    ),
}


@on_both
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_numbers_are_taken_in_any_form(executor, form):
    w, b, x, y = (Value(1.0) for _ in range(4))
    program = Program(tanh(w * x + b) * y + b * x, [w, b], [x, y], executor=executor)
    theta, batch = form([3.0, -2.0]), form([[1.0, 2.0], [0.0, -3.0], [-4.0, 5.0]])
    shown = repr(theta), repr(np.array(batch).tolist())
    floats = np.array(theta, float).tolist(), np.array(batch, float).tolist()
    assert [*map(bits, program(theta, batch))] == [*map(bits, program(*floats))]
    assert bits(program.outputs(theta, batch)) == bits(program.outputs(*floats))
    assert (repr(theta), repr(np.array(batch).tolist())) == shown


@on_both
def test_an_array_that_must_not_be_written_to_is_taken_and_results_are_ones_own(executor):
    w, x = Value(1.0), Value(1.0)
    program = Program([w, w * x], [w], [x], executor=executor)
    theta, batch = np.array([2.0]), np.array([[1.0], [2.0]])
    theta.flags.writeable = batch.flags.writeable = False
    results = [*program(theta, batch), program.outputs(theta, batch)]
    kept = [*map(bits, results)]
    for result in results:
        result *= 2.0
    assert [*map(bits, [*program(theta, batch), program.outputs(theta, batch)])] == kept


@pytest.mark.parametrize(
    "theta",
    [array.array("d", [1.0]), memoryview(array.array("d", [1.0])), range(1, 2), [np.array(1.0)], {1.0}, b"1"],
    ids=lambda theta: type(theta).__name__,
)
def test_what_one_executor_takes_the_other_takes(theta):
    w, x = Value(1.0), Value(1.0)

    def found(executor):
        try:
            return Program(w * x, [w], [x], executor=executor)(theta, [[2.0]])
        except TypeError as error:
            return str(error)

    assert found("python") == found("compiled")


GOOD = ([1.0, 2.0], [[1.0, 2.0, 3.0]])
BAD = {
    "theta too short": ([1.0], GOOD[1], ValueError, "theta has 1 numbers: 2 are needed"),
    "theta too long": (np.ones(3), GOOD[1], ValueError, "theta has 3 numbers: 2 are needed"),
    "theta of two dimensions": ([[1.0, 2.0]], GOOD[1], ValueError, "theta has 1 numbers: 2 are needed"),
    "theta a column": (np.ones((2, 1)), GOOD[1], TypeError, r"theta\[0\] must be a real number, not 'list'"),
    "theta a number": (1.0, GOOD[1], TypeError, "theta must be a list or an array of 2 numbers, not 'float'"),
    "theta of no dimension": (np.array(1.0), GOOD[1], TypeError, "theta must be a list or an array of 2 numbers, not"),
    "theta None": (None, GOOD[1], TypeError, "theta must be a list or an array of 2 numbers, not 'NoneType'"),
    "theta a dict": ({0: 1.0, 1: 2.0}, GOOD[1], TypeError, "theta must be a list or an array .*, not 'dict'"),
    "theta a set": ({1.0, 2.0}, GOOD[1], TypeError, "theta must be a list or an array .*, not 'set'"),
    "theta str": ("12", GOOD[1], TypeError, "theta must be a list or an array .*, not 'str'"),
    "theta of str": (["1", "2"], GOOD[1], TypeError, r"theta\[0\] must be a real number, not 'str'"),
    "theta of str array": (np.array(["1", "2"]), GOOD[1], TypeError, r"theta\[0\] must be a real number, not 'str'"),
    "theta complex": (np.array([1, 2j]), GOOD[1], TypeError, r"theta\[0\] must be a real number, not 'complex'"),
    "a complex number": ([1.0, 2j], GOOD[1], TypeError, r"theta\[1\] must be a real number, not 'complex'"),
    "theta objects": (np.array([1.0, None]), GOOD[1], TypeError, r"theta\[1\] must be a real number, not 'NoneType'"),
    "theta Values": ([1.0, Value(2.0)], GOOD[1], TypeError, r"theta\[1\] must be a real number, not 'Value'"),
    "theta too large an int": ([1.0, 10**400], GOOD[1], OverflowError, "int too large"),
    "batch missing": (GOOD[0], None, TypeError, r"batch is missing: call program\(theta, batch\), with 3 numbers a"),
    "batch of one dimension": (GOOD[0], [1.0, 2.0, 3.0], TypeError, r"batch\[0\] must be a list .* not 'float'"),
    "batch array of one": (GOOD[0], np.ones(3), TypeError, r"batch\[0\] must be a list .* not 'float'"),
    "batch of no dimension": (GOOD[0], np.array(3.0), TypeError, r"batch must be a list or an array of shape \(m, 3\)"),
    "batch of three": (GOOD[0], np.ones((1, 3, 1)), TypeError, r"batch\[0\]\[0\] must be a real number, not 'list'"),
    "batch a number": (GOOD[0], 3.0, TypeError, r"batch must be a list or an array of shape \(m, 3\), not 'float'"),
    "batch empty": (GOOD[0], [], ValueError, "batch is empty: it needs at least one sample of 3 numbers"),
    "batch empty array": (GOOD[0], np.empty((0, 3)), ValueError, "batch is empty"),
    "batch too narrow": (GOOD[0], np.ones((4, 2)), ValueError, r"batch\[0\] has 2 numbers: 3 are needed"),
    "batch too wide": (GOOD[0], [[1.0] * 4], ValueError, r"batch\[0\] has 4 numbers: 3 are needed"),
    "batch ragged": (GOOD[0], [[1.0] * 3, [1.0] * 2], ValueError, r"batch\[1\] has 2 numbers: 3 are needed"),
    "batch of str": (GOOD[0], [[1.0, "2", 3.0]], TypeError, r"batch\[0\]\[1\] must be a real number, not 'str'"),
    "batch complex": (GOOD[0], np.ones((1, 3)) * 1j, TypeError, r"batch\[0\]\[0\] must be .*, not 'complex'"),
    "batch of None": (GOOD[0], [[1.0] * 3, [1.0, 2.0, None]], TypeError, r"batch\[1\]\[2\] must be .* 'NoneType'"),
    "batch Values": (GOOD[0], [[Value(1.0)] * 3], TypeError, r"batch\[0\]\[0\] must be a real number, not 'Value'"),
    "a row of str": (GOOD[0], ["abc"], TypeError, r"batch\[0\] must be a list or an array of 3 numbers, not 'str'"),
}


@on_both
@pytest.mark.parametrize(("theta", "batch", "error", "message"), BAD.values(), ids=BAD)
def test_wrong_arguments_are_named(executor, theta, batch, error, message):
    w, b, x, y, z = (Value(1.0) for _ in range(5))
    program = Program(w * x + b * y + z, [w, b], [x, y, z], executor=executor)
    for call in (program, program.outputs):
        with pytest.raises(error, match=f"^{message}"):
            call(theta, batch)
    assert program(*GOOD)[0] == 8.0


@on_both
def test_a_batch_without_data_is_too_much(executor):
    w = Value(1.0)
    program = Program(w * w, [w], executor=executor)
    for call in (program, program.outputs):
        for batch in ([[]], [[1.0]], []):
            with pytest.raises(TypeError, match=r"^batch is too much: call program\(theta\)$"):
                call([1.0], batch)


@on_both
@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", None, math.nan])
def test_wrong_numbers_of_threads(executor, threads):
    w, x = Value(1.0), Value(1.0)
    program = Program(w * x, [w], [x], executor=executor)
    for call in (program, program.outputs):
        with pytest.raises(ValueError, match=f"^threads is {threads!r}: it must be a whole number, at least 1$"):
            call([1.0], [[1.0]], threads=threads)


w0, x0 = Value(1.0, "w0"), Value(2.0, "x0")
PRODUCT = w0 * x0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((PRODUCT, [w0, w0]), ValueError, r"parameters\[1\] is parameters\[0\] too \(.*'w0'.*\): give each leaf once"),
        ((PRODUCT, [w0], [x0, x0]), ValueError, r"data\[1\] is data\[0\] too"),
        ((PRODUCT, [w0], [x0, w0]), ValueError, r"data\[1\] is parameters\[0\] too"),
        ((PRODUCT, [PRODUCT]), ValueError, r"parameters\[0\] is computed from others .*: only leaves"),
        ((PRODUCT, [w0], [PRODUCT]), ValueError, r"data\[0\] is computed from others"),
        (((w0 * 2).inputs[1], [w0]), TypeError, r"output\[0\] must be a Value, not Constant\(2\.0"),
        ((PRODUCT, [Constant(1.0)]), TypeError, r"parameters\[0\] must be a Value, not Constant"),
        ((PRODUCT, [w0], [3.0]), TypeError, r"data\[0\] must be a Value, not 3\.0"),
        ((PRODUCT, ["w0"]), TypeError, r"parameters\[0\] must be a Value, not 'w0'"),
        (([PRODUCT, 1.0], [w0]), TypeError, r"output\[1\] must be a Value, not 1\.0"),
        (([], [w0]), ValueError, "output is an empty list"),
        ((3.0, [w0]), TypeError, r"output must be a list of Values, not 'float': write \[x\] for a single one"),
        ((lambda: PRODUCT, [w0]), TypeError, "output must be a list of Values, not 'function': call it"),
        ((PRODUCT, w0), TypeError, r"parameters must be a list of Values, not 'Value': write \[x\] for a single one"),
        ((PRODUCT, [w0], x0), TypeError, r"data must be a list of Values, not 'Value': write \[x\] for a single one"),
    ],
)
def test_wrong_graphs_are_named(arguments, error, message):
    with pytest.raises(error, match=f"^{message}"):
        Program(*arguments)


def test_an_unknown_executor():
    for executor in ("jax", "", "Python", 1):
        with pytest.raises(ValueError, match=f"^unknown executor {executor!r}: use 'python', 'compiled', or None"):
            Program(PRODUCT, [w0], executor=executor)


def test_parameters_and_data_may_be_any_iterables():
    program = Program((PRODUCT,), iter([w0]), (x for x in [x0]), executor="python")
    assert program([3.0], [[4.0]])[0].tolist() == [12.0]


def test_the_fastest_executor_is_chosen():
    assert Program(PRODUCT, [w0]).executor == "compiled"
