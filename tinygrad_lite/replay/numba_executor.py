"""The compiled executor of a program: its schedule as arrays, and the kernel called with them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise
from typing import Any

import numpy as np

from ..engine.arguments import check_matrix, check_vector
from .executor import Recompute, check_sums
from .instructions import Instructions
from .kernel import CHUNK, functions_of, kernel
from .kernel_loops import LANES
from .kernel_recording import MINUS_ONE
from .python_executor import PythonExecutor
from .schedule import Schedule
from .strips import Strips

EMPTY = np.empty(0)
FLOAT = EMPTY.dtype
SMALL = 200  # length of the code that Python has read by the time the kernel is called


class Plan:
    """A schedule as the kernel's arrays."""

    def __init__(self, instructions: Instructions, gradients: bool, exact: bool, single: bool) -> None:
        schedule = Schedule(instructions, gradients, single)
        self.gradients = gradients
        self.columns = np.fromiter(chain.from_iterable(schedule.columns), np.int32).reshape(-1, 7)
        rows = [call.row for call in instructions.calls]
        self.number_functions = functions_of(rows, True, exact)
        self.column_functions = functions_of(rows, False, exact) if len(self.columns) else None
        self.tape = np.array(schedule.tape, np.int32)
        strips = Strips(schedule.numbers, self.tape, len(schedule.start))
        self.numbers, self.number_tape = strips.groups, strips.tape
        self.factors = strips.places[np.array(schedule.factors, np.int32)]
        self.spread = np.array([*schedule.spread.items()], np.int32).reshape(-1, 2)
        self.spread[:, 0] = strips.places[self.spread[:, 0]]
        self.start = np.zeros(strips.end)
        self.start[: len(schedule.start)] = schedule.start
        first, p, d = MINUS_ONE + 1, len(instructions.parameters), len(instructions.data)
        self.parameters, self.data = slice(first, first + p), slice(first + p, first + p + d)
        self.column_space = schedule.n_columns * LANES
        self.results, self.outputs = len(schedule.results), schedule.outputs
        places = np.array([schedule.places[slot] for slot in schedule.results], np.int32)
        is_column = np.array([schedule.is_column[slot] for slot in schedule.results], bool)
        self.number_results = np.flatnonzero(~is_column)
        self.number_places = strips.places[places[~is_column]].astype(np.intp)
        outputs = np.flatnonzero(is_column[: schedule.outputs])
        self.output_columns = np.column_stack([outputs, places[outputs]]).astype(np.int32)
        self.workspaces: list[Any] = []  # columns, of a single sample numbers, that no thread is using

    def compute_sample(self, prepare: Any, theta: Any, sample: Any) -> Any:
        """The results for the single sample that this is a plan for; None where they leave the range of floats."""
        try:
            numbers = self.workspaces.pop()
        except IndexError:
            numbers = self.start.copy()
        numbers[self.parameters] = theta
        numbers[self.data] = sample
        bad = prepare(self.numbers, self.number_functions, self.number_tape, self.factors, numbers, EMPTY)
        results = None if bad else numbers.take(self.number_places)
        self.workspaces.append(numbers)
        return results


class Replay:
    """One call of a program: its numbers, and what is collected of the samples.

    Attributes:
        numbers: the results that are the same for all samples; packed: those that layers read, as they read them.
        outputs: of each sample; sums: of the results, for each chunk of samples, and a place that is not read.
        bad: the chunks whose numbers left the range of floats, or came from such.
        infinite: the results that were not finite for some sample, and rightly so.
    """

    def __init__(self, plan: Plan, theta: Any, batch: Any) -> None:
        self.plan, self.batch = plan, batch
        chunks = -(-len(batch) // CHUNK)
        self.numbers, self.packed = plan.start.copy(), np.empty(len(plan.factors))
        self.numbers[plan.parameters] = theta
        self.outputs = np.empty((len(batch), plan.outputs))
        self.sums = np.zeros((chunks, plan.results + 1))
        self.bad = np.zeros(chunks, bool)
        self.infinite = np.zeros(plan.results, bool)

    def compute_numbers(self, prepare: Any) -> bool:
        """Compute what is the same for all samples; False where that leaves the range of floats, or a row raises."""
        plan = self.plan
        given = plan.numbers, plan.number_functions, plan.number_tape, plan.factors
        return not prepare(*given, self.numbers, self.packed)

    def compute(self, run: Any, first: int, end: int) -> None:
        """Compute the chunks from `first` to before `end`."""
        plan = self.plan
        try:
            columns = plan.workspaces.pop()
        except IndexError:
            columns = _allocate(plan.column_space)
        given = (
            plan.columns,
            plan.column_functions,
            plan.tape,
            plan.spread,
            self.numbers,
            self.packed,
            columns,
            self.batch,
        )
        run(*given, first, end, plan.output_columns, self.outputs, self.sums, self.bad)
        plan.workspaces.append(columns)

    def put(self, chunk: int, results: Any) -> None:
        """What a chunk's samples give, outputs and gradients of each in a row, in place of what was computed."""
        plan, start = self.plan, chunk * CHUNK
        self.outputs[start : start + len(results)] = results[:, : plan.outputs]
        self.infinite |= ~np.isfinite(results).all(axis=0)
        with np.errstate(all="ignore"):
            self.sums[chunk, :-1] = results.sum(axis=0)
        self.numbers[plan.number_places] = results[0, plan.number_results]

    def means(self) -> Any:
        """The means of the results over the samples."""
        plan, k = self.plan, self.plan.outputs
        totals = self.sums[0, :-1]
        if len(self.sums) > 1:
            with np.errstate(all="ignore"):
                totals = np.add.reduce(self.sums)[:-1]
        # A single chunk that is not bad has finite sums. Without gradients the outputs are asked for, not their mean.
        doubtful = plan.gradients and (len(self.sums) > 1 or self.bad[0])
        if doubtful and not np.isfinite(totals).all():
            check_sums(totals, ~self.infinite, k)
        means = totals / len(self.batch)
        if len(plan.number_results):  # no data in them: nothing was added up
            means[plan.number_results] = self.numbers[plan.number_places]
            for j in plan.number_results[plan.number_results < k]:
                self.outputs[:, j] = means[j]
        if len(self.batch) == 1:
            means[:k] = self.outputs[0]  # the sum of one −0.0 is none
        return means


class NumbaExecutor:
    """The executor by compiled code; `exact` as `Program` has it."""

    def __init__(self, instructions: Instructions, exact: bool) -> None:
        self.instructions, self.exact = instructions, exact
        self.prepare, self.run = kernel()
        self.plans: dict[tuple[bool, bool], Plan] = {}
        self.pool: ThreadPoolExecutor | None = None
        self.workers = (0, 0)
        self.by_python = PythonExecutor(instructions)

    def check(self, theta: Any, batch: Any) -> tuple[Any, Any]:
        """As `Executor` says: in arrays for the kernel, in lists where Python is done sooner."""
        try:
            small = len(batch) * len(self.instructions.code) <= SMALL
        except TypeError:  # no list, and no array but one of no dimensions: the check will say so
            small = False
        if small:
            return self.by_python.check(_to_lists(theta), _to_lists(batch))
        p, d = self.by_python.p, self.by_python.d
        return _to_floats(theta, check_vector, p, "theta", 1), _to_floats(batch, check_matrix, d, "batch", 2)

    def compute_batch(
        self, theta: Any, batch: Any, gradients: bool, threads: int, recompute: Recompute
    ) -> tuple[Any, Any]:
        """As `Executor` says."""
        if type(batch) is list:
            return self.by_python.compute_batch(theta, batch, gradients, threads, recompute)
        replay = Replay(self._plan(gradients, False), theta, batch)
        if not replay.compute_numbers(self.prepare):
            replay.bad[:] = True
        elif len(replay.plan.columns):
            self._share(replay, threads)
        for chunk in (i for i, bad in enumerate(replay.bad.tolist()) if bad):
            samples = batch[chunk * CHUNK : (chunk + 1) * CHUNK].tolist()
            parameters, compute = theta.tolist(), self.by_python.compute_sample
            found = [compute(parameters, x, gradients, recompute, i) for i, x in enumerate(samples, chunk * CHUNK)]
            replay.put(chunk, np.array(found))
        return replay.means(), replay.outputs

    def compute_sample(
        self, theta: Any, sample: Any, gradients: bool, recompute: Recompute, i: int = 0
    ) -> Sequence[float]:
        """As `Executor` says."""
        if len(self.instructions.code) <= SMALL:
            return self.by_python.compute_sample(theta, sample, gradients, recompute, i)
        results: Any = self._plan(gradients, True).compute_sample(self.prepare, theta, sample)
        return recompute([*map(float, theta)], [*map(float, sample)], i, gradients) if results is None else results

    def _plan(self, gradients: bool, single: bool) -> Plan:
        if (gradients, single) not in self.plans:
            self.plans[gradients, single] = Plan(self.instructions, gradients, self.exact, single)
        return self.plans[gradients, single]

    def _share(self, replay: Replay, threads: int) -> None:
        """Compute all chunks, consecutive ones in each thread; what one adds up does not depend on their number."""
        chunks = len(replay.bad)
        if threads == 1 or chunks == 1:
            replay.compute(self.run, 0, chunks)
            return
        threads = min(threads, chunks)
        if self.pool is None or self.workers != (os.getpid(), threads):  # threads do not survive a fork
            self.pool, self.workers = ThreadPoolExecutor(threads - 1), (os.getpid(), threads)
        bounds = [chunks * i // threads for i in range(threads + 1)]
        shares = [self.pool.submit(replay.compute, self.run, *share) for share in pairwise(bounds[1:])]
        replay.compute(self.run, 0, bounds[1])
        for share in shares:
            share.result()


def _allocate(n: int) -> Any:
    """Room for n floats, so that eight of them lie in one line of the cache: the kernel takes eight at a time."""
    space = np.empty(n + 7)
    start = -space.ctypes.data % 64 // 8
    return space[start : start + n]


def _to_lists(given: Any) -> Any:
    """An array of floats as lists, which are checked sooner; anything else as it is."""
    return given.tolist() if type(given) is np.ndarray and given.dtype is FLOAT else given


def _to_floats(given: Any, check: Callable[[Any, int, str], Any], n: int, name: str, dimensions: int) -> Any:
    """`given` as an array of float64 whose last dimension is n; errors are those of `check`, as for lists."""
    try:
        array = np.asarray(given)
        if array.dtype.kind in "biuf" and array.ndim == dimensions and array.shape[-1] == n and len(array):
            array = np.ascontiguousarray(array, np.float64)
            return array if array.flags.writeable else array.copy()  # the kernel is compiled for these
    except ValueError:  # rows of different lengths
        pass
    return np.array(check(given, n, name), np.float64)
