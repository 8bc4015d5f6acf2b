"""The order in which a program runs over many samples: what is alike is done together.

What depends on the parameters alone is computed once, as a number; what depends on data, as a column of one
number for each sample. Of either, calls of one function, or chains of one length, that wait for nothing but
what is there already are a group: the kernel looks at one entry, not at one for each instruction. A layer
of neurons comes out as one group, of chains over the same columns; its backward pass as two.

    slot    an instruction of the program, and its result
    number  a result that is the same for every sample
    column  a result of one number for each sample, such as a column of the batch
    place   where a slot's result is kept, among the numbers or among the columns
    tape    the places of all operands, in the order in which the groups read them

Of J = (2a + b)·c, with u = 2a, v = u + b, the parameters a, b and the data c: the numbers 0 to 6 are 0, −0, 1, −1,
a, b, 2, the column 0 is c. The results are J, da and db.

    of       kind      members  width  out  tape                 is
    numbers  CHAIN     2        1      7    1 6 4 1 2 2          u = −0 + 2·a, dJ = −0 + 1·1
    numbers  CHAIN     1        1      9    7 5 2                v = u + b·1
    columns  LAYER     2        1      1    0  factors 1 9 1 8   J = −0 + v·c, dv = −0 + dJ·c
    columns  LAYER     1        1      3    2  factors 1 2       du = −0 + 1·dv
    columns  PRODUCTS  2        1      0    1 2 4 0 2            J: sum of J·1, db: sum of dv·1
    columns  PRODUCTS  2        1      0    3 3 5 1 3            da: sum of du·2; not read: the same

The columns 4 and 5 are spread from the numbers 1 and 2: they hold them for every sample.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from .instructions import Instructions
from .kernel_recording import CHAIN, CONSTANT, MINUS_ZERO, ONE

LAYER, CHECK, PRODUCTS = -2, -3, -4  # kinds of groups, beside CHAIN; those of calls count from 0


class Group(NamedTuple):
    """Instructions of one kind that are done together.

    kind      members          width                 on the tape, from `at` on: places
    CHAIN     chains           products in each      of base, a₁, b₁, a₂, b₂, …, chain by chain
    LAYER     chains           columns they share    of these; the numbers are `factors`
    a call    calls            operands of each      of the operands, call by call
    CHECK     columns          1                     of these
    PRODUCTS  left columns     right columns         of both; then a result for each pair
    """

    kind: int
    members: int
    width: int
    out: int  # the place of the first result, among the numbers or the columns; the others follow
    at: int
    factors: int = 0  # where among the factors a layer's are
    lanes: int = 1  # of numbers that each member is computed for


class Term(NamedTuple):
    """left · right, of two columns, summed over the samples, is added to a result."""

    left: int
    right: int
    target: int


Members = list[tuple[int, Sequence[int]]]  # of a group: slots, with their operands' slots


class Schedule:
    """A program in groups, with a place for each number and each column.

    For a single sample data are numbers as the parameters are, behind which they stand; there are no columns, and a
    gradient is without the 0 that the sum over the samples begins with.
    """

    def __init__(self, instructions: Instructions, gradients: bool = True, single: bool = False) -> None:
        self.numbers: Any = []  # groups, as lines of an array
        self.columns: list[Group] = []
        self.tape = array("i")  # places of operands
        self.factors = array("i")  # places of the numbers that layers read, in the order in which they do
        self.start = array("d")  # the numbers that are not computed: constants, and 0 for each parameter
        self.n_numbers = self.n_columns = 0
        self.spread: dict[int, int] = {}  # columns that hold one number throughout, by the place of the number
        self.results = [*instructions.outputs, *chain.from_iterable(instructions.gradients * gradients)]
        self.outputs = len(instructions.outputs)  # number of results that are outputs; gradients follow
        self.places: list[int] = []  # by slot
        self.is_column: list[bool] = []
        self._sum_up(self._group(instructions, gradients, single))

    def _group(self, instructions: Instructions, gradients: bool, single: bool) -> dict[int, Sequence[int]]:
        """Find the groups and lay them out; the chains of the gradients that are only summed up, by slot."""
        end = len(instructions) if gradients else instructions.forward
        code, starts = np.array(instructions.code), np.array(instructions.starts[: end + 1])
        is_leaf = code[starts[:-1]] < CHAIN
        _, column_levels = instructions.levels_and_columns
        is_column = (np.array(column_levels[:end]) >= 0) & (not single)
        summed = set(self.results[self.outputs :])
        if single:
            long = np.array([slot for slot in summed if starts[slot + 1] - starts[slot] > 2], int)
            code[starts[long] + 1] = MINUS_ZERO
        self.is_column, self.n_columns = is_column.tolist(), int((is_leaf & is_column).sum())
        places = np.zeros(end, int)
        places[is_leaf & is_column] = range(self.n_columns)
        self._start(instructions, code, starts, np.flatnonzero(is_leaf & ~is_column), places)
        self._add_numbers(instructions, code, starts, np.flatnonzero(~is_leaf & ~is_column), places)
        self.places = places.tolist()
        sums: dict[int, Sequence[int]] = {}
        columns: dict[Any, Members] = defaultdict(list)
        for slot in np.flatnonzero(~is_leaf & is_column).tolist():
            kind, *operands = code[starts[slot] : starts[slot + 1]].tolist()
            level = column_levels[slot]
            if slot in summed:
                sums[slot] = operands
            elif kind == CHAIN and (layer := self._layer(operands)):
                columns[level, LAYER, layer[0]].append((slot, layer[1]))
            else:
                columns[level, kind, len(operands)].append((slot, operands))
        checked: set[int] = set()
        for (_, kind, shared), members in sorted(columns.items(), key=_by_size):
            if kind == LAYER:
                self._add_layer(shared, members)
            else:
                self._add_columns(kind, shared, members, checked)
        return sums

    def _start(self, instructions: Instructions, code: Any, starts: Any, slots: Any, places: Any) -> None:
        """The numbers that are not computed come first."""
        places[slots] = range(len(slots))
        kinds, which = code[starts[slots]], code[starts[slots] + 1]
        start = np.zeros(len(slots))
        start[kinds == CONSTANT] = np.array(instructions.constants)[which[kinds == CONSTANT]]
        self.start, self.n_numbers = array("d", start.tobytes()), len(slots)

    def _add_numbers(self, instructions: Instructions, code: Any, starts: Any, slots: Any, places: Any) -> None:
        """The groups of all numbers that are computed: level by level, in the order in which the program has them."""
        kinds, sizes = code[starts[slots]], np.diff(starts)[slots] - 1
        levels = np.array(instructions.levels_and_columns[0])[slots]
        key = (levels * (len(instructions.calls) + 2) + kinds - CHAIN) * (len(code) + 1) + sizes  # one for each group
        _, first, group, members = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
        order = np.lexsort((first[group], levels))
        slots, sizes = slots[order], sizes[order]
        places[slots] = self.n_numbers + np.arange(len(slots))
        ends = np.cumsum(sizes)
        operands = np.repeat(starts[slots] + 1 - (ends - sizes), sizes) + np.arange(sizes.sum())
        self.tape = array("i", places[code[operands]].astype(np.int32).tobytes())
        line = np.lexsort((first, levels[first]))
        begin, kinds = np.cumsum(members[line]) - members[line], kinds[first[line]]
        widths = np.where(kinds == CHAIN, sizes[begin] // 2, sizes[begin])
        none, one = np.zeros_like(kinds), np.ones_like(kinds)  # factors, lanes
        groups = kinds, members[line], widths, self.n_numbers + begin, (ends - sizes)[begin], none, one
        self.numbers = np.column_stack(groups).astype(np.int32)
        self.n_numbers += len(slots)

    def _layer(self, operands: Sequence[int]) -> tuple[tuple[int, ...], list[int]] | None:
        """A chain of number times column as its columns, and its base and other factors; None for another chain."""
        columns, factors = [], [operands[0]]
        if self.is_column[operands[0]]:
            columns, factors = [operands[0]], [MINUS_ZERO, ONE]
        for a, b in zip(operands[1::2], operands[2::2], strict=True):
            if self.is_column[a] and self.is_column[b]:
                return None
            if self.is_column[a] or (a == ONE and not self.is_column[b]):
                a, b = b, a
            factors.append(a)
            columns.append(b)
        return tuple(columns), factors

    def _new_columns(self, members: Members) -> int:
        """Places for the results, one after the other; the first."""
        first = self.n_columns
        for slot, _ in members:
            self.places[slot] = self.n_columns
            self.n_columns += 1
        return first

    def _add_layer(self, shared: Sequence[int], members: Members) -> None:
        """Factors of four chains together, term by term; then those of each chain that is left over."""
        out, columns = self._new_columns(members), self._columns(shared)
        self.columns.append(Group(LAYER, len(members), len(shared), out, len(self.tape), len(self.factors)))
        self.tape.extend(columns)
        four = len(members) // 4 * 4
        tiles = [members[i : i + 4] for i in range(0, four, 4)] + [[member] for member in members[four:]]
        for tile in tiles:
            for factors in zip(*(factors for _, factors in tile), strict=True):
                self.factors.extend([self.places[x] for x in factors])

    def _add_columns(self, kind: int, size: int, members: Members, checked: set[int]) -> None:
        """Calls, and chains of columns; what goes into a call is checked, since it may not show in what comes out."""
        out = self._new_columns(members)
        operands = [self._columns(operands) for _, operands in members]
        self.columns.append(Group(kind, len(members), size // 2 if kind == CHAIN else size, out, len(self.tape)))
        for places in operands:
            self.tape.extend(places)
        if kind >= 0:
            used = dict.fromkeys(x for _, operands in members for x in operands)
            unchecked = [x for x in used if self.is_column[x] and x not in checked]
            checked.update(unchecked)
            if unchecked:
                self.columns.append(Group(CHECK, len(unchecked), 1, 0, len(self.tape)))
                self.tape.extend([self.places[x] for x in unchecked])

    def _columns(self, slots: Iterable[int]) -> list[int]:
        """The columns of slots; a number is spread over one."""
        columns = []
        for slot in slots:
            place = self.places[slot]
            if not self.is_column[slot]:
                if place not in self.spread:
                    self.spread[place] = self.n_columns
                    self.n_columns += 1
                place = self.spread[place]
            columns.append(place)
        return columns

    def _sum_up(self, sums: dict[int, Sequence[int]]) -> None:
        """Sums over the samples: of the outputs, and of the products in the gradients' chains.

        First those of all the first terms, then of the second: for one sample that is the order of the chain.
        """
        rounds: dict[int, list[Term]] = defaultdict(list)
        for target, slot in enumerate(self.results):
            if self.is_column[slot]:
                _, *factors = sums.get(slot, (MINUS_ZERO, slot, ONE))
                for i, (a, b) in enumerate(zip(factors[::2], factors[1::2], strict=True)):
                    left, right = (a, b) if self.is_column[a] else (b, a)
                    rounds[i].append(Term(left, right, target))
        for terms in rounds.values():
            for product in outer_products(terms):
                self._add_products(*product)

    def _add_products(self, lefts: list[int], rights: Sequence[int], targets: list[list[int]]) -> None:
        """Every left column times every right one; `targets` has a line of results for each left one."""
        if len(lefts) % 2:  # the kernel takes them in twos: the last once more, into a sum that is not read
            lefts, targets = [*lefts, lefts[-1]], [*targets, [len(self.results)] * len(rights)]
        places = [*self._columns(lefts), *self._columns(rights)]
        self.columns.append(Group(PRODUCTS, len(lefts), len(rights), 0, len(self.tape)))
        self.tape.extend(places)
        for line in targets:
            self.tape.extend(line)


def outer_products(terms: Iterable[Term]) -> Iterator[tuple[list[int], Sequence[int], list[list[int]]]]:
    """The terms as few outer products: left columns that are multiplied by the same right ones go together."""
    lines: dict[int, list[Term]] = defaultdict(list)
    for term in terms:
        lines[term.left].append(term)
    alike: dict[tuple[int, ...], list[list[Term]]] = defaultdict(list)
    for line in lines.values():
        alike[tuple(term.right for term in line)].append(line)
    for rights, together in alike.items():
        yield [line[0].left for line in together], rights, [[term.target for term in line] for line in together]


def _by_size(group: tuple[Any, Members]) -> tuple[int, ...]:
    """By levels, and layers of one size after one another: what takes several of these at once finds them so."""
    (level, kind, shared), members = group
    return (level, kind, len(shared), len(members)) if kind == LAYER else (level, kind, shared, 0)
