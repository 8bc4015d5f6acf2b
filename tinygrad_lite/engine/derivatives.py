"""Derivatives that are Values again: `gradient` of a node, `grad` and `hessian` of a function.

The backward pass is run on Values instead of floats, so that it is itself a graph and can be
differentiated to any order. Nested derivatives cannot be confused (Siskind and Pearlmutter, "Nesting
forward-mode AD in a functional framework", 2008): each is taken with respect to nodes of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

from .declaration import is_real
from .nested import demand, filled, leaves
from .primitives import identity
from .value import Constant, Value, operand, topological_order


def gradient(y: Value, xs: Sequence[Value]) -> list[Value]:
    """∂y/∂x for each node x of `xs`, as Values; 0 where y does not depend on x.

    Only paths that lead to `xs` are walked, and no node's `grad` is written.

    Raises: TypeError if y or an x is not a Value, or if an operation on the way has a partial derivative
        that takes only floats; the table's errors where a local derivative is not finite.
    """
    if not isinstance(xs, (list, tuple)) or not all(isinstance(x, Value) for x in (y, *xs)):
        raise TypeError("gradient takes a Value and a list of Values: gradient(J, [a, b])")
    order = topological_order(y)
    leading = set(xs)  # nodes that depend on one of xs, and they
    for node in order:
        if not leading.isdisjoint(node.inputs):
            leading.add(node)
    gradients: dict[Value, Any] = {y: 1.0}
    for node in reversed(order):
        if node.op and node in leading and node in gradients:
            operands = [x.data if type(x) is Constant and x not in leading else x for x in node.inputs]
            for slot, x in enumerate(node.inputs):
                if x in leading:
                    if slot in node.op.opaque:
                        raise TypeError(
                            f"the partial derivative of {node.op.name} is written over floats, for backward() only: "
                            "write it with operators and the functions of tinygrad_lite, without `math` and `if`"
                        )
                    term = _product(gradients[node], node.op.partials[slot](*operands, node))
                    gradients[x] = gradients[x] + term if x in gradients else term
    return [g if isinstance(g, Value) else Value(g) for g in (gradients.get(x, 0.0) for x in xs)]


def _product(upstream: Any, partial: Any) -> Any:
    """upstream · partial, without a node for a factor of ±1."""
    for factor, other in ((upstream, partial), (partial, upstream)):
        if not isinstance(factor, Value) and factor in (1, -1):
            return other if factor == 1 else -other
    return upstream * partial


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., tuple[Value, Any]]:
    """A function that returns f's value and its gradient with respect to the argument(s) `argnums`.

    Args:
        f: takes Values where it is differentiated and returns one Value.
        argnums: the position of an argument, giving one gradient, or several, giving a tuple of them. Each
            argument is a number, a Value, or a list or tuple of them, nested or not; its gradient has the
            same shape, in lists.

    Raises (when called): TypeError for an argument or a result of another kind, ValueError for a
        position that has no argument.
    """

    _check_callable(f)

    def differentiated(*args: Any, **kwargs: Any) -> tuple[Value, Any]:
        positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        inputs = list(args)
        for position in positions:
            if not -len(args) <= position < len(args):
                raise ValueError(f"argnums names argument {position}, but {len(args)} positional arguments were given")
            inputs[position] = _fresh(args[position])
        y = _result(f, inputs, kwargs)
        wanted = [inputs[position] for position in positions]
        parts = iter(gradient(y, list(leaves(wanted))))
        shaped = [filled(x, parts) for x in wanted]
        return y, shaped[0] if isinstance(argnums, int) else tuple(shaped)

    return differentiated


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The derivative of `f`, a function like it: `grad(grad(sin))(0.5)` is −sin 0.5.

    Arguments, result and errors as `value_and_grad`, without the value.
    """
    differentiated = value_and_grad(f, argnums)
    return lambda *args, **kwargs: differentiated(*args, **kwargs)[1]


def hessian(f: Callable[..., Any]) -> Callable[..., list[list[Value]]]:
    """The second derivatives of `f` with respect to all its n positional arguments, as n lists of n Values.

    Arguments may be lists or tuples of numbers: rows and columns then follow them number by number.
    Raises as `value_and_grad`.
    """

    _check_callable(f)

    def second_derivatives(*args: Any, **kwargs: Any) -> list[list[Value]]:
        inputs = [_fresh(x) for x in args]
        xs = list(leaves(inputs))
        return [gradient(slope, xs) for slope in gradient(_result(f, inputs, kwargs), xs)]

    return second_derivatives


def _check_callable(f: Any) -> None:
    if not callable(f):
        raise TypeError(f"this differentiates functions, not {type(f).__name__!r}: for nodes, gradient(J, [a, b])")


def _fresh(x: Any) -> Any:
    """A node of its own for each number in `x`; a Value keeps its past, so that outer derivatives reach it."""
    if isinstance(x, (list, tuple)):
        return [_fresh(part) for part in x]
    if isinstance(x, Value):
        node: Value = identity(x)
        node.label = x.label
        return node
    if is_real(x):
        return Value(x)
    raise TypeError(f"an argument to differentiate {demand(x)}")


def _result(f: Callable[..., Any], inputs: Sequence[Any], kwargs: dict[str, Any]) -> Value:
    """f's result as a node: a number if it did not depend on its arguments."""
    y: Value = operand(result := f(*inputs, **kwargs))
    if y is NotImplemented:
        raise TypeError(f"the function to differentiate must return one Value, not {type(result).__name__!r}")
    return y
