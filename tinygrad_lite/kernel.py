"""The compiled executor of a flat program: a loop over its groups, written out from the table's rows.

Compiled by numba once for the whole table, and once for each set of one's own rows, and kept on disk: programs
are data to it.
"""

import dis
import hashlib
import marshal
import math
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from numba import njit, types

from . import lanes, primitives, rebuilding
from .arguments import matrix, vector
from .flat import CHAIN, LINEAR, Call, Flat
from .lanes import LANES
from .rebuilding import names_used, rebuilt
from .rows import Primitive
from .schedule import CHECK, LAYER, PRODUCTS, Group, Schedule

kernels: dict[str, dict[str, Any]] = {}  # of this process, by digest
lock = threading.RLock()
CHUNK = 8 * LANES  # samples that are added up together, by one thread

NUMBER_CALL = """\
    elif kind == {kind}:
        for i in range(count):
            numbers[out + i] = {call}
            at += {arity}
"""

ROW_CALL = """\
    elif kind == {kind}:
        for _ in range(count):
            {operands}
            for i in range(n):
                rows[out + i] = {call}
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
def call_rows(kind, rows, n, out, tape, at, count):
    if kind < 0:
        return
{row_calls}

@njit(cache=True, nogil=True, error_model="numpy")
def prepare(groups, tape_, factors, numbers_, packed):
    """Compute all numbers, and pack those that layers read; whether one of them is not finite."""
    tape, numbers = address(tape_), address(numbers_)
    for g in range(len(groups)):
        kind, count, terms, out, at, _ = groups[g]
        if kind == CHAIN:
            scalar_chains(numbers, out, tape, at, terms, count)
        else:
            call_numbers(kind, numbers, out, tape, at, count)
    for i in range(len(factors)):
        packed[i] = numbers_[factors[i]]
    bad = False
    for i in range(len(numbers_)):
        bad |= numbers_[i] - numbers_[i] != 0.0
    return bad


@njit(error_model="numpy")
def run_groups(groups, tape, packed, rows, valid, n, sums):
    bad = False
    for g in range(len(groups)):
        kind, count, terms, out, at, first = groups[g]
        if kind == LAYER:
            layer(rows, n, out * LANES, tape, at, terms, count, packed, first)
        elif kind == CHAIN:
            chains(rows, n, out * LANES, tape, at, terms, count)
        elif kind == CHECK:
            bad |= not_finite(rows, n, tape, at, count)
        elif kind == PRODUCTS:
            # Beside the samples nothing is to be summed up; what is wiped out here, nobody reads any more: sums
            # come last, and only the last block of a call is a short one.
            for j in range(at, at + count):
                for i in range(valid, n):
                    rows[tape[j] * LANES + i] = 0.0
            products(rows, n, sums, tape, at, count, terms)
        else:
            call_rows(kind, rows, n, out * LANES, tape, at, count)
    return bad


@njit(cache=True, nogil=True, error_model="numpy")
def run(groups, tape, spread, numbers, packed, rows_, batch, first, last, output_rows, outputs, sums, bad):
    """Compute the chunks from `first` to before `last`; which left the range of floats is put into `bad`; any?"""
    rows = address(rows_)
    samples, columns = batch.shape
    for j in range(len(spread)):
        for i in range(LANES):
            rows[spread[j, 1] * LANES + i] = numbers[spread[j, 0]]
    for chunk in range(first, last):
        for start in range(chunk * CHUNK, min((chunk + 1) * CHUNK, samples), LANES):
            valid = min(LANES, samples - start)
            n = (valid + 15) // 16 * 16
            for j in range(columns):
                for i in range(valid):
                    rows[j * LANES + i] = batch[start + i, j]
                for i in range(valid, n):  # up to the width of the vectors: the last sample again
                    rows[j * LANES + i] = batch[start + valid - 1, j]
            try:
                bad[chunk] |= run_groups(groups, address(tape), address(packed), rows, valid, n, address(sums[chunk]))
            except Exception:
                bad[chunk] = True
            for j in range(len(output_rows)):
                column, row = output_rows[j]
                for i in range(valid):
                    outputs[start + i, column] = rows[row * LANES + i]
        for j in range(sums.shape[1]):
            bad[chunk] |= sums[chunk, j] - sums[chunk, j] != 0.0
    return bad[first:last].any()
'''


def kernel_text(calls: Sequence[Call]) -> str:
    """The kernel that knows these calls, by their positions."""
    number_calls, row_calls = [], []
    for kind, call in enumerate(calls):
        arity = len(call.row.partials) + (call.partial is not None)
        name = f"call_{kind}"
        places = ", ".join(f"numbers[tape[at + {i}]]" for i in range(arity))
        operands = "; ".join(f"x{i} = tape[at + {i}] * LANES" for i in range(arity))
        row_places = ", ".join(f"rows[x{i} + i]" for i in range(arity))
        words: dict[str, Any] = {"kind": kind, "arity": arity, "operands": operands}
        number_calls.append(NUMBER_CALL.format(call=f"{name}({places})", **words))
        row_calls.append(ROW_CALL.format(call=f"{name}({row_places})", **words))
    return KERNEL.format(number_calls="".join(number_calls), row_calls="".join(row_calls))


# The rows that are called in every kernel. Those of one's own come after them: each set of these is a kernel.
BUILTIN = [row for row in vars(primitives).values() if isinstance(row, Primitive) and row.name not in (*LINEAR, "mul")]


def kernel(calls: tuple[Call, ...]) -> dict[str, Any]:
    """The compiled functions `prepare` and `run`, for programs that make these calls."""
    text = kernel_text(calls)
    sources = [
        text,
        *(Path(file).read_text(encoding="utf-8") for file in (lanes.__file__, rebuilding.__file__, __file__)),
    ]
    sources += [_fingerprint(call.function) for call in calls]
    digest = hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]
    with lock:
        if digest not in kernels:
            kernels[digest] = _load(text, digest, calls)
        return kernels[digest]


def _load(text: str, digest: str, calls: Sequence[Call]) -> dict[str, Any]:
    """The kernel's functions; numba compiles them when they are called first, or finds them on disk."""
    path = _cache_folder() / f"kernel_{digest}.py"  # a new name for a new text: numba's cache asks for no more
    if not path.exists():
        written = path.with_suffix(f".{os.getpid()}")
        written.write_text(text, encoding="utf-8")
        written.replace(path)
    names = {f"call_{kind}": _jitted(call.function, kind >= len(BUILTIN)) for kind, call in enumerate(calls)}
    names |= vars(lanes) | {"CHAIN": CHAIN, "LAYER": LAYER, "PRODUCTS": PRODUCTS, "CHECK": CHECK, "CHUNK": CHUNK}
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


def _fingerprint(function: Any) -> str:
    """A text that changes when the function, or one that it calls, does."""
    if isinstance(function, np.ndarray):
        return f"{function.dtype} {function.shape} {function.tobytes()!r}"
    if not isinstance(function, FunctionType):
        return repr(function)
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    parts = [*names_used(function).values(), *cells, *(function.__defaults__ or ())]
    code = function.__code__.replace(co_filename="", co_firstlineno=1)  # a notebook's cell has a new one each time
    # Version 2 of the format: later ones also say how often a part is referred to elsewhere.
    return f"{marshal.dumps(code, 2)!r}{[*map(_fingerprint, parts)]}"


def _jitted(function: Any, guarded: bool) -> Any:
    """A row's function for numba, with those that it calls.

    Guarded, as one's own rows are, it raises where Python would; else an infinity might pass unseen.
    """
    if not isinstance(function, FunctionType):
        return function

    def replaced(x: Any) -> Any:
        if guarded and (x is math or getattr(x, "__module__", "") == "math"):
            return _guarded_math() if x is math else _guarded(x)
        return _jitted(x, guarded)

    copy = rebuilt(function, replaced)
    if any(step.argrepr in ("**", "**=") for step in dis.get_instructions(copy)):
        # To numba x**3 is x·x·x; to Python it is pow(x, 3.0), and so it is to numba with a float.
        code = copy.__code__
        copy.__code__ = code.replace(co_consts=tuple(float(x) if type(x) is int else x for x in code.co_consts))
    return njit(error_model="python" if guarded else "numpy")(copy)


def _guarded(function: Any) -> Any:
    """A function of `math` that raises, as it does in Python, where finite operands give no finite result."""

    @njit
    def checked(*operands):  # type: ignore[no-untyped-def]  # numba finds the types
        result = function(*operands)
        if result - result != 0.0:
            for x in operands:
                if x - x != 0.0:
                    return result
            raise OverflowError
        return result

    return checked


@cache
def _guarded_math() -> ModuleType:
    module = ModuleType("math")
    vars(module).update({name: _guarded(x) if callable(x) else x for name, x in vars(math).items() if name[0] != "_"})
    return module


class NotCompilableError(TypeError):
    """A row of one's own is written in a way that numba does not understand."""


def _check_compiles(call: Call) -> None:
    arity = len(call.row.partials) + (call.partial is not None)
    function = _jitted(call.function, guarded=True)
    try:
        njit(lambda *operands: function(*operands)).get_call_template((types.float64,) * arity, {})
    except Exception as error:  # numba's own, and what code that it does not understand leads it to
        raise NotCompilableError(f"numba cannot compile {call.row.name}, for executor='compiled': {error}") from error


class Plan:
    """A schedule as the kernel's arrays."""

    def __init__(self, flat: Flat, gradients: bool, kinds: Sequence[int]) -> None:
        schedule = Schedule(flat, gradients)
        self.numbers = _lines(schedule.numbers, kinds)
        self.rows = _lines(schedule.rows, kinds)
        self.tape = np.array(schedule.tape, np.int32)
        self.factors = np.array(schedule.factors, np.int32)
        self.spread = np.array([*schedule.spread.items()], np.int32).reshape(-1, 2)
        self.start = np.zeros(schedule.n_numbers)
        self.start[: len(schedule.start)] = schedule.start
        first = schedule.places[flat.parameters[0]] if flat.parameters else 0
        self.parameters = slice(first, first + len(flat.parameters))
        self.row_space = schedule.n_rows * LANES
        self.results = len(schedule.results)
        places = np.array([schedule.places[slot] for slot in schedule.results], np.int32)
        is_row = np.array([schedule.is_row[slot] for slot in schedule.results], bool)
        self.number_results, self.number_places = np.flatnonzero(~is_row), places[~is_row]
        outputs = np.flatnonzero(is_row[: schedule.outputs])
        self.output_rows = np.column_stack([outputs, places[outputs]]).astype(np.int32)
        self.workspaces: list[Any] = []  # rows that no thread is using


def _lines(groups: Sequence[Group], kinds: Sequence[int]) -> Any:
    """One line for each group; calls get the numbers that the kernel has for them."""
    lines = [[kinds[group.kind] if group.kind >= 0 else group.kind, *group[1:]] for group in groups]
    return np.array(lines, np.int32).reshape(-1, 6)


class Kernel:
    """The executor of a flat program by compiled code; used as `StraightLine` is."""

    def __init__(self, flat: Flat) -> None:
        calls = tuple(dict.fromkeys([*map(Call, BUILTIN), *flat.calls]))
        for call in calls[len(BUILTIN) :]:
            _check_compiles(call)
        self.flat = flat
        self.kinds = [calls.index(call) for call in flat.calls]
        self.functions = kernel(calls)
        self.plans: dict[bool, Plan] = {}
        self.pool: ThreadPoolExecutor | None = None
        self.workers = (0, 0)

    def __call__(
        self, theta: Any, batch: Any, gradients: bool, threads: int, exact: Callable[..., list[float]]
    ) -> tuple[Any, Any]:
        """The means of the outputs and, if asked for, their gradients, in one array; the outputs of each sample."""
        theta = _array(theta, vector, len(self.flat.parameters), "theta", 1)
        batch = _array(batch, matrix, len(self.flat.data), "batch", 2)
        if gradients not in self.plans:
            self.plans[gradients] = Plan(self.flat, gradients, self.kinds)
        plan, m, k, chunks = self.plans[gradients], len(batch), len(self.flat.outputs), -(-len(batch) // CHUNK)
        numbers, packed = plan.start.copy(), np.empty(len(plan.factors))
        numbers[plan.parameters] = theta
        outputs, sums, bad = np.empty((m, k)), np.zeros((chunks, plan.results + 1)), np.zeros(chunks, bool)

        def run(first: int, last: int) -> bool:
            try:
                rows = plan.workspaces.pop()
            except IndexError:
                rows = np.empty(plan.row_space)
            arrays = plan.rows, plan.tape, plan.spread, numbers, packed, rows, batch
            failed: bool = self.functions["run"](*arrays, first, last, plan.output_rows, outputs, sums, bad)
            plan.workspaces.append(rows)
            return failed

        try:
            failed = self.functions["prepare"](plan.numbers, plan.tape, plan.factors, numbers, packed)
        except (ArithmeticError, ValueError):
            failed = True
        if failed:
            bad[:] = True
        elif len(plan.rows):
            failed = self._share(run, chunks, threads)
        if failed:
            for chunk in np.flatnonzero(bad).tolist():
                samples = range(chunk * CHUNK, min((chunk + 1) * CHUNK, m))
                results = np.array([exact(theta.tolist(), batch[i].tolist(), i) for i in samples])
                outputs[samples.start : samples.stop] = results[:, :k]
                with np.errstate(all="ignore"):
                    sums[chunk, :-1] = results.sum(axis=0)
                numbers[plan.number_places] = results[0, plan.number_results]
        means = (sums[0] if chunks == 1 else np.add.reduce(sums))[:-1] / m
        if len(plan.number_results):
            means[plan.number_results] = numbers[plan.number_places]
            for j in plan.number_results[plan.number_results < k]:
                outputs[:, j] = means[j]
        if m == 1:
            means[:k] = outputs[0]  # the sum of one −0.0 is none
        return means, outputs

    def _share(self, run: Callable[[int, int], bool], chunks: int, threads: int) -> bool:
        """Run the chunks, consecutive ones in each thread; what each adds up does not depend on how many there are."""
        if threads == 1 or chunks == 1:
            return run(0, chunks)
        threads = min(threads, chunks)
        if self.pool is None or self.workers != (os.getpid(), threads):  # threads do not survive a fork
            self.pool, self.workers = ThreadPoolExecutor(threads - 1), (os.getpid(), threads)
        bounds = [chunks * i // threads for i in range(threads + 1)]
        shares = [self.pool.submit(run, *share) for share in pairwise(bounds[1:])]
        return any([run(0, bounds[1]), *(share.result() for share in shares)])


def _array(given: Any, check: Callable[[Any, int, str], Any], n: int, name: str, dimensions: int) -> Any:
    """`given` as an array of float64 whose last dimension is n; errors are those of `check`, as for lists."""
    try:
        array = np.asarray(given)
        if array.dtype.kind in "biuf" and array.ndim == dimensions and array.shape[-1] == n and len(array):
            array = np.ascontiguousarray(array, np.float64)
            return array if array.flags.writeable else array.copy()  # the kernel is compiled for these
    except ValueError:  # rows of different lengths
        pass
    return np.array(check(given, n, name), np.float64)
