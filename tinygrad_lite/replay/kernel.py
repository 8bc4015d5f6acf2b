"""The kernel: it runs groups of instructions, each by a function that is called by its address.

Numba compiles that and each of these functions apart, once on a machine, and a function when a program first needs it:
so neither the size of the table nor other programs cost a program anything.
"""

# mypy: ignore-errors
# (these functions are compiled by numba, which finds their types itself)
from collections.abc import Sequence
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from ..engine.declaration import Primitive
from . import kernel_loops
from .kernel_file import UNWRAPPED, compile_once
from .kernel_loops import GROUP, LANES, address, chains, layer, not_finite, products, scalar_chains, strips
from .kernel_vectors import row_on_vectors
from .rebinding import rebind

CHUNK = 8 * LANES  # samples that are added up together, by one thread

# `count` calls of a row's function, each of n numbers that stand side by side.
CALLS = """\
def calls(p, n, valid, stride, out, tape, at, count, terms, w, first, sums):
    for _ in range(count):
        {operands}
        for i in range({n}):
            {result}
        at += {arity}
        out += stride
    return False
"""


def functions_of(rows: Sequence[Primitive], of_numbers: bool, exact: bool) -> Any:
    """The addresses of what does a group, by its kind: calls of these rows, and CHECK, PRODUCTS, LAYER, CHAIN at the
    end. Unless they are to be `exact`, columns are computed by vectors where the platform has them.
    """
    loops = (not_finite, strips, scalar_chains) if of_numbers else (products, not_finite, layer, chains)
    compiled = [_compile_calls(row, None if exact or of_numbers else row_on_vectors(row)) for row in rows] + [
        _compile_group(loop.__name__, loop) for loop in loops
    ]
    return np.array([address for address, _ in compiled], np.intp)


@cache
def _compile_group(name: str, function: Any) -> tuple[int, Any]:
    """The address of a function that does a group, and what keeps it there."""
    [compiled] = compile_once(name, function, GROUP, **UNWRAPPED).overloads.values()
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name), compiled


@cache
def _compile_calls(row: Primitive, vectors: Any) -> tuple[int, Any]:
    """As `_compile_group`, for the calls of a row, by `vectors` unless that is None."""
    arity = len(row.partials)
    offsets = [f"x{i} + i" for i in range(arity)]
    n, result = "n", f"p[out + i] = value({', '.join(f'p[{x}]' for x in offsets)})"
    if vectors is not None:
        n, result = "0, n, WIDTH", f"store(p, out + i, vectors({', '.join(f'load(p, {x})' for x in offsets)}))"
    operands = "; ".join(f"x{i} = tape[at + {i}] * stride" for i in range(arity))
    text = CALLS.format(arity=arity, operands=operands, n=n, result=result)
    names = {**vars(kernel_loops), "__name__": __name__, "value": _jit(row.value), "vectors": vectors}
    exec(compile(text, "<kernel>", "exec"), names)
    return _compile_group(row.name if vectors is None else f"{row.name}_by_vectors", names["calls"])


def _jit(function: Any) -> Any:
    """A row's function for numba, with those that it calls."""
    if not isinstance(function, FunctionType):
        return function
    return njit(error_model="numpy")(rebind(function, _jit))


@intrinsic
def call(context: Any, where: Any, *arguments: Any) -> Any:
    """Call the compiled function at an address with the arguments of a GROUP: was something bad, or did it raise?"""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.call_conv.get_function_type(GROUP.return_type, GROUP.args)
        function = builder.inttoptr(args[0], kind.as_pointer())
        arguments = [builder.extract_value(args[1], i) for i in range(len(GROUP.args))]
        status, bad = context.call_conv.call_function(builder, function, GROUP.return_type, GROUP.args, arguments)
        return builder.or_(status.is_error, bad)

    return types.boolean(types.intp, types.StarArgTuple(GROUP.args)), emit


@njit(error_model="numpy", **UNWRAPPED)
def run_groups(groups, functions, p, n, valid, stride, tape, packed, sums):
    """All groups, one after the other; `functions` has the addresses of what does them, by kind."""
    bad = False
    for g in range(len(groups)):
        kind, members, width, out, at, first, lanes = groups[g]
        more = at, members, width, packed, first, sums
        bad |= call(functions[kind], p, n * lanes, valid, stride, out * stride, tape, *more)
    return bad


def prepare(groups, functions, tape, factors, numbers, packed):
    """Compute all numbers but the first, which are given, and pack those that layers read: is one bad?"""
    p = address(numbers)
    bad = run_groups(groups, functions, p, 1, 1, 1, address(tape), p, p)
    for i in range(len(factors)):
        packed[i] = numbers[factors[i]]
    return bad


def run(
    groups, functions, tape, spread, numbers, packed, columns, batch, first, end, output_columns, outputs, sums, bad
):
    """Compute the chunks from `first` to before `end`; those that leave the range of floats are marked in `bad`."""
    (samples, d), results = batch.shape, sums.shape[1]
    stride = min(LANES, (samples + 15) // 16 * 16)
    for j in range(len(spread)):
        for i in range(stride):
            columns[spread[j, 1] * stride + i] = numbers[spread[j, 0]]
    p, w = address(columns), address(packed)
    for chunk in range(first, end):
        failed = False
        for start in range(chunk * CHUNK, min((chunk + 1) * CHUNK, samples), LANES):
            valid = min(LANES, samples - start)
            n = (valid + 15) // 16 * 16
            for j in range(d):
                for i in range(valid):
                    columns[j * stride + i] = batch[start + i, j]
                for i in range(valid, n):  # up to the width of the vectors: the last sample again
                    columns[j * stride + i] = batch[start + valid - 1, j]
            failed |= run_groups(groups, functions, p, n, valid, stride, address(tape), w, address(sums[chunk]))
            for j in range(len(output_columns)):
                output, column = output_columns[j]
                for i in range(valid):
                    outputs[start + i, output] = columns[column * stride + i]
        for j in range(results):
            failed |= sums[chunk, j] - sums[chunk, j] != 0.0
        bad[chunk] = failed


def _array(kind: Any, dimensions: int = 1) -> Any:
    return types.Array(kind, dimensions, "C")


LINES, PLACES, FLOATS, TABLE = (
    _array(types.int32, 2),
    _array(types.int32),
    _array(types.float64),
    _array(types.float64, 2),
)
ADDRESSES, COUNT = _array(types.intp), types.intp


@cache
def kernel() -> tuple[Any, Any]:
    """`prepare` and `run`, compiled."""
    of_numbers = types.boolean(LINES, ADDRESSES, PLACES, PLACES, FLOATS, FLOATS)
    given = (LINES, ADDRESSES, PLACES, LINES, FLOATS, FLOATS, FLOATS, TABLE, COUNT, COUNT)
    of_samples = types.void(*given, LINES, TABLE, TABLE, _array(types.boolean))
    return compile_once("prepare", prepare, of_numbers), compile_once("run", run, of_samples)
