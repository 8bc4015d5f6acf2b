"""The executor for JAX, which compiles it for GPUs and shares it out among devices.

Group by group as the kernel does it, each as an operation on arrays: a layer is a product of matrices. The
values are those of the table's rows; where one branches, every way is computed and the right one selected. Their
derivatives are the table's too, so that `jax.grad` of a program agrees with its own gradient, at kinks as elsewhere.
"""

import operator
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import cache
from heapq import heapify, heappop, heappush
from itertools import chain, groupby
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from ..engine.declaration import Primitive
from .branching import Carrier, follow
from .instructions import Instructions
from .kernel_recording import CHAIN
from .schedule import CHECK, LAYER, PRODUCTS, Group, Schedule

FEW = 4  # pieces that are joined
# The functions of `math`, where JAX has the same.
SAME = "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos degrees exp expm1 fabs floor fmod hypot"
SAME += " isfinite isinf isnan log log10 log1p log2 nextafter radians sin sqrt tan tanh trunc"
FUNCTIONS = {name: getattr(jnp, name) for name in SAME.split() if hasattr(jnp, name)}
FUNCTIONS |= {"pow": jnp.power, "erf": jax.scipy.special.erf, "erfc": jax.scipy.special.erfc}
FUNCTIONS |= {"lgamma": jax.scipy.special.gammaln}


def _hyperbolic(near: Callable[[Any], Any], sign: int) -> Callable[[Any], Any]:
    """JAX's sinh or cosh, which beyond 20 is exp(x − log 2) to JAX, with the error of that difference."""

    def of_array(x: Any) -> Any:
        root = jnp.exp(0.5 * jnp.abs(x))  # within range wherever the result is
        return jnp.where(jnp.abs(x) < 20, near(x), jnp.where(x < 0, sign, 1) * (0.5 * root) * root)

    return of_array


def _exp2(x: Any) -> Any:
    """JAX's exp2 is exp(x·log 2), with the error of that product: of the part behind the point it is small."""
    whole = jnp.round(x)
    half = jnp.floor(0.5 * whole)  # a factor 2^whole may be out of range where the result is not
    powers = jnp.ldexp(1.0, half.astype(int)) * (jnp.exp2(x - whole) * jnp.ldexp(1.0, (whole - half).astype(int)))
    return jnp.where(jnp.abs(x) < 1100, powers, jnp.exp2(x))


FUNCTIONS |= {"exp2": _exp2, "sinh": _hyperbolic(jnp.sinh, -1), "cosh": _hyperbolic(jnp.cosh, 1)}


@cache
def value_on_arrays(row: Primitive) -> Callable[..., Any]:
    """A row as a function of arrays, whose derivatives to JAX are made of the row's own."""
    value, *slopes = (on_arrays(function, row.name) for function in (row.value, *row.partials))

    def apply(*operands: Any) -> Any:
        traced = [i for i, x in enumerate(operands) if isinstance(x, jax.Array)]  # the others are known constants

        def complete(arrays: Sequence[Any]) -> list[Any]:
            given = dict(zip(traced, arrays, strict=True))
            return [given.get(i, x) for i, x in enumerate(operands)]

        def differentiate(arrays: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
            y: Any = function(*arrays)
            total = jnp.zeros_like(y)
            for i, tangent in zip(traced, tangents, strict=True):
                if not isinstance(tangent, SymbolicZero):  # the slope by a constant exponent need not exist
                    total += slopes[i](*complete(arrays), y) * tangent
            return y, total

        function = jax.custom_jvp(lambda *arrays: value(*complete(arrays)))
        function.defjvp(differentiate, symbolic_zeros=True)
        return function(*(operands[i] for i in traced)) if traced else value(*operands)

    return apply


def on_arrays(function: Any, name: str) -> Callable[..., Any]:
    """A function of floats as one of arrays, number by number; NaN where it raises.

    Raises: TypeError, with the name of its row, where it calls itself or needs floats.
    """
    try:
        of_arrays = follow(function, CARRIER)
    except TypeError as error:
        raise TypeError(f"to_jax cannot follow {name}: {error}") from None

    def apply(*operands: Any) -> Any:
        shape = jnp.broadcast_shapes(*map(jnp.shape, operands))
        try:
            result = jnp.asarray(of_arrays(*operands), float)
        except TypeError as error:
            advice = "write it with operators and the functions of tinygrad_lite"
            raise TypeError(f"to_jax cannot follow {name}: {error}; {advice}") from error
        return jnp.broadcast_to(result, shape)  # known constants may have decided on a plain number

    return apply


def _decide(truths: Any) -> bool | None:
    known = not isinstance(truths, jax.Array) and np.all(truths) == np.any(truths)
    return bool(np.all(truths)) if known else None


CARRIER = Carrier(FUNCTIONS, jnp.where, _decide, value_on_arrays)


class Arrays:
    """Numbers or columns by their places, in the pieces in which they were computed.

    What is spread over many pieces is gathered from a table of all that there is so far: were each piece cut and joined
    again, large graphs would take minutes to compile. Pieces are written into it where it stands, since nothing reads
    the table as it was before.
    """

    def __init__(self, *shape: int) -> None:
        self.table = jnp.zeros(shape)
        self.pieces: list[Any] = []
        self.where: dict[int, tuple[int, int]] = {}
        self.written = 0  # number of pieces that are in the table
        self.starts = [0]  # where each begins there

    def put(self, places: Sequence[int], piece: Any) -> None:
        """Keep a piece whose first axis runs through `places`."""
        self.where |= {place: (len(self.pieces), i) for i, place in enumerate(places)}
        self.pieces.append(piece)
        self.starts.append(self.starts[-1] + len(places))

    def take(self, places: Any) -> Any:
        """What is at `places`, a list or an array of any shape, whose axes come first."""
        lines = self._take(np.ravel(places).tolist())
        return lines.reshape(*np.shape(places), *lines.shape[1:])

    def _take(self, places: Sequence[int]) -> Any:
        found = [self.where[place] for place in places]
        runs = [(piece, [i for _, i in run]) for piece, run in groupby(found, operator.itemgetter(0))]
        if len(runs) > FEW:
            if self.written < len(self.pieces):
                new = _join(self.pieces[self.written :], self.table.shape[1:])
                start = (self.starts[self.written], *[0] * (self.table.ndim - 1))
                self.table = jax.lax.dynamic_update_slice(self.table, new, start)
                self.written = len(self.pieces)
            return _pick(self.table, [self.starts[piece] + i for piece, i in found])
        parts = [_pick(self.pieces[piece], run) for piece, run in runs]
        if len(parts) == 1:
            return parts[0]
        return _join(parts, jnp.broadcast_shapes(*(part.shape[1:] for part in parts)))


def _join(parts: Sequence[Any], shape: Sequence[int]) -> Any:
    """Arrays one after the other, each line of this shape."""
    return jnp.concatenate([jnp.broadcast_to(part, (len(part), *shape)) for part in parts])


def _pick(array: Any, places: Sequence[int]) -> Any:
    """The lines at these places; a slice where that will do, which costs less than indices."""
    first, n = places[0], len(places)
    if [*places] == [*range(first, first + n)]:
        return array if n == len(array) else array[first : first + n]
    if not isinstance(array, jax.Array):  # known constants stay known
        return array[np.array(places)]
    return array.at[np.array(places, np.int32)].get(mode="promise_in_bounds", wrap_negative_indices=False)


class JaxExecutor:
    """What `Program.to_jax` makes a function of.

    It leaves threads to JAX, and recomputes nothing: a number that is not finite stays in the result.
    """

    def __init__(self, instructions: Instructions) -> None:
        self.k, self.p, self.d = len(instructions.outputs), len(instructions.parameters), len(instructions.data)
        instructions = _postpone(instructions)
        self.parameters, self.schedule = instructions.parameters, Schedule(instructions)
        self.forward = Schedule(instructions, gradients=False)
        self.functions = [
            value_on_arrays(row) if partial is None else on_arrays(row.partials[partial], row.name)
            for row, partial in instructions.calls
        ]
        self.compute = jax.custom_jvp(lambda theta, batch: self._run(self.schedule, theta, batch))
        self.compute.defjvp(self._differentiate, symbolic_zeros=True)

    def __call__(self, theta: Any, batch: Any) -> tuple[Any, Any, Any]:
        """The means over the samples, their gradients, and the outputs of each sample. What is not used of them costs
        nothing where JAX compiles.
        """
        theta, batch = jnp.asarray(theta, float), jnp.asarray(batch, float)
        if theta.shape != (self.p,) or batch.ndim != 2 or batch.shape[1] != self.d:
            needed = f"({self.p},) and (m, {self.d}) are needed"
            raise ValueError(f"theta has shape {theta.shape} and batch {batch.shape}: {needed}")
        return self.compute(theta, batch)

    def _differentiate(self, primals: Any, tangents: Any) -> tuple[Any, Any]:
        """The derivatives of the means by theta are the gradients; other derivatives of outputs are those of the
        forward pass alone, for the slopes of its gradients, 1/b² where there is 1/b, need not be finite.
        """
        results = self.compute(*primals)
        dense = tuple(jnp.zeros(x.shape) if isinstance(x, SymbolicZero) else x for x in tangents)
        _, of_gradients = jax.jvp(lambda *x: self._run(self.schedule, *x)[1], primals, dense)
        _, of_outputs = jax.jvp(lambda *x: self._run(self.forward, *x)[2], primals, dense)
        of_means = results[1] @ dense[0]
        if not isinstance(tangents[1], SymbolicZero):
            _, by_batch = jax.jvp(lambda x: self._run(self.forward, primals[0], x)[2], primals[1:], dense[1:])
            of_means += by_batch.mean(axis=0)
        return results, (of_means, of_gradients, of_outputs)

    def _run(self, schedule: Schedule, theta: Any, batch: Any) -> tuple[Any, Any, Any]:
        """Means, gradients and outputs, group by group."""
        parameters = [schedule.places[slot] for slot in self.parameters]
        constants = sorted({*range(len(schedule.start))} - {*parameters})
        m = len(batch)
        numbers, columns = Arrays(schedule.n_numbers), Arrays(schedule.n_columns, m)
        numbers.put(constants, np.array([schedule.start[place] for place in constants]))
        numbers.put(parameters, theta)
        for group in map(Group._make, schedule.numbers.tolist()):
            numbers.put(_results(group), self._compute(schedule, group, numbers))
        columns.put(range(self.d), batch.T)
        if schedule.spread:
            columns.put([*schedule.spread.values()], numbers.take([*schedule.spread])[:, None])
        sums = jnp.zeros(len(schedule.results) + 1)
        products: dict[Any, list[Group]] = defaultdict(list)
        for layers, group in _batches(schedule):
            if layers:
                columns.put(*_layers(schedule, layers, numbers, columns))
            elif group.kind == PRODUCTS:
                products[group.members, group.width].append(group)
            elif group.kind != CHECK:
                columns.put(_results(group), self._compute(schedule, group, columns))
        if products:
            targets, terms = zip(*(_multiply(schedule, alike, columns, m) for alike in products.values()), strict=True)
            sums = sums.at[np.concatenate(targets)].add(jnp.concatenate(terms))
        means = sums[:-1] / m
        single = [i for i, slot in enumerate(schedule.results) if not schedule.is_column[slot]]
        if single:
            means = means.at[np.array(single)].set(numbers.take([schedule.places[schedule.results[i]] for i in single]))
        rows = [
            (columns if schedule.is_column[slot] else numbers).take([schedule.places[slot]])
            for slot in schedule.results[: self.k]
        ]
        outputs = jnp.stack([jnp.broadcast_to(x.ravel(), m) for x in rows], axis=1)
        return means[: self.k], means[self.k :].reshape(self.k, -1), outputs

    def _compute(self, schedule: Schedule, group: Group, arrays: Arrays) -> Any:
        """The results of a group of chains or calls."""
        size = 1 + 2 * group.width if group.kind == CHAIN else group.width
        places = np.array(schedule.tape[group.at : group.at + group.members * size]).reshape(group.members, size)
        if group.kind != CHAIN:
            return self.functions[group.kind](*map(arrays.take, places.T))
        base = arrays.take(places[:, 0])
        return base + (arrays.take(places[:, 1::2]) * arrays.take(places[:, 2::2])).sum(axis=1) if group.width else base


def _postpone(instructions: Instructions) -> Instructions:
    """The same instructions, with other levels: what is computed of data waits for more of its kind.

    The next is what the longest way to the end begins with, together with all of its kind that can be computed by then.
    Were each computed as early as it can be, the positions of a text, that are ready one after the other, would not be
    together anywhere, and JAX would have several times as much to compile.
    """
    code, starts, (of_all, columns) = instructions.code, instructions.starts, instructions.levels_and_columns
    summed = {*chain.from_iterable(instructions.gradients)}
    slots = [slot for slot, level in enumerate(columns) if level > 0 and slot not in summed]
    kinds = {slot: (code[starts[slot]], starts[slot + 1] - starts[slot]) for slot in slots}
    ways = dict.fromkeys(slots, 0)  # the longest from each to the end
    users: dict[int, list[int]] = {slot: [] for slot in slots}
    waits: dict[int, int] = {}  # number of operands that are not computed yet
    for slot in reversed(slots):
        operands = {x for x in code[starts[slot] + 1 : starts[slot + 1]] if columns[x] > 0}
        waits[slot] = len(operands)
        for x in operands:
            users[x].append(slot)
            ways[x] = max(ways[x], 1 + ways[slot])
    levels, level = columns[:], 0
    ready: dict[Any, list[int]] = defaultdict(list)
    urgent = [(-ways[slot], slot) for slot in slots if not waits[slot]]
    for _, slot in urgent:
        ready[kinds[slot]].append(slot)
    heapify(urgent)
    while urgent:
        _, slot = heappop(urgent)
        if waits[slot] < 0:  # it was computed together with another
            continue
        level += 1
        for member in ready.pop(kinds[slot]):
            levels[member], waits[member] = level, -1
            for user in users[member]:
                waits[user] -= 1
                if not waits[user]:
                    ready[kinds[user]].append(user)
                    heappush(urgent, (-ways[user], user))
    postponed = copy(instructions)
    postponed.levels_and_columns = of_all, levels
    return postponed


def _results(group: Group) -> range:
    """The places of a group's results."""
    return range(group.out, group.out + group.members)


def _batches(schedule: Schedule) -> Iterator[tuple[list[Group], Group]]:
    """Layers of one size that do not wait for one another, in a list, and what is no layer, after an empty one."""
    layers: list[Group] = []
    computed: set[int] = set()
    for group in schedule.columns:
        if layers and (
            group[:3] != layers[0][:3] or not computed.isdisjoint(schedule.tape[group.at : group.at + group.width])
        ):
            yield layers, group
            layers, computed = [], set()
        if group.kind == LAYER:
            layers.append(group)
            computed.update(_results(group))
        else:
            yield [], group
    if layers:
        yield layers, layers[0]


def _layers(schedule: Schedule, layers: Sequence[Group], numbers: Arrays, columns: Arrays) -> tuple[Any, Any]:
    """The places and the columns of layers of one size, as products of matrices.

    Neurons that share all columns but the last, as those of W·h + x, are a layer to which theirs are added.
    """
    _, members, width, *_ = layers[0]
    places = np.concatenate([_results(group) for group in layers])
    factors = np.array([_factors(schedule, group) for group in layers])
    tapes = np.array([schedule.tape[group.at : group.at + width] for group in layers])
    shared, which, counts = np.unique(tapes[:, :-1], axis=0, return_inverse=True, return_counts=True)
    alike = members == 1 < min(width, *counts) and len(tapes) == len(shared) * counts[0]
    if alike:
        order = np.argsort(which.ravel(), kind="stable")
        places, factors, last = places[order], factors[order].reshape(len(shared), -1, 1 + width), tapes[order, -1]
    weights = numbers.take(factors)
    results, weights = weights[..., :1], weights[..., 1:]
    if alike:
        added = columns.take(last.reshape(len(shared), -1))
        results, weights, tapes = results + weights[..., -1:] * added, weights[..., :-1], shared
    results += jnp.matmul(weights, columns.take(tapes), precision="highest")
    return places.tolist(), results.reshape(len(places), -1)


def _factors(schedule: Schedule, group: Group) -> Any:
    """The places of a layer's bases and factors, one line for each chain; the kernel has them four chains together."""
    size, four = 1 + group.width, group.members // 4 * 4
    packed = np.array(schedule.factors[group.factors : group.factors + group.members * size])
    tiles = packed[: four * size].reshape(-1, size, 4).transpose(0, 2, 1).reshape(four, size)
    return np.concatenate([tiles, packed[four * size :].reshape(-1, size)])


def _multiply(schedule: Schedule, alike: Sequence[Group], columns: Arrays, m: int) -> tuple[Any, Any]:
    """The sums over the samples of products of columns, of groups of one size, and the results they are added to."""
    _, members, width, *_ = alike[0]
    ends = np.cumsum([members, width, members * width])
    tapes = np.array([schedule.tape[group.at : group.at + ends[-1]] for group in alike])
    lefts, rights, targets = np.split(tapes, ends[:-1], axis=1)
    a, b = (jnp.broadcast_to(columns.take(places), (*places.shape, m)) for places in (lefts, rights))
    return targets.ravel(), jnp.matmul(a, b.swapaxes(1, 2), precision="highest").ravel()
