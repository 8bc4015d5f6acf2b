"""What surrounds a node while it is made: `scope`, the names of parts of a graph, and `no_grad`."""

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Self

innermost: "ContextVar[scope | None]" = ContextVar("innermost", default=None)  # of this thread, or asyncio task
no_grads: "ContextVar[int]" = ContextVar("no_grads", default=0)  # likewise: how many of them are open
open_scopes: "list[scope]" = []  # of all threads and tasks: while there are none, a new node need not ask for its own
open_no_grads: "list[no_grad]" = []


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

    __slots__ = ("_open", "name", "parameters", "parent")

    def __init__(self, name: str, parameters: Sequence[Any] = ()) -> None:
        self.name = name
        self.parameters = parameters
        self.parent: scope | None = None
        self._open = False

    def __enter__(self) -> Self:
        if self._open:
            raise RuntimeError(f"{self!r} is open already: make a new one, with a name of its own")
        self._open = True
        self.parent = innermost.get()
        innermost.set(self)
        open_scopes.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        open_scopes.remove(self)
        self._open = False
        within = innermost.get()
        while within and not within._open:  # generators close theirs in any order
            within = within.parent
        innermost.set(within)

    def __repr__(self) -> str:
        return f"scope({self.name!r})"


class no_grad:  # noqa: N801 — as `scope`
    """What is computed inside is made of leaves: `with no_grad(): p = model(x)` keeps no graph, and no memory.

    Nodes of other threads and asyncio tasks keep theirs. Derivatives of functions, as `grad` gives them, are computed
    inside as outside; but nodes made inside have nothing below them, and no derivative goes through them.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        no_grads.set(no_grads.get() + 1)
        open_no_grads.append(self)

    def __exit__(self, *exception: object) -> None:
        no_grads.set(max(no_grads.get() - 1, 0))  # 0 where a task closes what was opened outside of it
        open_no_grads.remove(self)


def forget(node: Any) -> None:
    """Make a new node a leaf, if it was made in a `no_grad`."""
    if no_grads.get():
        node.op = node.first = node.second = None
