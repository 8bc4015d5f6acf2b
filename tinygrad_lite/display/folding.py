"""Folding: a smaller graph, in which several nodes are one operation.

What folds: scopes, each to one box, and nodes without a name that are used once, each written into the formula of its
consumer. Either way the new operation has as partial derivatives the end-to-end ones: the chain rule summed over the
paths inside. So the chain rule holds in the folded graph by construction, and nothing that reads a graph needs to know
of folding.
"""

from collections.abc import Collection, Iterable
from itertools import product
from typing import Any

from ..engine.declaration import Primitive
from ..engine.names import distinct, latex_text
from ..engine.scopes import scope
from ..engine.symbol import Symbol, format_number
from ..engine.value import Constant, Value, as_node
from .derivation import Derivation

Fold = bool | str | scope | Iterable[str | scope] | None
UNNAMED = "unnamed"
MANY = 12  # operations above which nodes without a name fold by themselves
NESTED = 50  # operations one inside the other in a formula, at most: the rest stays a box


def enclosing(x: Value) -> list[scope]:
    """The scopes that a node was made in, outermost first."""
    scopes: list[scope] = []
    inner = x.scope
    while inner is not None:
        scopes.append(inner)
        inner = inner.parent
    return scopes[::-1]


def _paths(nodes: Iterable[Value]) -> dict[scope | None, list[scope]]:
    """For each scope that nodes were made in, itself and those around it, outermost first."""
    return {inner: enclosing(x) for inner, x in {x.scope: x for x in nodes}.items()}


class Folding:
    """Which nodes of a derivation are together in one box.

    A leaf goes with the scope it was made in, or is a parameter of, if it is used there only.

    Args:
        folded: the scopes that fold.
        named: the nodes with a name; where it is given, the others fold too.
        leaves: whether every leaf that is used in folded scopes alone, in several perhaps, is hidden as well.

    Attributes:
        around: for each node the outermost folded scope around it, or the node it is written into, or None.
        hidden: the leaves that folding hides.
        size, operations: how many boxes are left, and how many of them are computed.
    """

    def __init__(
        self,
        derivation: Derivation,
        folded: set[scope],
        named: Collection[Value] | None = None,
        leaves: bool = False,
    ) -> None:
        self.derivation = derivation
        nodes = derivation.nodes
        scopes = _paths(nodes)
        outermost = {inner: next((s for s in path if s in folded), None) for inner, path in scopes.items()}
        self.around: list[scope | Value | None] = [outermost[x.scope] for x in nodes]
        owned = {s: frozenset(s.parameters) for path in scopes.values() for s in path}
        self.owners: dict[Value, list[scope]] = {}
        for s, parameters in owned.items():
            for x in parameters:
                self.owners.setdefault(x, []).append(s)
        inside = {inner: scopes[inner][scopes[inner].index(s) :] if s else [] for inner, s in outermost.items()}

        def within(leaf: int, user: int) -> bool:
            if leaves:
                return self.around[user] is not None
            own = any(nodes[leaf] in owned[s] for s in inside[nodes[user].scope])
            return own or self.around[user] in scopes[nodes[leaf].scope]

        self.hidden = {
            j
            for j, users in enumerate(self.derivation.consumers)
            if users and not nodes[j].op and nodes[j] not in derivation.outputs and all(within(j, i) for i in users)
        }
        for j, x in enumerate(nodes):
            if not x.op:
                self.around[j] = None
        if named is not None:
            self._write_into_consumers(named)
        groups = {s for s in self.around if s is not None}
        alone = [x for s, x in zip(self.around, nodes, strict=True) if s is None]
        self.size = len(groups) + len(alone) - len(self.hidden)
        self.operations = len(groups) + sum(
            s is None and x.op is not None for s, x in zip(self.around, nodes, strict=True)
        )

    def _write_into_consumers(self, named: Collection[Value]) -> None:
        """Put each unnamed node that is used once, in the scope it was made in, together with its consumer."""
        nodes, outputs = self.derivation.nodes, self.derivation.outputs
        level = [0] * len(nodes)
        for i in reversed(range(len(nodes))):
            x, consumers = nodes[i], self.derivation.consumers[i]
            if x in named or x in outputs or len(consumers) != 1 or self.around[i] is not None or i in self.hidden:
                continue
            [k] = consumers
            consumer = nodes[k]
            into = consumer if self.around[k] is None else self.around[k]
            if isinstance(into, scope):
                continue
            if type(x) is Constant:
                self.hidden.add(i)
            elif x.op and x.scope is consumer.scope and level[k] + 1 < NESTED:
                level[i] = level[k] + 1
                self.around[i] = into
            else:
                continue
            self.around[k] = into

    def graph(self, names: list[str]) -> tuple[list[Value], dict[Value, scope], dict[Value, int]]:
        """The folded graph, a copy labelled with `names`.

        Returns: its outputs; the nodes that are outputs of folded scopes; each node's index in the derivation.
        """
        derivation, folded, partials = self.derivation, {}, {}
        members: dict[scope | Value | None, list[int]] = {}
        copies: dict[int, Value] = {}
        for i, x in enumerate(derivation.nodes):
            group = self.around[i]
            members.setdefault(group, []).append(i)
            consumers = derivation.consumers[i]
            used_inside = consumers and all(self.around[k] is group for k in consumers)
            if i in self.hidden or (group is not None and used_inside and x not in derivation.outputs):
                continue
            constant = type(x) is Constant
            copy = copies[i] = as_node(derivation.data[i]) if constant else Value(derivation.data[i])
            copy.label, copy.grad, copy.scope = "" if constant and not x.label else names[i], x.grad, x.scope
            if len(self.owners.get(x, ())) == 1:
                copy.scope = self.owners[x][0]
            if group is not None:
                slopes = self._end_to_end(i, members[group], copies)
                copy.inputs = tuple(copies[j] for j in slopes)
                if isinstance(group, scope):
                    copy.scope = group.parent
                    folded[copy], partials[copy] = group, slopes.values()
                else:
                    copy.op = _Formula(derivation, members[group], slopes).row(copy.data)
            elif x.op:
                copy.op, copy.inputs = x.op, tuple(copies[j] for j in derivation.operands(i))
        calls = [f"{s.name}({', '.join(format_number(y.data) for y in x.inputs)})" for x, s in folded.items()]
        for x, call, numbered in zip(folded, calls, distinct(calls), strict=True):
            x.op = _call(folded[x].name, str(numbered).removeprefix(call), x.data, partials[x])
        origins = {copy: i for i, copy in copies.items()}
        return [copies[derivation.index[x]] for x in derivation.outputs], folded, origins

    def _end_to_end(self, output: int, members: list[int], shown: Collection[int]) -> dict[int, float | None]:
        """∂output/∂x for each shown x that the output depends on through hidden nodes alone; None if 0 everywhere."""
        derivation = self.derivation
        adjoint: dict[int, float | None] = {output: 1.0}
        for i in reversed(members):
            passing = i in adjoint and (i == output or i not in shown)
            for slot, j in enumerate(derivation.operands(i) if passing else ()):
                upstream, constant = adjoint[i], type(derivation.nodes[j]) is Constant
                adjoint.setdefault(j, None)
                if upstream is not None and not constant and not derivation.is_flat(i, slot):
                    adjoint[j] = (adjoint[j] or 0.0) + upstream * derivation.slope(i, slot)[0]
        return {j: adjoint[j] for j in sorted(adjoint) if j in shown and j != output}


class _Formula:
    """What several operations, each written into the next, are as one.

    Args:
        members: their indices, in topological order.
        slopes: the end-to-end derivative for each index that they take in, as `Folding` has it.
    """

    def __init__(self, derivation: Derivation, members: list[int], slopes: dict[int, float | None]) -> None:
        self.derivation, self.members, self.slopes = derivation, members, slopes
        self.inputs, self.inside = list(slopes), set(members)

    def row(self, data: float) -> Primitive:
        """The operation, of this drawing alone: its value and slopes are numbers, and it is shown by its formula."""
        slots = range(len(self.inputs))
        rows = [self.derivation.nodes[i].op for i in self.members]
        at_kink = any(map(self.derivation.is_at_kink, self.members))
        return Primitive(
            name="formula",
            value=lambda *_: data,
            partials=tuple(lambda *operands, slot=slot: self._slope(slot, *operands) for slot in slots),
            definition=lambda *operands: self._terms(operands)[self.members[-1]],
            opaque=tuple(slots) if any(row and row.opaque for row in rows) or at_kink else (),
            flat=_flat(self.slopes.values()),
            hidden=True,
        )

    def _terms(self, operands: Iterable[Any]) -> dict[int, Any]:
        """Each operation as a formula of the operands."""
        terms = dict(zip(self.inputs, operands, strict=True))
        for i in self.members:
            terms[i] = Symbol("", self.derivation.nodes[i].op, self._operands(i, terms))
        return terms

    def _operands(self, i: int, terms: dict[int, Any]) -> tuple[Any, ...]:
        return tuple(terms.get(j, self.derivation.data[j]) for j in self.derivation.operands(i))

    def _slope(self, slot: int, *operands: Any) -> Any:
        """The end-to-end derivative by the operand `slot`: of symbols a formula, else the number."""
        *inputs, y = operands
        if not isinstance(y, Symbol):
            return self.slopes[self.inputs[slot]] or 0.0
        terms = self._terms(inputs)
        terms[self.members[-1]] = y
        adjoint: dict[int, Any] = {self.members[-1]: 1}
        for i in reversed(self.members):
            partials = self.derivation.nodes[i].op.partials  # type: ignore[union-attr]  # computed nodes have one
            for partial, j in zip(partials, self.derivation.operands(i), strict=True):
                if j in self.inside or j == self.inputs[slot]:
                    factor = partial(*self._operands(i, terms), terms[i])
                    adjoint[j] = adjoint.get(j, 0) + adjoint[i] * factor
        return adjoint[self.inputs[slot]]


def possible_foldings(derivation: Derivation, named: Collection[Value], fold: Fold, max_nodes: int) -> list[Folding]:
    """The foldings to choose from, the one with most boxes first: one, if `draw` is told what folds.

    By default scopes with parameters fold, and as many more as it takes, innermost first, at last with leaves that are
    used in them alone; nodes without a name where there are many operations, or where the choice is to be made.

    Args:
        named: the nodes with a name.

    Raises: ValueError for a scope that the graph does not have, and if more than `max_nodes` boxes are left.
    """
    present = {s: depth for path in _paths(derivation.nodes).values() for depth, s in enumerate(path)}
    if fold is None:
        folded = {s for s in present if s.parameters}
        foldings = [Folding(derivation, folded, named)]
        if foldings[0].operations <= MANY:  # of more there are even more before unnamed ones fold
            whole = Folding(derivation, folded)
            if whole.operations <= MANY and whole.size != foldings[0].size:
                foldings.insert(0, whole)
    else:
        several = [fold] if isinstance(fold, (bool, str, scope)) else list(fold)
        folded = {s for wanted in several for s in _matching(wanted, present)}
        foldings = [Folding(derivation, folded, named if UNNAMED in several else None)]
    levels = range(max(present.values(), default=-1), -1, -1) if fold is None else ()
    for leaves, level in product((False, True), levels):
        if foldings[-1].size > max_nodes:
            more = folded | {s for s, depth in present.items() if depth >= level}
            foldings = [Folding(derivation, more, named, leaves)]
    size = foldings[-1].size
    if size > max_nodes:
        remedy = "build parts of the graph in `with scope(name):`, each of which then folds to one box"
        if fold is not None and present:
            remedy = "leave out fold=, and as many scopes fold as it takes"
        raise ValueError(
            f"the drawing would have {size} boxes, more than max_nodes={max_nodes}: {remedy}; "
            f"or draw(..., max_nodes={size})"
        )
    return [folding for folding in foldings if folding.size <= max_nodes]


def _matching(wanted: bool | str | scope, present: Iterable[scope]) -> list[scope]:
    """The scopes meant by True, False, a name or a scope."""
    if isinstance(wanted, bool):
        return list(present) if wanted else []
    matching = [s for s in present if wanted is s or wanted == s.name]
    if not matching and wanted != UNNAMED:
        names = ", ".join(dict.fromkeys(repr(s.name) for s in present)) or "none"
        raise ValueError(f"cannot fold {wanted!r}: the scopes of this graph are: {names}; and {UNNAMED!r} folds nodes")
    return matching


def _call(name: str, number: str, data: float, slopes: Collection[float | None]) -> Primitive:
    """A row, of this drawing alone, whose value and partial derivatives are numbers; shown as a call.

    Args:
        number: what tells it from another that reads alike, such as the other output of its scope: block(x)_2.
    """
    partials = tuple(lambda *_, slope=slope or 0.0: slope for slope in slopes)
    operands = ", ".join(["{}"] * len(partials))
    plain = f"{_literal(name)}({operands}){number}"
    latex = rf"{_literal(latex_text(name))}\left({operands}\right){_literal(latex_text(number)) if number else ''}"
    return Primitive(
        name=name, plain=plain, latex=latex, value=lambda *_: data, partials=partials, opaque=(), flat=_flat(slopes)
    )


def _flat(slopes: Iterable[float | None]) -> tuple[int, ...]:
    """The slots in which a folded operation has the slope 0 everywhere."""
    return tuple(slot for slot, slope in enumerate(slopes) if slope is None)


def _literal(text: str) -> str:
    """Text inside a template."""
    return text.replace("{", "{{").replace("}", "}}")
