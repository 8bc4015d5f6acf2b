"""The compiled executor of a flat program: its schedule as arrays, and the kernel called with them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

from .arguments import matrix, vector
from .compiling import check_compiles
from .flat import Call, Flat
from .kernel import BUILTIN, CHUNK, kernel
from .lanes import LANES
from .schedule import Group, Schedule


class Plan:
    """A schedule as the kernel's arrays."""

    def __init__(self, flat: Flat, gradients: bool, kinds: Sequence[int]) -> None:
        schedule = Schedule(flat, gradients)
        self.numbers = _lines(schedule.numbers, kinds)
        self.columns = _lines(schedule.columns, kinds)
        self.tape = np.array(schedule.tape, np.int32)
        self.factors = np.array(schedule.factors, np.int32)
        self.spread = np.array([*schedule.spread.items()], np.int32).reshape(-1, 2)
        self.start = np.zeros(schedule.n_numbers)
        self.start[: len(schedule.start)] = schedule.start
        first = schedule.places[flat.parameters[0]] if flat.parameters else 0
        self.parameters = slice(first, first + len(flat.parameters))
        self.column_space = schedule.n_columns * LANES
        self.results = len(schedule.results)
        places = np.array([schedule.places[slot] for slot in schedule.results], np.int32)
        is_column = np.array([schedule.is_column[slot] for slot in schedule.results], bool)
        self.number_results, self.number_places = np.flatnonzero(~is_column), places[~is_column]
        outputs = np.flatnonzero(is_column[: schedule.outputs])
        self.output_columns = np.column_stack([outputs, places[outputs]]).astype(np.int32)
        self.workspaces: list[Any] = []  # columns that no thread is using


def _lines(groups: Sequence[Group], kinds: Sequence[int]) -> Any:
    """One line for each group; calls get the numbers that the kernel has for them."""
    lines = [[kinds[group.kind] if group.kind >= 0 else group.kind, *group[1:]] for group in groups]
    return np.array(lines, np.int32).reshape(-1, 6)


class Compiled:
    """The executor of a flat program by compiled code; used as `StraightLine` is."""

    def __init__(self, flat: Flat) -> None:
        calls = tuple(dict.fromkeys([*map(Call, BUILTIN), *flat.calls]))
        for call in calls[len(BUILTIN) :]:
            check_compiles(call)
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
                columns = plan.workspaces.pop()
            except IndexError:
                columns = np.empty(plan.column_space)
            arrays = plan.columns, plan.tape, plan.spread, numbers, packed, columns, batch
            failed: bool = self.functions["run"](*arrays, first, last, plan.output_columns, outputs, sums, bad)
            plan.workspaces.append(columns)
            return failed

        try:
            failed = self.functions["prepare"](plan.numbers, plan.tape, plan.factors, numbers, packed)
        except (ArithmeticError, ValueError):
            failed = True
        if failed:
            bad[:] = True
        elif len(plan.columns):
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
