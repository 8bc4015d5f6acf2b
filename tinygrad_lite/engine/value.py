"""`Value`: a number that remembers how it was computed.

Reverse-mode differentiation as in Griewank and Walther, *Evaluating Derivatives* (2nd edition, 2008),
chapter 3: sort the recorded graph topologically, then apply the chain rule once per node, backwards.
"""

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Never, Self

from .declaration import TABLE, Primitive, installers, is_real, real
from .generated_methods import generate
from .scopes import open_scopes, scope, this_thread

new = object.__new__


class Value:
    """A number, and a node of the computation graph.

    Operators, methods (`v.exp()`) and functions (`exp(v)`) of the table's rows compute new nodes.
    `==` is identity; `<`, `<=`, `>`, `>=` compare the numbers.

    Args:
        data: a real number: int, float, bool or a NumPy scalar.
        label: a name for messages, drawings and explanations.

    Attributes:
        data: the number, a float.
        grad: ∂output/∂self, a float, after `output.backward()`.
        label: the name, or None.
        op: the row of the table that computed it, or None for a leaf.
        inputs: the operands, in order and each as often as it was used: (x, x) for `x * x`.
        scope: the innermost `scope` it was made in, or None.

    Raises: TypeError if `data` is not a real number, or the label not a string.
    """

    __slots__ = ("data", "grad", "inputs", "label", "op", "scope")
    data: float
    grad: float
    label: str | None
    op: Primitive | None
    inputs: "tuple[Value, ...]"
    scope: scope | None

    def __init__(self, data: float, label: str | None = None) -> None:
        self.data = real(data, "a Value holds a real number")
        self.grad = 0.0
        self.label = None
        self.op = None
        self.inputs = ()
        self.scope = this_thread.innermost if open_scopes else None
        if label is not None:
            self.named(label)

    def named(self, label: str) -> Self:
        """The same node, labelled: `u = (2 * a).named("u")`. Raises: TypeError if the label is not a string."""
        if not isinstance(label, str):
            raise TypeError(f"a label is a string, not {type(label).__name__!r}")
        self.label = label
        return self

    def backward(self, gradient: float = 1.0) -> None:
        """Compute ∂self/∂x for every node x below self, and leave it in `x.grad`.

        Leaves accumulate over calls, until `zero_grad`; the gradients of all other nodes are set afresh.

        Args:
            gradient: ∂(what one is after)/∂self.

        Raises: ZeroDivisionError, ValueError or OverflowError, naming the node, where a local derivative
            or a gradient is not finite though every number before it is; the leaves keep what they had.
        """
        seed = real(gradient, "backward() takes a real number")
        order: list[Any] = []
        leaves: list[tuple[Value, float]] = []
        try:
            self._clear(order, leaves)
            self.grad = seed
            for node in reversed(order):
                pass_on = node.op.backward
                try:
                    pass_on(node)
                except (ArithmeticError, ValueError) as error:
                    node._no_slope(error)
            if not all(math.isfinite(leaf.grad) for leaf, _ in leaves):
                _check_range(order)
        except BaseException:
            for leaf, earlier in leaves:
                leaf.grad = earlier
            raise
        for leaf, earlier in leaves:
            leaf.grad += earlier

    def zero_grad(self) -> None:
        """Set `grad` to 0.0 here and in every node below."""
        self._clear([], [])

    def _clear(self, order: "list[Value]", leaves: "list[tuple[Value, float]]") -> None:
        """Set every gradient from self down to 0.0; append the computed nodes in topological order, and the
        leaves with the gradients they had.

        The walk of `topological_order`, at two thirds of its price: the 0.0 that clears a gradient is an
        object of its own, so that finding it in a node says that the node was visited.
        """
        zero = float("0")
        if not self.inputs:
            leaves.append((self, self.grad))
            self.grad = zero
            return
        self.grad = zero
        node, above = self, []
        while True:
            for x in node.inputs:
                if x.grad is not zero:
                    if x.inputs:
                        x.grad = zero
                        above.append(node)
                        node = x
                        break
                    if type(x) is not Constant:
                        leaves.append((x, x.grad))
                        x.grad = zero
            else:
                order.append(node)
                if not above:
                    return
                node = above.pop()

    def _no_slope(self, error: Exception) -> None:
        """Raise the error of backward() at this node; where an operand is not finite, the gradient is NaN instead."""
        assert self.op
        operands = [x.data for x in self.inputs]
        if all(map(math.isfinite, operands)):
            through = f"backward() through {self.label!r}" if self.label else "backward()"
            raise self.op.failure(error, operands, [x.label for x in self.inputs], f"{through}: slope of ") from None
        for x in self.inputs:
            x.grad = math.nan

    @staticmethod
    def apply_primitive(row: Primitive, args: tuple[Any, ...]) -> "Value":
        """The node of `row` applied to `args`, Values or numbers."""
        assert row.forward
        node: Value = row.forward(*(required(row, arg) for arg in args))
        return node

    def __radd__(self, other: "Value | float") -> "Value":
        if type(other) is int and other == 0:  # where `sum` begins
            return self
        left: Value = operand(other)
        return left if left is NotImplemented else left + self

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """NumPy's operations, number by number: `array * v` is an array of Values, `np.exp(v)` a Value."""
        import numpy as np

        return getattr(ufunc, method)(*(np.array(x, object) if isinstance(x, Value) else x for x in inputs), **kwargs)

    # micrograd's names for the operands and the operation: programs that draw its graphs go by these
    _prev = property(lambda self: set(self.inputs))
    _op = property(lambda self: self.op.name if self.op else "")

    def __float__(self) -> float:
        return self.data

    def __bool__(self) -> Never:
        raise TypeError("a Value is neither true nor false: compare it (v > 0), or test `v is not None`")

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label is not None else ""
        op = f", op={self.op.name}" if self.op else ""
        return f"{type(self).__name__}({self.data!r}{label}{op}, grad={self.grad!r})"

    if TYPE_CHECKING:  # what `install` adds, and the comparisons below it

        def __getattr__(self, name: str) -> Callable[..., "Value"]: ...
        def _binary(self, other: "Value | float") -> "Value": ...
        def _unary(self) -> "Value": ...
        def _comparison(self, other: "Value | float") -> bool: ...

        __add__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _binary
        __truediv__ = __rtruediv__ = __pow__ = __rpow__ = _binary
        __neg__ = __pos__ = __abs__ = _unary
        __lt__ = __le__ = __gt__ = __ge__ = _comparison


class Constant(Value):
    """A number written into a formula, the 2 of `2 * a`: its derivative is never asked for, nor computed."""

    __slots__ = ()


def operand(x: Any) -> Any:
    """`x` as a node, a number as a Constant; NotImplemented, which Python makes a TypeError, for anything else."""
    if isinstance(x, Value):
        return x
    if not is_real(x):
        return NotImplemented
    node = new(Constant)
    node.data = float(x)
    node.grad = 0.0
    node.op = None
    node.inputs = ()
    node.label = None
    node.scope = this_thread.innermost if open_scopes else None
    return node


def required(row: Primitive, x: Any) -> Value:
    """`x` as a node; a TypeError that names the operation if it is neither Value nor real number."""
    node: Value = operand(x)
    if node is NotImplemented:
        raise TypeError(f"{row.name} takes Values and real numbers, not {type(x).__name__!r}")
    return node


def topological_order(*outputs: Value) -> list[Value]:
    """All nodes that the outputs depend on, and they, each once and after its inputs.

    Depth-first, inputs in order: given by the structure of the graph alone. Time and memory are linear
    in the graph; the stack holds nodes only, since containers on it would keep the garbage collector busy.
    """
    order: list[Value] = []
    seen: set[Value] = set()
    for output in outputs:
        stack = [output] if output not in seen else []
        seen.add(output)
        while stack:
            for x in stack[-1].inputs:
                if x not in seen:
                    seen.add(x)
                    stack.append(x)
                    break
            else:
                order.append(stack.pop())
    return order


def _check_range(order: list[Value]) -> None:
    """Raise OverflowError where a step backwards left the range of floats, unless the graph already had."""
    if all(math.isfinite(x.data) for node in order for x in (node, *node.inputs)):
        for node in reversed(order):
            if math.isfinite(node.grad) and not all(math.isfinite(x.grad) for x in node.inputs):
                node._no_slope(OverflowError())


def install(row: Primitive) -> None:
    """Write the functions of `row`; they become methods of Value, unless Value itself has one of that name."""
    names = {"new": new, "Value": Value, "Constant": Constant, "operand": operand, "required": required}
    functions = generate(row, {**names, "open_scopes": open_scopes, "this_thread": this_thread})
    row.forward, row.backward = functions[row.method], functions.pop("backward")
    for name, function in functions.items():
        if name not in OWN and (name.startswith("__") or not row.hidden):
            setattr(Value, name, function)


def _install_comparison(name: str, compare: Callable[[float, float], bool]) -> None:
    def method(self: Value, other: Any) -> Any:
        other = operand(other)
        return other if other is NotImplemented else compare(self.data, other.data)

    setattr(Value, name, method)


OWN = frozenset(vars(Value))
for _name in ("__lt__", "__le__", "__gt__", "__ge__"):
    _install_comparison(_name, getattr(operator, _name))
for _row in TABLE.values():
    install(_row)
installers.append(install)
