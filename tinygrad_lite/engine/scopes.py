"""`scope`: names for the parts of a graph, given while it is built."""

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Self

innermost: "ContextVar[scope | None]" = ContextVar("innermost", default=None)  # of this thread, or asyncio task
open_scopes: list["scope"] = []  # of all of them: while it is empty, a new node need not ask for the innermost


class scope:  # noqa: N801 — it reads as a statement: `with scope(...)`
    """Group the nodes made inside it, as one cluster of a drawing: `with scope("neuron 1"): ...`.

    Scopes nest, and the nodes of other threads and asyncio tasks stay outside.

    Args:
        name: what the cluster is called.
        parameters: its leaves, such as a neuron's weights. A drawing folds a scope with parameters to one box,
            unless `draw(fold=...)` says otherwise.

    Raises: RuntimeError on entering a scope that is open.

    Attributes:
        name, parameters: as given; parent: the scope it was opened in, or None.
    """

    __slots__ = ("name", "parameters", "parent")

    def __init__(self, name: str, parameters: Sequence[Any] = ()) -> None:
        self.name = name
        self.parameters = parameters
        self.parent: scope | None = None

    def __enter__(self) -> Self:
        if self in open_scopes:
            raise RuntimeError(f"{self!r} is open already: make a new one, with a name of its own")
        self.parent = innermost.get()
        innermost.set(self)
        open_scopes.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        innermost.set(self.parent)
        open_scopes.remove(self)

    def __repr__(self) -> str:
        return f"scope({self.name!r})"
