"""The kernel that runs groups of instructions: its text, written out from the table's rows, and it compiled.

Numba compiles it once on a machine, for all programs, which are data to it.
"""

import os
import pickle
import sys
import warnings
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from ..engine import primitives, stable_forms
from ..engine.declaration import TABLE, Primitive
from . import kernel_loops
from .inlining import FLOAT_POWER
from .instructions import CHAIN, LINEAR
from .kernel_loops import LANES
from .rebinding import rebind
from .schedule import CHECK, LAYER, PRODUCTS

CHUNK = 8 * LANES  # samples that are added up together, by one thread

NUMBER_CALL = """\
    elif kind == {kind}:
        for i in range(count):
            numbers[out + i] = {call}
            at += {arity}
"""

COLUMN_CALL = """\
    elif kind == {kind}:
        for _ in range(count):
            {operands}
            for i in range(n):
                columns[out + i] = {call}
            at += {arity}
            out += LANES
"""

KERNEL = '''\
@njit(error_model="numpy")
def call_numbers(kind, numbers, out, tape, at, count):
    if kind < 0:
        return
{number_calls}

@njit(error_model="numpy")
def call_columns(kind, columns, n, out, tape, at, count):
    if kind < 0:
        return
{column_calls}

@njit(nogil=True, error_model="numpy")
def prepare(groups, tape_, factors, given, numbers_, packed):
    """Compute all numbers but the first, which are given, and pack those that layers read: is one not finite?"""
    tape, numbers = address(tape_), address(numbers_)
    for g in range(len(groups)):
        kind, members, width, out, at, _ = groups[g]
        if kind == CHAIN:
            scalar_chains(numbers, out, tape, at, width, members)
        else:
            call_numbers(kind, numbers, out, tape, at, members)
    for i in range(len(factors)):
        packed[i] = numbers_[factors[i]]
    bad = False
    for i in range(given, len(numbers_)):
        bad |= numbers_[i] - numbers_[i] != 0.0
    return bad


@njit(error_model="numpy")
def without_padding(columns, valid, n, tape, at, count):
    """Put 0 where a short block has no samples, so that they add nothing: for sums, the last that are computed."""
    for j in range(at, at + count):
        for i in range(valid, n):
            columns[tape[j] * LANES + i] = 0.0


@njit(error_model="numpy")
def run_groups(groups, tape, packed, columns, valid, n, sums, base):
    bad = False
    for g in range(len(groups)):
        kind, members, width, out, at, first = groups[g]
        if kind == LAYER:
            layer(columns, n, out * LANES, tape, at, width, members, packed, first)
        elif kind == CHAIN:
            chains(columns, n, out * LANES, tape, at, width, members)
        elif kind == CHECK:
            bad |= not_finite(columns, n, tape, at, members)
        elif kind == PRODUCTS:
            without_padding(columns, valid, n, tape, at, members)
            products(columns, n, sums, base, tape, at, members, width)
        else:
            call_columns(kind, columns, n, out * LANES, tape, at, members)
    return bad


@njit(nogil=True, error_model="numpy")
def run(groups, tape, spread, numbers, packed, columns_, batch, first, end, output_columns, outputs, sums, bad):
    """Compute the chunks from `first` to before `end`; those that leave the range of floats are marked in `bad`."""
    columns, totals = address(columns_), address(sums)
    (samples, d), results = batch.shape, sums.shape[1]
    for j in range(len(spread)):
        for i in range(LANES):
            columns[spread[j, 1] * LANES + i] = numbers[spread[j, 0]]
    for chunk in range(first, end):
        bad[chunk] = True  # until it is done: an error ends the loop
        failed = False
        for start in range(chunk * CHUNK, min((chunk + 1) * CHUNK, samples), LANES):
            valid = min(LANES, samples - start)
            n = (valid + 15) // 16 * 16
            for j in range(d):
                for i in range(valid):
                    columns[j * LANES + i] = batch[start + i, j]
                for i in range(valid, n):  # up to the width of the vectors: the last sample again
                    columns[j * LANES + i] = batch[start + valid - 1, j]
            failed |= run_groups(groups, address(tape), address(packed), columns, valid, n, totals, chunk * results)
            for j in range(len(output_columns)):
                output, column = output_columns[j]
                for i in range(valid):
                    outputs[start + i, output] = columns[column * LANES + i]
        for j in range(results):
            failed |= sums[chunk, j] - sums[chunk, j] != 0.0
        bad[chunk] = failed
'''


# The rows that are called; the others are chains.
ROWS = [row for row in TABLE.values() if row.builtin and row.name not in (*LINEAR, "mul")] + [FLOAT_POWER]


def kernel_text(rows: Sequence[Primitive]) -> str:
    """The kernel that calls these rows, by their positions."""
    number_calls, column_calls = [], []
    for kind, row in enumerate(rows):
        arity, name = len(row.partials), f"call_{kind}"
        places = ", ".join(f"numbers[tape[at + {i}]]" for i in range(arity))
        operands = "; ".join(f"x{i} = tape[at + {i}] * LANES" for i in range(arity))
        column_places = ", ".join(f"columns[x{i} + i]" for i in range(arity))
        words: dict[str, Any] = {"kind": kind, "arity": arity, "operands": operands}
        number_calls.append(NUMBER_CALL.format(call=f"{name}({places})", **words))
        column_calls.append(COLUMN_CALL.format(call=f"{name}({column_places})", **words))
    return KERNEL.format(number_calls="".join(number_calls), column_calls="".join(column_calls))


@cache
def kernel() -> dict[str, Any]:
    """The functions `prepare` and `run`; numba compiles them when they are called first, or they are found on disk."""
    text = kernel_text(ROWS)
    names = {f"call_{kind}": _jit(row.value) for kind, row in enumerate(ROWS)}
    names |= vars(kernel_loops) | {"CHAIN": CHAIN, "LAYER": LAYER, "PRODUCTS": PRODUCTS, "CHECK": CHECK, "CHUNK": CHUNK}
    names["__name__"] = __name__
    exec(compile(text, "<kernel>", "exec"), names)
    for name in ("prepare", "run"):
        names[name]._cache = KernelFile(name)
    return names


def _jit(function: Any) -> Any:
    """A row's function for numba, with those that it calls."""
    if not isinstance(function, FunctionType):
        return function
    return numba.njit(error_model="numpy")(rebind(function, _jit))


class KernelFile:
    """Where a compiled function of the kernel is kept, in place of numba's own cache.

    A checksum comes first: numba's cache raises where a file is damaged, or runs what is no code.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def path(self, signature: Any, target: Any) -> Path:
        """A file for all that the code depends on. Raises: RuntimeError where there is no home."""
        files = (kernel_loops.__file__, primitives.__file__, stable_forms.__file__, __file__)
        parts = [Path(file).read_bytes() for file in files]
        parts.append(repr((self.name, signature, target.magic_tuple(), numba.__version__, sys.version)).encode())
        home = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(home) / "tinygrad_lite" / f"{self.name}_{sha256(b''.join(parts)).hexdigest()[:16]}"

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The compiled function; None where there is none, or a damaged one."""
        context.refresh()
        try:
            content = self.path(signature, context.codegen()).read_bytes()
        except (OSError, RuntimeError):
            return None
        checksum, data = content[:32], content[32:]
        if checksum != sha256(data).digest():
            return None
        return CompileResult._rebuild(context, *pickle.loads(data))  # type: ignore[no-untyped-call]

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep the compiled function; a warning where that is not possible."""
        data = dumps(result._reduce())  # type: ignore[no-untyped-call]
        try:
            path = self.path(signature, result.codegen)
            unfinished = path.with_suffix(f".{os.getpid()}")
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                unfinished.write_bytes(sha256(data).digest() + data)
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
        except (OSError, RuntimeError) as error:
            advice = "let NUMBA_CACHE_DIR be a folder that can be written to"
            message = f"the compiled kernel cannot be kept ({error}), and each process compiles it anew: {advice}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
