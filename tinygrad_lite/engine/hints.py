"""Advice for those who come from micrograd, PyTorch or NumPy: what their ways are called here."""

from collections.abc import Callable, Sequence
from typing import Any

from .declaration import Primitive

CONSTRUCTOR = (
    "Value(data, label) makes a leaf; a computed node comes from its operation, a + b or exp(a), and a "
    "user-defined operation, with its local derivatives, from primitive(name, value, *partials)"
)
JUMPING = ("ceil", "copysign", "floor", "fmod", "remainder", "trunc")
JUMPS = (
    "what jumps (//, %, floor, ceil, trunc, fmod, copysign) has no derivative to learn by: none where it jumps, and "
    "everywhere else one that says nothing of the jump; where the number is meant, write v.data"
)
NO_ROW = "it has no row; declare one with primitive(name, value, *partials), or where the number is meant write v.data"
# What takes more or fewer arguments in `math`.
ARITY = {
    "log": "; to another base it is log(x) / log(base), log2(x) or log10(x)",
    "hypot": "; of more numbers it is hypot(hypot(a, b), c), and of points dist(p, q)",
}
BACKWARD = "the backward step of an operation comes from its row: declare one with primitive(name, value, *partials)"
OPTIONS = "backward() has no option {!r}: the graph is always kept, and backward() may run again"
STATE = "a Value keeps no state of an optimizer: keep it in a dict with the Values as keys, or in a subclass of Value"
# Attributes that a Value does not have, and what to write. (A `__getattr__` would slow every other one down.)
ATTRIBUTES = {
    **dict.fromkeys(("m", "v", "momentum", "velocity"), STATE),
    "item": "float(v), or v.data, is the number",
    "detach": "Value(v.data) is a leaf with the same number",
    "requires_grad": "every leaf has a gradient; a plain number in a formula has none",
    "requires_grad_": "every leaf has a gradient; a plain number in a formula has none",
    "numpy": "float(v), or v.data, is the number",
    "clamp": "v.clip(low, high) keeps a number within bounds",
    "T": "a Value is one number: zip(*rows) transposes a list of lists",
    "shape": "a Value is one number: lists of Values are vectors",
    "mean": "a Value is one number: sum(values) / len(values)",
    "sum": "a Value is one number: sum(values)",
}


def sign(row: Primitive, inputs: Sequence[Any]) -> str:
    """micrograd's sign of an operation: +, *, ReLU; with the exponent, **2, if that is a number."""
    if row.name == "pow":
        return "**" if inputs[1].op or inputs[1].label else f"**{inputs[1].data:g}"
    written = row.python.format(*[""] * len(inputs)).strip()
    return {"relu": "ReLU"}.get(row.name, row.name if "(" in written else written)


class Refused:
    """An attribute that cannot be set, nor read where nothing reads it: the advice says what to do.

    A subclass of Value that has a dictionary may have it.
    """

    def __init__(self, name: str, advice: str, read: Callable[[Any], Any] | None = None) -> None:
        self.name, self.advice, self.read = name, advice, read

    def __get__(self, node: Any, cls: type) -> Any:
        if node is None:
            return self
        if self.read:
            return self.read(node)
        if self.name in getattr(node, "__dict__", ()):
            return vars(node)[self.name]
        raise AttributeError(self.advice)

    def __set__(self, node: Any, content: Any) -> None:
        if self.read or not hasattr(node, "__dict__"):
            raise AttributeError(self.advice)
        vars(node)[self.name] = content
