"""The executor for JAX, which compiles it for GPUs and shares it out among devices.

Group by group as the kernel does it, each as an operation on arrays: a layer is a product of matrices. The
values are those of the table's rows; where one branches, every way is computed and the right one selected. Their
derivatives are the table's too, so that `jax.grad` of a program agrees with its own gradient, at kinks as elsewhere.
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain, groupby
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from ..engine.declaration import Primitive
from .branching import Carrier, follow
from .executor import Recompute
from .instructions import CHAIN, Instructions
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
    again, large graphs would take minutes to compile.
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

    def take(self, places: Sequence[int]) -> Any:
        """What is at `places`, along the first axis."""
        found = [self.where[place] for place in places]
        runs = [(piece, [i for _, i in run]) for piece, run in groupby(found, operator.itemgetter(0))]
        if len(runs) > FEW:
            for i in range(self.written, len(self.pieces)):
                self.table = self.table.at[self.starts[i] : self.starts[i + 1]].set(self.pieces[i])
            self.written = len(self.pieces)
            return self.table[_indices([self.starts[piece] + i for piece, i in found])]
        parts = [self.pieces[piece][_indices(run)] for piece, run in runs]
        if len(parts) == 1:
            return parts[0]
        shape = jnp.broadcast_shapes(*(part.shape[1:] for part in parts))
        return jnp.concatenate([jnp.broadcast_to(part, (len(part), *shape)) for part in parts])


def _indices(places: Sequence[int]) -> Any:
    """A slice where that will do, which costs less than an array."""
    first, n = places[0], len(places)
    return slice(first, first + n) if [*places] == [*range(first, first + n)] else np.array(places)


class JaxExecutor:
    """The executor that `Program.to_jax` makes a function of.

    It leaves threads to JAX, and recomputes nothing: a number that is not finite stays in the result.
    """

    def __init__(self, instructions: Instructions) -> None:
        self.k, self.p, self.d = len(instructions.outputs), len(instructions.parameters), len(instructions.data)
        self.parameters, self.schedule = instructions.parameters, Schedule(instructions)
        self.forward = Schedule(instructions, gradients=False)
        self.functions = [
            value_on_arrays(row) if partial is None else on_arrays(row.partials[partial], row.name)
            for row, partial in instructions.calls
        ]
        self.compute = jax.custom_jvp(lambda theta, batch: self._run(self.schedule, theta, batch))
        self.compute.defjvp(self._differentiate, symbolic_zeros=True)

    def __call__(
        self, theta: Any, batch: Any, gradients: bool, threads: int, recompute: Recompute
    ) -> tuple[Any, Any, Any]:
        """As `Executor` says, in JAX's arrays. What is not used of them costs nothing where JAX compiles."""
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
        numbers, columns = Arrays(schedule.n_numbers), Arrays(schedule.n_columns, len(batch))
        numbers.put(constants, np.array([schedule.start[place] for place in constants]))
        numbers.put(parameters, theta)
        for group in map(Group._make, schedule.numbers.tolist()):
            numbers.put(_results(group), self._compute(schedule, group, numbers))
        columns.put(range(self.d), batch.T)
        if schedule.spread:
            columns.put([*schedule.spread.values()], numbers.take([*schedule.spread])[:, None])
        sums = jnp.zeros(len(schedule.results) + 1)
        products = []
        for layers, group in _batches(schedule):
            if layers:
                columns.put([*chain.from_iterable(map(_results, layers))], _layers(schedule, layers, numbers, columns))
            elif group.kind == PRODUCTS:
                products.append(_multiply(schedule, group, columns, len(batch)))
            elif group.kind != CHECK:
                columns.put(_results(group), self._compute(schedule, group, columns))
        if products:
            targets, terms = zip(*products, strict=True)
            sums = sums.at[np.concatenate(targets)].add(jnp.concatenate(terms))
        means = sums[:-1] / len(batch)
        single = [i for i, slot in enumerate(schedule.results) if not schedule.is_column[slot]]
        if single:
            means = means.at[np.array(single)].set(numbers.take([schedule.places[schedule.results[i]] for i in single]))
        rows = [
            (columns if schedule.is_column[slot] else numbers).take([schedule.places[slot]])
            for slot in schedule.results[: self.k]
        ]
        outputs = jnp.stack([jnp.broadcast_to(x.ravel(), len(batch)) for x in rows], axis=1)
        return means[: self.k], means[self.k :].reshape(self.k, -1), outputs

    def _compute(self, schedule: Schedule, group: Group, arrays: Arrays) -> Any:
        """The results of a group of chains or calls."""
        size = 1 + 2 * group.width if group.kind == CHAIN else group.width
        places = np.array(schedule.tape[group.at : group.at + group.members * size]).reshape(group.members, size)
        if group.kind != CHAIN:
            return self.functions[group.kind](*(arrays.take(operand) for operand in places.T.tolist()))
        base = arrays.take(places[:, 0].tolist())
        if not group.width:
            return base
        a, b = (arrays.take(places[:, slot::2].ravel().tolist()) for slot in (1, 2))
        return base + (a * b).reshape(group.members, group.width, *(a * b).shape[1:]).sum(axis=1)


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


def _layers(schedule: Schedule, layers: Sequence[Group], numbers: Arrays, columns: Arrays) -> Any:
    """The columns of layers of one size, as products of matrices."""
    _, members, width, *_ = layers[0]
    places = np.stack([_factors(schedule, group) for group in layers])
    factors = numbers.take(places.ravel().tolist()).reshape(places.shape)
    tapes = [schedule.tape[group.at : group.at + width] for group in layers]
    shared = columns.take([*chain.from_iterable(tapes)]).reshape(len(layers), width, -1)
    results = factors[..., :1] + jnp.matmul(factors[..., 1:], shared, precision="highest")
    return results.reshape(len(layers) * members, -1)


def _factors(schedule: Schedule, group: Group) -> Any:
    """The places of a layer's bases and factors, one line for each chain; the kernel has them four chains together."""
    size, four = 1 + group.width, group.members // 4 * 4
    packed = np.array(schedule.factors[group.factors : group.factors + group.members * size])
    tiles = packed[: four * size].reshape(-1, size, 4).transpose(0, 2, 1).reshape(four, size)
    return np.concatenate([tiles, packed[four * size :].reshape(-1, size)])


def _multiply(schedule: Schedule, group: Group, columns: Arrays, m: int) -> tuple[Any, Any]:
    """The sums over m samples of the products of columns, and which results they are added to."""
    tape, middle, end = schedule.tape, group.at + group.members, group.at + group.members + group.width
    lefts, rights = columns.take(tape[group.at : middle]), columns.take(tape[middle:end])
    a, b = (jnp.broadcast_to(x, (len(x), m)) for x in (lefts, rights))
    targets = np.array(tape[end : end + group.members * group.width])
    return targets, jnp.matmul(a, b.T, precision="highest").ravel()
