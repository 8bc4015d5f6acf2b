"""`Value`: a number that remembers how it was computed.

Each operation gives a new node that keeps its operands and the row of the table that it is. Written out from the
row of the product, multiplication and its step of the backward pass, the chain rule, are

    def __mul__(self, other):
        'product'
        if type(other) is not Value:
            other = as_node(other)
            if other is NotImplemented:
                return other
        try:
            data = self.data * other.data
            if type(data) is not float or data - data:  # data - data is not 0 for infinity and NaN
                raise OverflowError
        except (ArithmeticError, TypeError, ValueError, Warning):
            data = evaluate_nodes(row, (self, other))
        node = new(Value)
        node.data = data
        node.grad = 0.0
        node.op = row
        node.inputs = (self, other)
        node.label = ""
        node.scope = innermost.get() if open_scopes else None
        return node

    def backward(node):
        \"\"\"The chain rule: each input's gradient grows by upstream gradient times partial derivative.\"\"\"
        self, other = node.inputs
        upstream = node.grad
        if type(self) is not Constant:
            self.grad += upstream * other.data
        if type(other) is not Constant:
            other.grad += upstream * self.data

Reverse-mode differentiation as in Griewank and Walther, *Evaluating Derivatives* (2nd edition, 2008),
chapter 3: sort the recorded graph topologically, then apply the chain rule once per node, backwards.
"""

import math
import sys
from collections.abc import Iterable, Sequence
from operator import add
from typing import TYPE_CHECKING, Any, Never, Self

from . import foreign_functions, hints
from .arguments import is_real, to_float
from .declaration import Primitive
from .scopes import innermost, open_scopes, scope

new = object.__new__
FLOAT = frozenset([float])


class Value:
    """A number, and a node of the computation graph.

    Operators, methods (`v.exp()`) and functions (`exp(v)`) of the table's rows compute new nodes, which are
    plain Values also where operands are of a subclass. `==` is identity; `<`, `<=`, `>`, `>=` compare the numbers.

    Args:
        data: a real number: int, float, bool or a NumPy scalar.
        label: a name for messages, drawings and explanations.

    Attributes:
        data: the number, a float. A number of another type that is put there counts as the float it is.
        grad: ∂output/∂self, a float, after `output.backward()`.
        label: the name, or "".
        op: the row of the table that computed it, or None for a leaf.
        inputs: the operands, in order and each as often as it was used: (x, x) for `x * x`.
        scope: the innermost `scope` it was made in, or None.

    Raises: TypeError if `data` is not a real number, or the label not a string.
    """

    __slots__ = ("__weakref__", "data", "grad", "inputs", "label", "op", "scope")
    data: float
    grad: float
    label: str
    op: Primitive | None
    inputs: "tuple[Value, ...]"
    scope: scope | None

    def __init__(self, data: float, label: str | None = None, *children: Never, **how: Never) -> None:
        if children or how:
            raise TypeError(hints.CONSTRUCTOR)
        self.data = to_float(data, "a Value holds a real number")
        if foreign_functions.lost and self.data in foreign_functions.lost:
            foreign_functions.warn_of_loss(self.data)
        self.grad = 0.0
        self.label = ""
        self.op = None
        self.inputs = ()
        self.scope = innermost.get() if open_scopes else None
        if label is not None:
            self.named(label)

    def named(self, label: str) -> Self:
        """The same node, labelled: `u = (2 * a).named("u")`. Raises: TypeError if the label is not a string."""
        if not isinstance(label, str):
            advice = f". {hints.CONSTRUCTOR}" if isinstance(label, (tuple, list, set)) else ""
            raise TypeError(f"a label is a string, not {type(label).__name__!r}{advice}")
        self.label = label
        return self

    def backward(self, gradient: float = 1.0, **options: Never) -> None:
        """Compute ∂self/∂x for every node x below self, and leave it in `x.grad`.

        Leaves accumulate over calls, until `zero_grad`; the gradients of all other nodes are set afresh. A leaf
        whose `grad` is None, as PyTorch's users leave it, counts as one of gradient 0.

        Args:
            gradient: ∂(what one is after)/∂self.

        Raises: ZeroDivisionError, ValueError or OverflowError, naming the node, where a local derivative
            or a gradient is not finite though every number before it is; TypeError, naming the node, for data
            or a gradient that is no real number. The leaves keep what they had, as they do on Ctrl-C.
        """
        if options:
            raise TypeError(hints.OPTIONS.format(*options))
        seed = to_float(gradient, "backward() takes a real number")
        order: list[Any] = []
        leaves: list[Any] = []
        earlier: list[Any] = []
        try:
            self._clear(order, leaves, earlier)
            passed = self._backpropagate(seed, order, leaves)
            _set_gradients(leaves, _totals(leaves, earlier, passed))
        except BaseException:
            _set_gradients(leaves, earlier)
            raise

    def _backpropagate(self, seed: float, order: Sequence[Any], leaves: "Sequence[Value]") -> list[float]:
        """The chain rule from self down, over gradients of 0. Returns: the leaves' gradients."""
        try:
            passed = self._propagate(seed, order, leaves)
        except TypeError:  # what a user put into some data is no number, perhaps
            passed = []
        if len(passed) < len(leaves) or not FLOAT.issuperset(map(type, passed)):
            for x in (*order, *leaves):
                _check_data(x)
                x.grad = 0.0
            passed = self._propagate(seed, order, leaves)
        if not all(map(math.isfinite, passed)):
            _check_range(order)
        return passed

    def _propagate(self, seed: float, order: Sequence[Any], leaves: "Sequence[Value]") -> list[float]:
        self.grad = seed
        for node in reversed(order):
            pass_on = node.op.backward
            try:
                pass_on(node)
            except (ArithmeticError, ValueError) as error:
                node._no_slope(error)
        return [leaf.grad for leaf in leaves]

    def zero_grad(self) -> None:
        """Set `grad` to 0.0 here and in every node below."""
        self._clear([], [], [])

    def _clear(self, order: "list[Value]", leaves: "list[Value]", earlier: list[float]) -> None:
        """Set every gradient from self down to 0.0; append the computed nodes in topological order, the leaves,
        and the gradients that these had.

        The walk of `topological_order`, at two thirds of its price: the 0.0 that clears a gradient is an
        object of its own, so that finding it in a node says that the node was visited.
        """
        zero = float("0")
        if not self.inputs:
            earlier.append(self.grad)
            leaves.append(self)
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
                        earlier.append(x.grad)
                        leaves.append(x)
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
            raise self.op.failure(error, operands, name_nodes(self.inputs), f"{through}: slope of ") from None
        for x in self.inputs:
            x.grad = math.nan

    @staticmethod
    def apply_primitive(row: Primitive, args: tuple[Any, ...]) -> "Value":
        """The node of `row` applied to `args`, Values or numbers."""
        assert row.forward
        node: Value = row.forward(*(require_node(row, arg) for arg in args))
        return node

    def __radd__(self, other: "Value | float") -> "Value":
        if type(other) is int and other == 0:  # where `sum` begins
            return self
        left: Value = as_node(other)
        return left if left is NotImplemented else left + self

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """NumPy's operations, number by number: `array * v` is an array of Values, `np.exp(v)` a Value."""
        return foreign_functions.apply_ufunc(ufunc, method, inputs, kwargs)

    def conjugate(self) -> Self:
        """The same node, a real number: NumPy's `var`, `std` and `vdot` ask for it."""
        return self

    def clip(self, low: "Value | float", high: "Value | float", out: None = None) -> "Value":
        """This number within bounds, as `np.clip` asks for it: minimum(maximum(self, low), high)."""
        return self.maximum(low).minimum(high)

    # micrograd's names: programs that draw its graphs, or walk them backwards by hand, go by these
    _prev = property(lambda self: set(self.inputs))
    _op = property(lambda self: hints.sign(self.op, self.inputs) if self.op else "")
    _backward = hints.Refused(
        "_backward", hints.BACKWARD, lambda self: lambda: self.op.backward(self) if self.op else None
    )

    def __float__(self) -> float:
        foreign_functions.note_loss(x := self._number())
        return x

    def _number(self) -> float:
        """The data as a float; TypeError, naming the node, for what is no real number."""
        if is_real(self.data):
            return float(self.data)
        [name] = name_nodes([self])
        node = f"node {name!r}" if name else "a node"
        raise TypeError(f"the data of {node} must be a real number, not {type(self.data).__name__!r}")

    def __int__(self) -> int:
        return int(float(self))

    def __round__(self, digits: int | None = None) -> float:
        return round(float(self), digits)

    def __bool__(self) -> Never:
        raise TypeError("a Value is neither true nor false: compare it (v > 0), or test `v is not None`")

    def __lt__(self, other: "Value | float") -> bool:
        return NotImplemented if (node := as_node(other)) is NotImplemented else self.data < node.data

    def __le__(self, other: "Value | float") -> bool:
        return NotImplemented if (node := as_node(other)) is NotImplemented else self.data <= node.data

    def __gt__(self, other: "Value | float") -> bool:
        return NotImplemented if (node := as_node(other)) is NotImplemented else self.data > node.data

    def __ge__(self, other: "Value | float") -> bool:
        return NotImplemented if (node := as_node(other)) is NotImplemented else self.data >= node.data

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        op = f", op={self.op.name}" if self.op else ""
        return f"{type(self).__name__}({self.data!r}{label}{op}, grad={self.grad!r})"

    if TYPE_CHECKING:  # what `generated_methods` adds from the table; a test holds this list against it

        def _unary(self) -> "Value": ...
        def _binary(self, other: "Value | float") -> "Value": ...

        __neg__ = __pos__ = __abs__ = _unary
        __add__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _binary
        __truediv__ = __rtruediv__ = __pow__ = __rpow__ = _binary
        exp = log = log1p = expm1 = sqrt = sin = cos = tanh = sigmoid = softplus = relu = _unary
        maximum = minimum = binary_cross_entropy = binary_cross_entropy_with_logits = _binary


class Constant(Value):
    """A number written into a formula, the 2 of `2 * a`: its derivative is never asked for, nor computed."""

    __slots__ = ()


def as_node(x: Any) -> Any:
    """`x` as a node, a number as a Constant; NotImplemented, which Python makes a TypeError, for anything else."""
    if isinstance(x, Value):
        return x
    if not is_real(x):
        return NotImplemented
    if foreign_functions.lost and x in foreign_functions.lost:
        foreign_functions.warn_of_loss(x)
    node = new(Constant)
    node.data = float(x)
    node.grad = 0.0
    node.op = None
    node.inputs = ()
    node.label = ""
    node.scope = innermost.get() if open_scopes else None
    return node


def require_node(row: Primitive, x: Any) -> Value:
    """`x` as a node; a TypeError that names the operation if it is neither Value nor real number."""
    node: Value = as_node(x)
    if node is NotImplemented:
        raise TypeError(f"{row.name} takes Values and real numbers, not {type(x).__name__!r}")
    return node


def make_node(
    cls: type[Value], data: float, op: Primitive | None, inputs: tuple[Value, ...], label: str, grad: float = 0.0
) -> Value:
    """A node of a copied graph, in no scope."""
    node = new(cls)
    node.data, node.grad, node.label = data, grad, label
    node.op, node.inputs, node.scope = op, inputs, None
    return node


def evaluate_nodes(row: Primitive, nodes: Sequence[Value]) -> float:
    """The value of `row` at nodes whose numbers are not all finite floats, or do not give one; see `evaluate`.

    Raises: TypeError, naming the node, where what a user put into its data is no real number.
    """
    for x in nodes:
        _check_data(x)
    operands = [x.data for x in nodes]
    try:
        return row.evaluate(operands)
    except (ArithmeticError, TypeError, ValueError):
        return row.evaluate(operands, name_nodes(nodes))  # the same error, with names


def name_nodes(nodes: Sequence[Value]) -> list[str]:
    """The labels of the nodes; for those without, the variables of the code that called this package."""
    from .names import variables  # which stands on this file

    frame: Any = sys._getframe(1)
    while (
        frame
        and frame.f_globals.get("__name__", foreign_functions.PACKAGE).partition(".")[0] == foreign_functions.PACKAGE
    ):
        frame = frame.f_back
    named = variables(frame) if frame else {}
    return [x.label or named.get(x, "") for x in nodes]


def _check_data(x: Value) -> None:
    """Make a float of what a user put into `x.data`; TypeError, naming the node, if it is no real number."""
    if type(x.data) is not float:
        x.data = x._number()


def _set_gradients(leaves: Sequence[Value], gradients: Sequence[float]) -> None:
    """All or none: within one call of C code no Ctrl-C comes between."""
    list(map(_set_gradient, leaves, gradients))


_set_gradient = Value.__dict__["grad"].__set__


def dependents(order: Iterable[Value], nodes: Iterable[Value]) -> set[Value]:
    """`nodes`, and those in the topological `order` that depend on one of them."""
    found = set(nodes)
    for node in order:
        if not found.isdisjoint(node.inputs):
            found.add(node)
    return found


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


def _check_range(order: Sequence[Value]) -> None:
    """Raise OverflowError where a step backwards left the range of floats, unless the graph already had."""
    if all(math.isfinite(x.data) for node in order for x in (node, *node.inputs)):
        for node in reversed(order):
            if math.isfinite(node.grad) and not all(math.isfinite(x.grad) for x in node.inputs):
                node._no_slope(OverflowError())


def _totals(leaves: Sequence[Value], earlier: Sequence[Any], passed: Sequence[float]) -> list[float]:
    """The gradients that leaves had and those of this pass, added up; those that are None count as 0.

    Raises: OverflowError, naming the leaf, where two finite ones have a sum that is not; TypeError for no number.
    """
    if not FLOAT.issuperset(map(type, earlier)):
        earlier = [0.0 if x is None else to_float(x, "a gradient must be a real number") for x in earlier]
    totals = list(map(add, earlier, passed))
    if not all(map(math.isfinite, totals)):
        for leaf, *parts, total in zip(leaves, earlier, passed, totals, strict=True):
            if all(map(math.isfinite, parts)) and not math.isfinite(total):
                remedy = "the gradients of all calls add up until zero_grad()"
                raise OverflowError(f"backward(): the gradient of {leaf!r} is too large for a float: {remedy}")
    return totals
