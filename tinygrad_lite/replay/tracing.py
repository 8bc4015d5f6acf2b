"""Values that notice where a function decides by their numbers, while it is being recorded.

What is computed of one is one, so that only numbers that depend on an argument are noticed. When the record is made
they become plain Values.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import cache
from numbers import Number
from types import FunctionType
from typing import Any, Never

from ..engine.arguments import is_real
from ..engine.declaration import TABLE, Primitive
from ..engine.foreign_functions import METHODS, is_ours
from ..engine.generated_methods import method_names
from ..engine.value import Value, evaluate_nodes, name_nodes, require_node
from .rebinding import rebind

# What this thread, or asyncio task, calls for each decision; None while it records nothing.
notice: ContextVar[Callable[[str], None] | None] = ContextVar("notice", default=None)
# By the nodes that stand for a recorded function's arguments, their names.
leaf_names: ContextVar[Mapping[Value, str]] = ContextVar("leaf_names")
STATIC = "name the argument in static_argnums or static_argnames, so that the function gets it as it is"
NO_INDEX = f"a number that jit records is no index: write take(values, index), or {STATIC}"
UNDECIDED = (
    "{0}, in a function that jit records: a node equals itself alone, and what would follow from its number cannot be "
    f"recorded. Where it chooses among values, write take(values, index); where it chooses the graph, {STATIC}"
)
ASSIGNED = (
    "a function that jit records cannot set the data of an argument, or of what is computed of one: no replay would do "
    "so. Use a new name, x = x + 1.0"
)


def _note(what: str) -> None:
    if noticing := notice.get():
        noticing(what)


def _note_unless_ours(what: str) -> None:
    """Notice what the code that asks a node does, where it is not this package's."""
    if not is_ours(sys._getframe(2)):
        _note(what)


# What reads a number to compare it, and how it is written.
SIGNS = {
    Value.__lt__.__code__: "<",
    Value.__le__.__code__: "<=",
    Value.__gt__.__code__: ">",
    Value.__ge__.__code__: ">=",
}


def _data(x: Value) -> float:
    if sign := SIGNS.get(sys._getframe(1).f_code):
        _note(sign)
    else:
        _note_unless_ours(".data")
    return read(x)


def _set_data(x: Value, number: float) -> None:
    if notice.get() and not is_ours(sys._getframe(1)):
        raise TypeError(ASSIGNED)
    write(x, number)


def _is(x: Value, sign: str, other: Any) -> Any:
    """Whether two nodes are one. Raises: TypeError where one that is being recorded meets a number."""
    if isinstance(other, Value):
        return x is other
    if notice.get() and (is_real(other) or isinstance(other, Number)):
        name = leaf_names.get().get(x) or name_nodes([x])[0] or "a number"
        raise TypeError(UNDECIDED.format(f"{name} {sign} {other!r}"))
    return NotImplemented


hash_node = Value.__hash__
read: Callable[[Value], float] = Value.__dict__["data"].__get__
write: Callable[[Value, float], None] = Value.__dict__["data"].__set__


class Traced(Value):
    """An argument of a function that is being recorded, or what was computed of one."""

    __slots__ = ()
    _goes_first = True
    data = property(_data, _set_data)

    def backward(self, gradient: float = 1.0, **options: Never) -> None:
        """As for any Value; but its gradients are numbers, and record nothing."""
        _note("backward()")
        super().backward(gradient, **options)

    @staticmethod
    def apply_primitive(row: Primitive, args: tuple[Any, ...]) -> Value:
        """As for any Value, traced."""
        node: Value = _trace(row.forward)(*(require_node(row, x) for x in args))
        return node

    def __float__(self) -> float:
        _note("float()")
        return super().__float__()

    def __eq__(self, other: object) -> Any:
        return _is(self, "==", other)

    def __ne__(self, other: object) -> Any:
        same = _is(self, "!=", other)
        return same if same is NotImplemented else not same

    def __hash__(self) -> int:
        _note_unless_ours("hash()")
        return hash_node(self)

    def __bool__(self) -> Never:
        raise TypeError(f"a number that jit records is neither true nor false: compare it, or {STATIC}")

    def __index__(self) -> Never:
        raise TypeError(NO_INDEX)


# The number, to those who need not be noticed: the methods that `_trace` makes, whose operands are plain Values, too.
Value._data = Value.__dict__["data"]  # type: ignore[attr-defined]


def _evaluate(row: Primitive, operands: Iterable[Any]) -> float:
    """As `evaluate_nodes`, whose errors the function may catch."""
    try:
        return evaluate_nodes(row, operands)
    except (ArithmeticError, ValueError):
        _note("error")
        raise


@cache
def _trace(method: FunctionType) -> FunctionType:
    """A method of Value for traced ones: its results are traced, and nobody notices what it reads."""
    traced = rebind(method, lambda x: Traced if x is Value else _evaluate if x is evaluate_nodes else x)
    names = tuple("_data" if name == "data" else name for name in traced.__code__.co_names)
    traced.__code__ = traced.__code__.replace(co_names=names)
    return traced


class _Untraced:
    """A method of Traced, which is made in the place of this when it is first asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, node: Any, cls: type) -> Any:
        method = _trace(getattr(Value, self.name))
        setattr(Traced, self.name, method)
        return method.__get__(node, cls)


for _name in ("__radd__", *METHODS):
    setattr(Traced, _name, _Untraced(_name))


def follow_table() -> None:
    """Let the methods of all rows give traced Values; users may have added some, or others under the same name."""
    for row in TABLE.values():
        for name in method_names(row):
            if name not in vars(Traced) or not row.builtin:
                setattr(Traced, name, _Untraced(name))


def settle(nodes: Iterable[Value]) -> None:
    """Make plain Values of those that were traced, and of the traced ones that they were computed of, except leaves."""
    remaining: list[Any] = [*nodes]
    for node in remaining:  # which grows meanwhile, by each operand once
        if type(node) is Traced:
            node.__class__ = Value  # type: ignore[assignment]
            x, y = node.first, node.second
            if type(x) is Traced and x.op:
                remaining.append(x)
            if type(y) is Traced and y.op:
                remaining.append(y)
            elif type(y) is tuple:
                remaining += [x for x in y if type(x) is Traced and x.op]
