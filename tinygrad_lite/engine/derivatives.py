"""Derivatives that are Values again: `gradient` of a node; `grad`, `jacobian`, `hessian`, `jvp` of a function.

The backward pass is run on Values instead of floats, so that it is itself a graph and can be differentiated to any
order; `jvp` goes forwards. Names and arguments are JAX's, but `hessian(f)` is of all arguments together. Nested
derivatives cannot be confused (Siskind and Pearlmutter, "Nesting forward-mode AD in a functional framework", 2008):
each is taken with respect to nodes of its own.

Numbers in, numbers out: where a function's result depends on no Value but the nodes made for its arguments, nobody has
a node to differentiate by, and its derivatives are floats, at the price of `backward()`.
"""

import functools
import math
import warnings
from collections.abc import Callable, Container, Iterable, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from . import primitives
from .arguments import by_name, expect_number, flatten, is_array, is_real, map_leaves, map_nested, unflatten
from .foreign_functions import find_caller
from .scopes import no_grads
from .value import Constant, Value, as_node, check_range, dependents, name_nodes, reached, topological_order

differentiating: "ContextVar[bool]" = ContextVar("differentiating", default=False)  # in a call of the function
NO_GRAPH = (
    "the function to differentiate returned {!r}, a number that depends on no argument: its derivative is 0. Where it "
    "should depend on one, its graph was lost: write log of tinygrad_lite for math.log, say, and no float() or .data"
)
NO_PATH = (
    "the function to differentiate returned a Value that depends on none of the arguments to differentiate by, but on "
    "Values that it found elsewhere, a model's own say: the derivative is 0. Give their numbers as an argument; by the "
    "Values themselves, gradient(J, [a, b]) differentiates, and J.backward()"
)


def gradient(y: Value, xs: Sequence[Value]) -> list[Value]:
    """∂y/∂x for each node x of `xs`, as Values; 0 where y does not depend on x.

    Only paths that lead to `xs` are walked, and no node's `grad` is written.

    Raises: TypeError if y or an x is not a Value, or if an operation on the way has a partial derivative
        that takes only floats; the table's errors where a local derivative is not finite.
    """
    if not isinstance(xs, (list, tuple)) or not all(isinstance(x, Value) for x in (y, *xs)):
        raise TypeError("gradient takes a Value and a list of Values: gradient(J, [a, b])")
    order = topological_order(y)
    leading = dependents(order, xs)
    gradients: dict[Value, Any] = {y: 1.0}
    for node in reversed(order):
        if node.op and node in leading and node in gradients:
            for slot, x in enumerate(node.inputs):
                if x in leading and slot not in node.op.flat:
                    term = _product(gradients[node], _slope(node, slot, leading))
                    gradients[x] = primitives.add(gradients[x], term) if x in gradients else term
    return [_as_value(gradients.get(x, 0.0)) for x in xs]


def _as_value(x: Any) -> Value:
    """`x` as a Value; a number in a function that is differentiated as a Constant, no leaf that this depends on."""
    return x if isinstance(x, Value) else as_node(x) if differentiating.get() else Value(x)


def _differentiate(ys: Sequence[Value], xs: Sequence[Value]) -> list[tuple[Any, list[Any]]]:
    """Each y, and its ∂y/∂x for each of `xs`, which were made for a function's arguments.

    Values; floats where nobody can ask for a derivative of theirs: where `xs` are leaves, and no y depends on others.
    """
    orders = [topological_order(y) for y in ys]
    if not all(_closed(order, xs) for order in orders):
        return [(y, gradient(y, xs)) for y in ys]
    return [(y.data, _backpropagate(order, xs)) for y, order in zip(ys, orders, strict=True)]


def _closed(order: Iterable[Value], xs: Iterable[Value]) -> bool:
    """Whether `xs` are leaves, and no other leaf is in the graph."""
    own = set(xs)
    return not any(x.op for x in xs) and all(x.op or type(x) is Constant or x in own for x in order)


def _backpropagate(order: Sequence[Value], xs: Sequence[Value]) -> list[float]:
    """∂(last node)/∂x for each of `xs`, in floats."""
    untouched = float("-0")  # by no term yet: −0.0 + term is the term, and this object is no sum
    for x in (*order, *xs):
        x.grad = untouched
    slopes = order[-1]._propagate(1.0, [node for node in order if node.op], xs, untouched)
    if not all(map(math.isfinite, slopes)):
        check_range(order)
    return [0.0 if slope is untouched else float(slope) for slope in slopes]


def _slope(node: Value, slot: int, leading: set[Value], *, floats: bool = False) -> Any:
    """∂node/∂(its input in this slot), in floats or over the nodes in `leading`; the others' constants stay numbers."""
    assert node.op
    numbers = [x.data for x in node.inputs]
    try:
        if floats:
            return node.op.slope(slot, numbers, node.data)
        if slot in node.op.opaque:
            raise TypeError(
                f"the partial derivative of {node.op.name} is written over floats, to be taken once: "
                "write it with operators and the functions of tinygrad_lite, without `math` and `if`"
            )
        operands = [x.data if type(x) is Constant and x not in leading else x for x in node.inputs]
        return node.op.partials[slot](*operands, node)
    except (ArithmeticError, ValueError) as error:
        if all(map(math.isfinite, numbers)):
            raise node.op.failure(error, numbers, name_nodes(node.inputs), "slope of ") from None
        return math.nan  # as backward() says


def _product(upstream: Any, partial: Any) -> Any:
    """upstream · partial, without a node for a factor of ±1; by the row, which does not let numbers overflow."""
    for factor, other in ((upstream, partial), (partial, upstream)):
        if not isinstance(factor, Value) and factor in (1, -1):
            return other if factor == 1 else -other
    return primitives.mul(upstream, partial)


class Derivative(NamedTuple):
    """What `value_and_grad`, or without the value `grad`, makes a function of: `f` and what to differentiate by."""

    f: Callable[..., Any]
    argnums: int | tuple[int, ...]
    with_value: bool

    def positions(self, n: int) -> list[int]:
        """The arguments to differentiate by, where n are given, counted from 0. Raises: ValueError."""
        argnums = (self.argnums,) if isinstance(self.argnums, int) else self.argnums
        for position in argnums:
            if not -n <= position < n:
                raise ValueError(f"argnums names argument {position}, but {n} positional arguments were given")
        return [position % n for position in argnums]

    def open(self, args: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Nodes of their own for the arguments to differentiate by: all arguments, and these, which f cannot change."""
        inputs, positions = list(args), self.positions(len(args))
        for position in positions:
            inputs[position] = map_nested(_fresh, args[position])
        return inputs, [map_nested(lambda x, _: x, inputs[position]) for position in positions]

    def result(self, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Value:
        """f's result as a node. Raises: TypeError."""
        return _result(self.f, inputs, kwargs)

    def warn_of_no_path(self, order: Sequence[Value], xs: Sequence[Value], given: Container[Value]) -> None:
        """Warn where f's result, the last of `order`, depends on none of `xs`, but on Values that were not `given`.

        Not where f is a derivative itself: that of w·x is w.
        """
        found = any(x.op is None and type(x) is not Constant and x not in given for x in order)
        if found and not (self.f in made_by or differentiating.get() or order[-1] in dependents(order, xs)):
            warnings.warn(NO_PATH, RuntimeWarning, stacklevel=find_caller()[1])

    def select(self, gradients: Sequence[Any]) -> Any:
        """One gradient where `argnums` is a number, else a tuple of them."""
        return gradients[0] if isinstance(self.argnums, int) else tuple(gradients)


made_by: "WeakKeyDictionary[Callable[..., Any], Derivative]" = WeakKeyDictionary()


def value_and_grad(f: Callable[..., Any], argnums: int | Iterable[int] = 0) -> Callable[..., tuple[Any, Any]]:
    """A function that returns f's value and its gradient with respect to the argument(s) `argnums`.

    Of numbers they are numbers, `grad(f)(3.0)` a float. Where f depends on Values, those among its arguments or others,
    they are Values, which can be drawn and differentiated again: `grad(f)(Value(3.0, "x"))`. So it is with `grad`,
    `hessian`, `jacobian`, `jvp` and `hvp`.

    Args:
        f: takes Values where it is differentiated and returns one Value.
        argnums: the position of an argument, giving one gradient, or several, giving a tuple of them. Each
            argument is a number, a Value, or a list, tuple, dict or array of them, nested or not; its gradient has
            the same shape. What `f` does to a list that it is given changes nothing of what is differentiated.

    Raises (when called): TypeError for an argument or a result of another kind, ValueError for a
        position that has no argument. Warns where f returns what does not depend on the argument(s): a number, from
        which nothing leads back, or what was made of other Values alone.
    """
    _check_callable(f)
    made = Derivative(f, argnums if isinstance(argnums, int) else tuple(argnums), with_value=True)

    @functools.wraps(f, updated=())
    def differentiated(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        inputs, shapes = made.open(args)
        y, xs = made.result(inputs, kwargs), flatten(shapes)
        [(value, slopes)] = _differentiate([y], xs)
        if value is y and y.op and not any(slope.data for slope in slopes):
            given = {x for x in flatten([args, kwargs]) if isinstance(x, Value)}
            made.warn_of_no_path(topological_order(y), xs, given)
        return value, made.select(unflatten(shapes, iter(slopes)))

    made_by[differentiated] = made
    return differentiated


def grad(f: Callable[..., Any], argnums: int | Iterable[int] = 0) -> Callable[..., Any]:
    """The derivative of `f`, a function like it: `grad(grad(sin))(0.5)` is −sin 0.5.

    Arguments, result and errors as `value_and_grad`, without the value.
    """
    differentiated = value_and_grad(f, argnums)

    @functools.wraps(f, updated=())
    def derivative(*args: Any, **kwargs: Any) -> Any:
        return differentiated(*args, **kwargs)[1]

    made_by[derivative] = made_by[differentiated]._replace(with_value=False)
    return derivative


def hessian(f: Callable[..., Any], argnums: int | Iterable[int] | None = None) -> Callable[..., Any]:
    """The second derivatives of `f` with respect to all its n positional arguments, as n lists of n numbers.

    Arguments may be lists, tuples, dicts or arrays of numbers: rows and columns then follow them number by number.
    With `argnums`, a position or several, the result is nested as in JAX: what `grad` gives, with each number in it
    replaced by its own gradient; `hessian(f, (0, 1))(x, y)[0][1]` is ∂²f/∂x∂y. Raises as `value_and_grad`.
    """
    _check_callable(f)
    if argnums is not None:
        positions = argnums if isinstance(argnums, int) else tuple(argnums)
        return jacobian(grad(f, positions), positions)

    @functools.wraps(f, updated=())
    def second_derivatives(*args: Any, **kwargs: Any) -> list[list[Any]]:
        inputs = map_nested(_fresh, list(args))
        xs = flatten(inputs)
        slopes = _call(gradient, [_result(f, inputs, kwargs), xs], {})
        return [row for _, row in _differentiate(slopes, xs)]

    return second_derivatives


def jacobian(f: Callable[..., Any], argnums: int | Iterable[int] = 0) -> Callable[..., Any]:
    """The derivatives of a function with several results: `jacobian(f)([x, y])[i][j]` is ∂f(…)[i]/∂(its j-th number).

    In the shape of f's result, a list, tuple, dict or array of Values, nested or not, in which each number is replaced
    by its gradient, as `grad` gives it. An array by an array gives one array, of shape result's shape + argument's.
    Arguments and errors as `value_and_grad`; one pass backwards for each result.
    """
    _check_callable(f)
    made = Derivative(f, argnums if isinstance(argnums, int) else tuple(argnums), with_value=False)

    @functools.wraps(f, updated=())
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        inputs, shapes = made.open(args)
        results = _results(f, inputs, kwargs)
        slopes = iter(_differentiate(flatten(results), flatten(shapes)))

        def gradients(y: Any, _: str) -> Any:
            rows = [made.select(unflatten(shapes, iter(next(slopes)[1]))) for _ in flatten(y)]
            return _stack(rows, y.shape) if is_array(y) else rows[0]

        return map_leaves(gradients, results)

    return derivatives


def _stack(rows: list[Any], shape: tuple[int, ...]) -> Any:
    """Alike nests of numbers and arrays as one nest of arrays, whose first axes have the `shape`."""
    import numpy as np

    named = [by_name(row, map_leaves) for row in rows]

    def stacked(part: Any, name: str) -> Any:
        return np.array([parts[name] for parts in named]).reshape(shape + np.shape(part))

    return map_leaves(stacked, rows[0])


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f's result at `primals`, and its derivative along `tangents`: `jvp(sin, (0.5,), (1.0,))` is (sin 0.5, cos 0.5).

    Forward mode: one pass, however many results. Both have the shape of f's result.

    Args:
        f: takes Values and returns one, or a list, tuple, dict or array of them, nested or not.
        primals: f's arguments, each a number, a Value, or a list, tuple, dict or array of them.
        tangents: numbers or Values in the same shape.

    Raises: TypeError and ValueError for what has another kind or shape; else as `gradient`.
    """
    _check_callable(f)
    if not isinstance(primals, (list, tuple)) or not isinstance(tangents, (list, tuple)):
        raise TypeError("jvp takes a list or a tuple of arguments, and one of tangents: jvp(f, (x,), (v,))")
    inputs = map_nested(_fresh, list(primals))
    xs, along = by_name(inputs), by_name(list(tangents))
    for name in (*xs, *along):
        if name not in xs or name not in along:
            raise ValueError(f"tangents must have the shape of primals: only one of them has a number {name}")
        if as_node(along[name]) is NotImplemented:
            raise TypeError(f"tangents{name} {expect_number(along[name])}")
    results = _results(f, inputs, {})
    order = topological_order(*flatten(results))
    wanted = reached(order, flatten(results))
    start = {x: along[name] for name, x in xs.items()}
    if not _closed(order, start) or any(isinstance(v, Value) for v in along.values()):
        moved = _move(order, wanted, start)
        return results, map_nested(lambda y, _: _as_value(moved.get(y, 0.0)), results)
    moved = _move(order, wanted, start, floats=True)
    return map_nested(lambda y, _: y.data, results), map_nested(lambda y, _: float(moved.get(y, 0.0)), results)


def _move(
    order: Iterable[Value], wanted: Container[Value], start: dict[Value, Any], *, floats: bool = False
) -> dict[Value, Any]:
    """How `wanted` nodes move where those of `start` do as it says: the chain rule forwards, in floats or in Values."""
    moved, leading = dict(start), dependents(order, start)
    for node in order:
        if node in leading and node in wanted and node.op and node not in moved:
            slots = [i for i, x in enumerate(node.inputs) if x in leading and i not in node.op.flat]
            terms = [_product(moved[node.inputs[i]], _slope(node, i, leading, floats=floats)) for i in slots]
            moved[node] = functools.reduce(primitives.add, terms) if terms else 0.0
    return moved


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of `f` times a vector, without the Hessian: the derivative of `grad(f)` along `tangents`.

    Arguments and errors as `jvp`. The result has the shape of the first argument, by which `grad` differentiates.
    """
    return jvp(grad(f), primals, tangents)[1]


def stop_gradient(x: Any) -> Any:
    """`x`, a number, a Value, or lists, tuples, dicts and arrays of them, with derivative 0.

    Raises: TypeError for anything else.
    """

    def stop(part: Any, name: str) -> Any:
        if as_node(part) is NotImplemented:
            raise TypeError(f"stop_gradient: its argument{name} {expect_number(part)}")
        return primitives.stopped(part)

    return map_nested(stop, x)


def _check_callable(f: Any) -> None:
    if not callable(f):
        raise TypeError(f"this differentiates functions, not {type(f).__name__!r}: for nodes, gradient(J, [a, b])")


def _fresh(x: Any, name: str) -> Value:
    """A node of its own for a number; a Value keeps its past, so that outer derivatives reach it."""
    if isinstance(x, Value):
        node: Value = primitives.identity(x)
        node.label = x.label
        return node
    if is_real(x):
        return Value(x)
    raise TypeError(f"an argument to differentiate {expect_number(x)}")


def _result(f: Callable[..., Any], inputs: Sequence[Any], kwargs: dict[str, Any]) -> Value:
    """f's result as a node: a number if it did not depend on its arguments."""
    y: Value = as_node(result := _call(f, inputs, kwargs))
    _warn_of_numbers([result])
    if y is NotImplemented:
        several = (
            "; what is only looked at beside it, an accuracy say, is computed by a function of its own, and jacobian "
            "differentiates functions with several results"
        )
        advice = several * isinstance(result, (list, tuple, dict))
        raise TypeError(f"the function to differentiate must return one Value, not {type(result).__name__!r}{advice}")
    return y


def _results(f: Callable[..., Any], inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """f's result, with nodes for its numbers."""

    def node(part: Any, name: str) -> Value:
        y: Value = as_node(part)
        if y is NotImplemented:
            kinds = "Values, or lists, tuples, dicts or arrays of them"
            raise TypeError(f"the function to differentiate must return {kinds}; result{name} is {part!r}")
        return y

    results = _call(f, inputs, kwargs)
    nodes = map_nested(node, results)
    _warn_of_numbers(flatten(results))
    return nodes


def _warn_of_numbers(results: Sequence[Any]) -> None:
    """Warn of a function of Values that returns numbers alone: whatever it computed with, no graph leads there."""
    if results and all(map(is_real, results)):
        warnings.warn(NO_GRAPH.format(results[0]), RuntimeWarning, stacklevel=find_caller()[1])


def _call(f: Callable[..., Any], inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What f returns; its nodes keep their operands, also in `no_grad`."""
    tokens = no_grads.set(0), differentiating.set(True)
    try:
        return f(*inputs, **kwargs)
    finally:
        no_grads.reset(tokens[0])
        differentiating.reset(tokens[1])
