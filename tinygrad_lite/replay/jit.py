"""`jit`: a function of numbers, recorded once for each shape of its arguments, and replayed from then on."""

import functools
import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import itemgetter
from types import FunctionType
from typing import Any

from ..engine.arguments import is_array, is_real, map_nested
from ..engine.derivatives import made_by
from ..engine.value import Constant, Value, topological_order
from .program import Program

MOST = 64  # programs that a function keeps: those that were used last


class Jit:
    """A function that records itself; made, and explained, by `jit`."""

    def __init__(self, function: Callable[..., Any], static: frozenset[int], exact: bool) -> None:
        self._function = function
        self._static = static
        self._exact = exact
        self._derivative = made_by.get(function) if isinstance(function, FunctionType) else None
        self._recordings: OrderedDict[Hashable, Recording] = OrderedDict()
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns for these arguments, as numbers."""
        numbers: list[float] = []
        order = self._order(len(args))
        try:
            key: Hashable = (
                *[_read(args[i], numbers) for i in order],
                *[(type(args[i]), args[i]) for i in self._static if i < len(args)],
                *kwargs,
                *[_read(x, numbers) for x in kwargs.values()],
            )
        except _Traced:
            return self._function(*args, **kwargs)
        recording = self._recordings.get(key)
        if recording is None:
            recording = self._recordings[key] = self._record(args, kwargs, order)
            if len(self._recordings) > MOST:
                self._recordings.popitem(last=False)
        return recording.replay(numbers)

    def _order(self, n: int) -> list[int]:
        """The arguments that are numbers, those first by which the function differentiates, where n are given."""
        first = self._derivative.positions(n) if self._derivative else []
        return [*dict.fromkeys(first), *(i for i in range(n) if i not in first and i not in self._static)]

    def _record(self, args: Sequence[Any], kwargs: dict[str, Any], order: Sequence[int]) -> "Recording":
        """The function run on Values."""
        leaves: list[Value] = []

        def leaf(x: Any, name: str) -> Any:
            leaves.append(Value(x))
            return leaves[-1]

        inputs = list(args)
        for i in order:
            inputs[i] = map_nested(leaf, args[i])
        named = {name: map_nested(leaf, x) for name, x in kwargs.items()}
        made = self._derivative
        if made is None:
            outputs: dict[Value, _Place] = {}

            def place(x: Any, name: str) -> Any:
                if not isinstance(x, Value):
                    return x
                return outputs.setdefault(x, _Place(len(outputs))) if type(x) is not Constant else x.data

            shape = map_nested(place, self._function(*inputs, **named))
            return Recording([*outputs], [], leaves, shape, self._exact)
        places = map(_Place, range(1, len(leaves) + 2))
        shaped = {i: map_nested(lambda *_: next(places), args[i]) for i in made.positions(len(args))}
        p = next(places) - 1 if len(leaves) else 0
        y = made.result(inputs, named)
        gradients = made.select([shaped[i] for i in made.positions(len(args))])
        shape = (_Place(0), gradients) if made.with_value else gradients
        return Recording([Value(y.data) if type(y) is Constant else y], leaves[:p], leaves[p:], shape, self._exact)


class _Traced(Exception):  # noqa: N818 — no error
    """An argument is a Value."""


class _Place(int):
    """Where among the results a number of the result is."""


class Recording:
    """A program, and the shape of what it gives.

    Its results are the outputs, and after them, of the one output that has parameters, the gradient.
    """

    def __init__(
        self, outputs: list[Value], parameters: list[Value], data: list[Value], shape: Any, exact: bool
    ) -> None:
        self.parameters = len(parameters)
        self.assemble = _assembly(shape)
        given = {*parameters, *data}
        order = topological_order(*outputs)
        self.captured = [x for x in order if x.op is None and x not in given and type(x) is not Constant]
        self.program = Program(outputs, parameters, [*data, *self.captured], exact=exact) if outputs else None

    def replay(self, numbers: list[float]) -> Any:
        """The result for other numbers, in the order of parameters and data."""
        if self.program is None:
            return self.assemble([])
        theta, sample = numbers[: self.parameters], numbers[self.parameters :]
        sample += [float(x.data) for x in self.captured]
        batch = [sample] if sample else None
        if self.parameters:
            means, gradients = self.program(theta, batch)
            return self.assemble([*map(float, means), *map(float, gradients[0])])
        outputs = self.program.outputs(theta, batch)
        return self.assemble([*map(float, outputs[0] if sample else outputs)])


def _assembly(shape: Any) -> Callable[[list[float]], Any]:
    """What puts results into a shape: nested lists, tuples, dicts and arrays of places; else it is the result."""
    if isinstance(shape, _Place):
        return itemgetter(shape)
    if isinstance(shape, list) and shape and all(type(x) is _Place for x in shape):
        first, end = shape[0], shape[0] + len(shape)
        if shape == [*range(first, end)]:
            return itemgetter(slice(first, end))
    if isinstance(shape, dict):
        keys, parts = [*shape], [*map(_assembly, shape.values())]
        return lambda results: dict(zip(keys, [part(results) for part in parts], strict=True))
    if isinstance(shape, (list, tuple)):
        parts = [*map(_assembly, shape)]
        if isinstance(shape, list):
            return lambda results: [part(results) for part in parts]
        if hasattr(shape, "_fields"):
            return lambda results: type(shape)(*[part(results) for part in parts])
        return lambda results: tuple([part(results) for part in parts])
    if is_array(shape):
        numpy = sys.modules["numpy"]
        of_numbers, size = _assembly(shape.ravel().tolist()), shape.shape
        return lambda results: numpy.array(of_numbers(results), float).reshape(size)
    return lambda results: shape


def _read(x: Any, numbers: list[float]) -> Hashable:
    """The structure of an argument; its numbers are appended."""
    cls = type(x)
    if cls is float:
        numbers.append(x)
        return None
    if isinstance(x, Value):
        raise _Traced
    if is_real(x):
        numbers.append(float(x))
        return None
    if isinstance(x, (list, tuple)):
        return (cls, *[_read(part, numbers) for part in x])
    if isinstance(x, dict):
        return (cls, *x, *[_read(part, numbers) for part in x.values()])
    if is_array(x):
        numbers.extend(x.astype(float).ravel().tolist())
        return (cls, *x.shape)
    raise TypeError(f"jit takes numbers, lists, tuples and dicts of them, and arrays, not {cls.__name__!r}")


def jit(function: Callable[..., Any], *, static_argnums: int | Iterable[int] = (), exact: bool = True) -> Jit:
    """A function like `function`, which is recorded once for each shape of its arguments, and replayed.

    Args:
        function: of numbers, nested lists, tuples and dicts of numbers, and arrays; it is called with Values in
            their place. `grad(f)` and `value_and_grad(f)` are functions too.
        static_argnums: the positions of arguments that choose the graph, such as sizes and names.
        exact: as for `Program`.
    """
    static = (static_argnums,) if isinstance(static_argnums, int) else static_argnums
    return Jit(function, frozenset(static), exact)
