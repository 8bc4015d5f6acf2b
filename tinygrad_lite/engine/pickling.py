"""Pickling and copying of graphs: sharing is kept, and a long chain does not overflow the stack.

A pickler goes into what an object refers to before it is done with the object: node by node down the
whole graph. So the node that it meets first hands it all nodes below, inputs first; each then finds
its inputs saved already. `copy.deepcopy` asks the same questions.
"""

import copyreg
import threading
import weakref
from typing import Any

from .value import Constant, Value, topological_order


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
    return type(node), node.data, node.grad, node.label, node.op, node.inputs, node.scope


def _restore(cls: type[Value], data: float, grad: float, label: Any, op: Any, inputs: Any, scope: Any) -> Value:
    node = object.__new__(cls)
    node.data, node.grad, node.label = data, grad, label
    node.op, node.inputs, node.scope = op, inputs, scope
    return node


def _last(*saved: Any) -> Any:
    return saved[-2]


def _copy(node: Value) -> Value:
    """A node of its own with the same inputs, for `copy.copy`."""
    return _restore(*_parts(node))


for _cls in (Value, Constant):
    copyreg.pickle(_cls, _reduce)
Value.__copy__ = _copy  # type: ignore[attr-defined]  # beside its relatives rather than in the class
