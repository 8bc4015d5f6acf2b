"""A program as a function for JAX, which compiles it for GPUs and shares it out among devices.

Group by group as the kernel does it, each as an operation on arrays: a layer is a product of matrices. The
functions are those of the table's rows; where one branches, every way is computed and the right one selected.
"""

import math
import operator
from collections.abc import Callable, Sequence
from itertools import groupby
from types import FunctionType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .instructions import CHAIN, Instructions
from .rebinding import rebuilt
from .schedule import CHECK, LAYER, PRODUCTS, Group, Schedule

LONGEST = 64  # so many comparisons on one way are no loop
# The functions of `math`, where JAX has the same.
SAME = "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh degrees exp exp2 expm1 fabs floor fmod hypot"
SAME += " isfinite isinf isnan log log10 log1p log2 nextafter radians sin sinh sqrt tan tanh trunc"
FUNCTIONS = {name: getattr(jnp, name) for name in SAME.split() if hasattr(jnp, name)}
FUNCTIONS |= {"pow": jnp.power, "erf": jax.scipy.special.erf, "erfc": jax.scipy.special.erfc}
FUNCTIONS |= {"lgamma": jax.scipy.special.gammaln}


class Branching:
    """An array in place of a float, in a function that is run once for each way through its branches.

    `decisions` are the answers that its comparisons give, `asked` the comparisons, both in order.
    """

    def __init__(self, array: Any, decisions: list[bool], asked: list[Any]) -> None:
        self.array = array
        self.decisions = decisions
        self.asked = asked

    def __bool__(self) -> bool:
        if not isinstance(self.array, jax.Array) and np.all(self.array) == np.any(self.array):
            return bool(np.all(self.array))  # the same for all numbers, and known
        if len(self.asked) == len(self.decisions):
            if len(self.asked) == LONGEST:
                raise TypeError("to_jax cannot follow a loop that ends by its numbers")
            self.decisions.append(True)
        self.asked.append(self.array)
        return self.decisions[len(self.asked) - 1]

    def through(self, function: Callable[..., Any], *operands: Any) -> "Branching":
        """The function of arrays applied to operands of which some are branching."""
        arrays = [x.array if isinstance(x, Branching) else x for x in operands]
        return Branching(function(*arrays), self.decisions, self.asked)


def _operator(function: Callable[..., Any], reflected: bool = False) -> Callable[..., Branching]:
    return lambda x, *others: x.through(function, *((*others, x) if reflected else (x, *others)))


for _name in ("lt", "le", "gt", "ge", "eq", "ne", "neg", "pos", "abs"):
    setattr(Branching, f"__{_name}__", _operator(getattr(operator, _name)))
for _name in ("add", "sub", "mul", "truediv", "pow", "mod", "floordiv"):
    setattr(Branching, f"__{_name}__", _operator(getattr(operator, _name)))
    setattr(Branching, f"__r{_name}__", _operator(getattr(operator, _name), reflected=True))


class ArrayMath:
    """The module `math`, of arrays."""

    def __getattr__(self, name: str) -> Any:
        number = getattr(math, name)
        if not callable(number):
            return number
        function = FUNCTIONS.get(name)

        def of_arrays(*operands: Any) -> Any:
            for x in operands:
                if isinstance(x, Branching):
                    if function is None:
                        raise TypeError(f"JAX has no math.{name}")
                    return x.through(function, *operands)
            return number(*operands)

        return of_arrays


def on_arrays(function: Any) -> Callable[..., Any]:
    """A function of floats as one of arrays, number by number; NaN where it raises."""
    try:
        copy = _replaced(function)
    except RecursionError:
        raise TypeError(f"to_jax cannot follow {function.__name__}: it calls itself") from None

    def explored(operands: Sequence[Any], decisions: list[bool]) -> Any:
        asked: list[Any] = []
        known = len(decisions)
        try:
            result = copy(*(Branching(x, decisions, asked) for x in operands))
            result = result.array if isinstance(result, Branching) else result
        except (ArithmeticError, ValueError):
            result = math.nan
        for i in reversed(range(known, len(asked))):
            result = jnp.where(asked[i], result, explored(operands, [*decisions[:i], False]))
        return result

    def applied(*operands: Any) -> Any:
        shape = jnp.broadcast_shapes(*map(jnp.shape, operands))
        return jnp.broadcast_to(explored(operands, []), shape)  # known constants may have decided on a plain number

    return applied


def _replaced(x: Any) -> Any:
    """A row's function, or what it finds in its module, for arrays."""
    if x is math:
        return ArrayMath()
    if getattr(x, "__module__", "") == "math":
        return getattr(ArrayMath(), x.__name__)
    return rebuilt(x, _replaced) if isinstance(x, FunctionType) else x


class Arrays:
    """Numbers or columns by their places, in the pieces in which they were computed."""

    def __init__(self) -> None:
        self.pieces: list[Any] = []
        self.where: dict[int, tuple[int, int]] = {}

    def put(self, places: Sequence[int], piece: Any) -> None:
        """Keep a piece whose first axis runs through `places`."""
        self.where |= {place: (len(self.pieces), i) for i, place in enumerate(places)}
        self.pieces.append(piece)

    def take(self, places: Sequence[int]) -> Any:
        """What is at `places`, along the first axis."""
        found = [self.where[place] for place in places]
        runs = [
            self.pieces[piece][np.array([i for _, i in run])] for piece, run in groupby(found, operator.itemgetter(0))
        ]
        if len(runs) == 1:
            return runs[0]
        shape = jnp.broadcast_shapes(*(run.shape[1:] for run in runs))
        return jnp.concatenate([jnp.broadcast_to(run, (len(run), *shape)) for run in runs])


def jax_function(instructions: Instructions) -> Callable[..., tuple[Any, Any]]:
    """What `Program.to_jax` gives, with means of shape (k,) and gradients of shape (k, p)."""
    schedule = Schedule(instructions)
    k, p, d = len(instructions.outputs), len(instructions.parameters), len(instructions.data)
    parameters = [schedule.places[slot] for slot in instructions.parameters]
    own = set(parameters)
    constants = [place for place in range(len(schedule.start)) if place not in own]
    functions = [on_arrays(call.function) for call in instructions.calls]
    single = [i for i, slot in enumerate(schedule.results) if not schedule.is_column[slot]]

    def computed(group: Group, arrays: Arrays) -> Any:
        size = 1 + 2 * group.width if group.kind == CHAIN else group.width
        places = np.array(schedule.tape[group.at : group.at + group.members * size]).reshape(group.members, size)
        if group.kind != CHAIN:
            return functions[group.kind](*(arrays.take(operand) for operand in places.T.tolist()))
        base = arrays.take(places[:, 0].tolist())
        if not group.width:
            return base
        a, b = (arrays.take(places[:, slot::2].ravel().tolist()) for slot in (1, 2))
        return base + (a * b).reshape(group.members, group.width, *(a * b).shape[1:]).sum(axis=1)

    def layer(group: Group, numbers: Arrays, columns: Arrays) -> Any:
        size, four = 1 + group.width, group.members // 4 * 4
        packed = np.array(schedule.factors[group.factors : group.factors + group.members * size])
        tiles = packed[: four * size].reshape(-1, size, 4).transpose(0, 2, 1).reshape(four, size)
        places = np.concatenate([tiles, packed[four * size :].reshape(-1, size)])
        factors = numbers.take(places.ravel().tolist()).reshape(places.shape)
        shared = columns.take(schedule.tape[group.at : group.at + group.width])
        return factors[:, :1] + jnp.matmul(factors[:, 1:], shared, precision="highest")

    def function(theta: Any, batch: Any = None) -> tuple[Any, Any]:
        theta = jnp.asarray(theta, float)
        batch = jnp.zeros((1, 0)) if batch is None else jnp.asarray(batch, float)
        if theta.shape != (p,) or batch.ndim != 2 or batch.shape[1] != d:
            raise ValueError(f"theta has shape {theta.shape} and batch {batch.shape}: ({p},) and (m, {d}) are needed")
        numbers, columns = Arrays(), Arrays()
        numbers.put(constants, np.array([schedule.start[place] for place in constants]))
        numbers.put(parameters, theta)
        for group in schedule.numbers:
            numbers.put(range(group.out, group.out + group.members), computed(group, numbers))
        columns.put(range(d), batch.T)
        for number, column in schedule.spread.items():
            columns.put([column], numbers.take([number])[:, None])
        sums = jnp.zeros(len(schedule.results) + 1)
        for group in schedule.columns:
            if group.kind == PRODUCTS:
                middle, end = group.at + group.members, group.at + group.members + group.width
                a, b = (
                    jnp.broadcast_to(x, (len(x), len(batch)))
                    for x in (columns.take(schedule.tape[group.at : middle]), columns.take(schedule.tape[middle:end]))
                )
                targets = np.array(schedule.tape[end : end + group.members * group.width])
                sums = sums.at[targets].add(jnp.matmul(a, b.T, precision="highest").ravel())
            elif group.kind != CHECK:
                result = layer(group, numbers, columns) if group.kind == LAYER else computed(group, columns)
                columns.put(range(group.out, group.out + group.members), result)
        means = sums[:-1] / len(batch)
        if single:
            means = means.at[np.array(single)].set(numbers.take([schedule.places[schedule.results[i]] for i in single]))
        return means[:k], means[k:].reshape(k, p)

    return function
