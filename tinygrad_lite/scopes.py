"""`scope`: names for the parts of a graph, given while it is built."""

import threading
from typing import Self

open_scopes: list["scope"] = []  # of all threads: while it is empty, a new node need not ask for its scope
_of_thread = threading.local()


class scope:  # noqa: N801 — it reads as a statement: `with scope(...)`
    """Group the nodes made inside it, as one cluster of a drawing: `with scope("neuron 1"): ...`.

    Scopes nest, and the nodes of other threads stay outside.

    Args:
        name: what the cluster is called.

    Attributes:
        name: as given; parent: the scope it was opened in, or None.
    """

    __slots__ = ("name", "parent")

    def __init__(self, name: str) -> None:
        self.name = name
        self.parent: scope | None = None

    def __enter__(self) -> Self:
        self.parent = innermost()
        _of_thread.innermost = self
        open_scopes.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _of_thread.innermost = self.parent
        open_scopes.remove(self)

    def __repr__(self) -> str:
        return f"scope({self.name!r})"


def innermost() -> scope | None:
    """The scope that this thread has open, the innermost one."""
    return getattr(_of_thread, "innermost", None)
