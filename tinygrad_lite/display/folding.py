"""Folding: a smaller graph, in which each folded scope is one operation.

Its row has the scope's name and, as partial derivatives, the end-to-end ones through the scope: the
chain rule summed over the paths inside. So the chain rule holds in the folded graph by construction,
and nothing that reads a graph needs to know of folding.
"""

from collections.abc import Iterable

from ..engine.declaration import Primitive
from ..engine.scopes import scope
from ..engine.value import Constant, Value, as_node
from .derivation import Derivation

Fold = bool | str | scope | Iterable[str | scope] | None


def enclosing(x: Value) -> list[scope]:
    """The scopes that a node was made in, outermost first."""
    scopes: list[scope] = []
    inner = x.scope
    while inner is not None:
        scopes.append(inner)
        inner = inner.parent
    return scopes[::-1]


class Folding:
    """Which nodes of a derivation are inside which folded scope.

    A leaf goes with the scope it was made in, or is a parameter of, if it is used there only.

    Attributes:
        around: for each node the outermost folded scope around it, or None.
        hidden: the leaves that folding hides.
        size: how many boxes are left.
    """

    def __init__(self, derivation: Derivation, folded: set[scope]) -> None:
        self.derivation = derivation
        nodes = derivation.nodes
        scopes = [enclosing(x) for x in nodes]
        self.around = [next((s for s in path if s in folded), None) for path in scopes]
        owned = {s: frozenset(s.parameters) for path in scopes for s in path}
        self.owners: dict[Value, list[scope]] = {}
        for s, parameters in owned.items():
            for x in parameters:
                self.owners.setdefault(x, []).append(s)
        inner = [path[path.index(s) :] if s else [] for path, s in zip(scopes, self.around, strict=True)]
        self.consumers: list[list[int]] = [[] for _ in nodes]
        for i in range(len(nodes)):
            for j in derivation.operands(i):
                self.consumers[j].append(i)

        def within(leaf: int, user: int) -> bool:
            return self.around[user] in scopes[leaf] or any(nodes[leaf] in owned[s] for s in inner[user])

        self.hidden = {
            j
            for j, users in enumerate(self.consumers)
            if users and not nodes[j].op and nodes[j] not in derivation.outputs and all(within(j, i) for i in users)
        }
        for j, x in enumerate(nodes):
            if not x.op:
                self.around[j] = None
        groups = {s for s in self.around if s}
        self.size = self.around.count(None) - len(self.hidden) + len(groups)

    def graph(self, names: list[str]) -> tuple[list[Value], dict[Value, scope], dict[Value, int]]:
        """The folded graph, a copy labelled with `names`.

        Returns: its outputs; the nodes that are outputs of folded scopes; each node's index in the derivation.
        """
        derivation, folded = self.derivation, {}
        members: dict[scope | None, list[int]] = {}
        copies: dict[int, Value] = {}
        for i, x in enumerate(derivation.nodes):
            s = self.around[i]
            members.setdefault(s, []).append(i)
            used_inside = self.consumers[i] and all(self.around[k] is s for k in self.consumers[i])
            if i in self.hidden or (s and used_inside and x not in derivation.outputs):
                continue
            constant = type(x) is Constant
            copy = copies[i] = as_node(derivation.data[i]) if constant else Value(derivation.data[i])
            copy.label, copy.grad, copy.scope = "" if constant and not x.label else names[i], x.grad, x.scope
            if len(self.owners.get(x, ())) == 1:
                copy.scope = self.owners[x][0]
            if s:
                slopes = self._end_to_end(i, members[s])
                copy.op, copy.inputs = _operation(s.name, copy.data, slopes.values()), tuple(copies[j] for j in slopes)
                copy.scope = s.parent
                folded[copy] = s
            elif x.op:
                copy.op, copy.inputs = x.op, tuple(copies[j] for j in derivation.operands(i))
        origins = {copy: i for i, copy in copies.items()}
        return [copies[derivation.index[x]] for x in derivation.outputs], folded, origins

    def _end_to_end(self, output: int, members: list[int]) -> dict[int, float]:
        """∂output/∂x through a folded scope, for each x outside that it takes in."""
        derivation, inside = self.derivation, set(members)
        adjoint = {output: 1.0}
        for i in reversed(members):
            for slot, j in enumerate(derivation.operands(i) if i in adjoint else ()):
                if type(derivation.nodes[j]) is not Constant:
                    adjoint[j] = adjoint.get(j, 0.0) + adjoint[i] * derivation.slope(i, slot)[0]
        return {j: adjoint[j] for j in sorted(adjoint) if j not in inside and j not in self.hidden}


def fold_scopes(derivation: Derivation, fold: Fold, max_nodes: int) -> Folding:
    """Fold as `draw` is asked to: by default scopes with parameters, and then as many as it takes, innermost first.

    Raises: ValueError for a scope that the graph does not have, and if more than `max_nodes` boxes are left.
    """
    present = {s: depth for x in derivation.nodes for depth, s in enumerate(enclosing(x))}
    if fold is None:
        folded = {s for s in present if s.parameters}
    else:
        several = [fold] if isinstance(fold, (bool, str, scope)) else fold
        folded = {s for wanted in several for s in _matching(wanted, present)}
    folding = Folding(derivation, folded)
    for level in range(max(present.values(), default=-1), -1, -1) if fold is None else ():
        if folding.size > max_nodes:
            folding = Folding(derivation, folded | {s for s, depth in present.items() if depth >= level})
    if folding.size > max_nodes:
        raise ValueError(
            f"the drawing would have {folding.size} boxes, more than max_nodes={max_nodes}: fold scopes (build parts "
            f"of the graph in `with scope(name):`), or draw(..., max_nodes={folding.size})"
        )
    return folding


def _matching(wanted: bool | str | scope, present: Iterable[scope]) -> list[scope]:
    """The scopes meant by True, False, a name or a scope."""
    if isinstance(wanted, bool):
        return list(present) if wanted else []
    matching = [s for s in present if wanted is s or wanted == s.name]
    if not matching:
        names = ", ".join(dict.fromkeys(repr(s.name) for s in present)) or "none"
        raise ValueError(f"cannot fold {wanted!r}: the scopes of this graph are: {names}")
    return matching


def _operation(name: str, data: float, slopes: Iterable[float]) -> Primitive:
    """A row, of this drawing alone, whose value and partial derivatives are numbers."""
    partials = tuple(lambda *_, slope=slope: slope for slope in slopes)
    call = name.replace("{", "{{").replace("}", "}}") + f"({', '.join(['{}'] * len(partials))})"
    return Primitive(name=name, plain=call, value=lambda *_: data, partials=partials)
