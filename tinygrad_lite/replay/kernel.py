"""The kernel that runs groups of instructions: its text, written out from the table's rows, and it compiled.

Compiled by numba once for the whole table, and once for each set of one's own rows, and kept on disk: programs
are data to it.
"""

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ..engine import primitives
from ..engine.declaration import Primitive
from . import compiling, kernel_loops, rebinding
from .compiling import NotCompilableError, check_compiles, fingerprint, jitted
from .instructions import CHAIN, LINEAR, Call
from .kernel_loops import LANES
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

@njit(cache=True, nogil=True, error_model="numpy")
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
    """Put 0 where a short block has no samples, so that they add nothing. Sums come last: nobody reads these after."""
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


@njit(cache=True, nogil=True, error_model="numpy")
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


def kernel_text(calls: Sequence[Call]) -> str:
    """The kernel that knows these calls, by their positions."""
    number_calls, column_calls = [], []
    for kind, call in enumerate(calls):
        arity, name = call.arity, f"call_{kind}"
        places = ", ".join(f"numbers[tape[at + {i}]]" for i in range(arity))
        operands = "; ".join(f"x{i} = tape[at + {i}] * LANES" for i in range(arity))
        column_places = ", ".join(f"columns[x{i} + i]" for i in range(arity))
        words: dict[str, Any] = {"kind": kind, "arity": arity, "operands": operands}
        number_calls.append(NUMBER_CALL.format(call=f"{name}({places})", **words))
        column_calls.append(COLUMN_CALL.format(call=f"{name}({column_places})", **words))
    return KERNEL.format(number_calls="".join(number_calls), column_calls="".join(column_calls))


# The rows that are called in every kernel. Those of one's own come after them: each set of these is a kernel.
BUILTIN = [
    Call(row) for row in vars(primitives).values() if isinstance(row, Primitive) and row.name not in (*LINEAR, "mul")
]


kernels: dict[str, dict[str, Any]] = {}  # of this process, by digest
lock = threading.RLock()


def kernel(calls: Iterable[Call]) -> tuple[dict[str, Any], list[Call]]:
    """The compiled functions `prepare` and `run` for programs that make these calls, and the order that they are in.

    Raises: NotCompilableError for a row of one's own that numba cannot compile, or not to the same bits.
    """
    own = {call for call in calls if call not in BUILTIN}
    try:
        marks = {call: f"{call.row.name} {call.partial} {fingerprint(call.function)}" for call in own}
    except RecursionError:
        names = ", ".join(sorted({call.row.name for call in own}))
        raise NotCompilableError(f"numba cannot compile {names}: a function that calls itself") from None
    order = sorted(own, key=marks.__getitem__)
    digest = hashlib.sha256("\0".join([_foundation(), *map(marks.__getitem__, order)]).encode()).hexdigest()[:16]
    numbered = [*BUILTIN, *order]
    with lock:
        if digest not in kernels:
            for call in order:
                check_compiles(call)
            kernels[digest] = _load(kernel_text(numbered), digest, numbered)
        return kernels[digest], numbered


@cache
def _foundation() -> str:
    """A text that changes when this package's part of a kernel does."""
    files = kernel_loops.__file__, rebinding.__file__, compiling.__file__, __file__
    sources = [Path(file).read_text(encoding="utf-8") for file in files]
    return "\0".join([*sources, *(fingerprint(call.function) for call in BUILTIN)])


def _load(text: str, digest: str, calls: Sequence[Call]) -> dict[str, Any]:
    """The kernel's functions; numba compiles them when they are called first, or finds them on disk."""
    path = _cache_folder() / f"kernel_{digest}.py"  # a new name for a new text: numba's cache asks for no more
    if not path.exists():
        written = path.with_suffix(f".{os.getpid()}")
        written.write_text(text, encoding="utf-8")
        written.replace(path)
    names = {f"call_{kind}": jitted(call.function, kind >= len(BUILTIN)) for kind, call in enumerate(calls)}
    names |= vars(kernel_loops) | {"CHAIN": CHAIN, "LAYER": LAYER, "PRODUCTS": PRODUCTS, "CHECK": CHECK, "CHUNK": CHUNK}
    names["__name__"] = __name__
    exec(compile(text, path, "exec"), names)
    return names


def _cache_folder() -> Path:
    """Where compiled kernels are kept: NUMBA_CACHE_DIR, else the user's cache; else a new folder."""
    try:
        home = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(home) / "tinygrad_lite"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except (OSError, RuntimeError):  # nowhere to write, no home
        pass
    return Path(tempfile.mkdtemp())
