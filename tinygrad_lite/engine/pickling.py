"""Pickling and copying of graphs: sharing is kept, and a long chain does not overflow the stack.

A pickler goes into what an object refers to before it is done with the object: node by node down the
whole graph. So the node that it meets first hands it all nodes below, inputs first; each then finds
its inputs saved already. `copy.deepcopy` asks the same questions.
"""

import threading
import weakref
from typing import Any

from .value import Value, new, topological_order


class _Saving(threading.local):
    """What this thread's pickler is going through."""

    graph: "weakref.ref[_Below] | None" = None


_saving = _Saving()


class _Below:
    """The nodes below one that is being saved; held weakly, so that a pickler that fails leaves no trace."""

    def __init__(self, nodes: list[Value]) -> None:
        self.nodes = frozenset(nodes)

    def __reduce__(self) -> tuple[Any, ...]:
        _saving.graph = weakref.ref(self)
        return tuple, ()


class _End:
    """Saved behind the nodes."""

    def __reduce__(self) -> tuple[Any, ...]:
        _saving.graph = None
        return tuple, ()


def _reduce(node: Value) -> tuple[Any, ...]:
    graph = _saving.graph and _saving.graph()
    if not node.inputs or (graph and node in graph.nodes):
        return _restore, _parts(node)
    nodes = topological_order(node)
    return _last, (_Below(nodes), *nodes, _End())


def _parts(node: Value) -> tuple[Any, ...]:
    state: Any = object.__getstate__(node)  # of a class with slots: its dictionary, if it has one, and the slots
    return type(node), {**state[1], **(state[0] or {})}


def _restore(cls: type[Value], attributes: dict[str, Any]) -> Value:
    node = new(cls)
    for name, content in attributes.items():
        setattr(node, name, content)
    return node


def _last(*saved: Any) -> Any:
    return saved[-2]


def _copy(node: Value) -> Value:
    """A node of its own with the same inputs, for `copy.copy`."""
    return _restore(*_parts(node))


Value.__reduce__ = _reduce  # type: ignore[assignment]  # beside its relatives rather than in the class
Value.__copy__ = _copy  # type: ignore[attr-defined]
