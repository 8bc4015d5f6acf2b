"""The order in which a flat program runs over many samples: what is alike is done together.

What depends on the parameters alone is computed once, as a number; what depends on data, as a row of one
number for each sample. Of either, calls of one function, or chains of one length, that wait for nothing but
what is there already are a group: the kernel looks at one entry, not at one for each instruction. A layer
of neurons comes out as one group, of chains over the same rows; its backward pass as two.

    slot    an instruction of the flat program, and its result
    number  a result that is the same for every sample; row: one number for each sample
    place   where a slot's result is kept, among the numbers or among the rows
    tape    the places of all operands, in the order in which the groups read them
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from .flat import CHAIN, CONSTANT, DATA, MINUS_ZERO, ONE, Flat

LAYER, PRODUCTS, CHECK = -2, -3, -4  # kinds of groups, beside CHAIN; those of calls count from 0


class Group(NamedTuple):
    """Instructions of one kind that are done together."""

    kind: int
    members: int
    terms: int  # of each chain; operands of each call; factors that each of the `members` of PRODUCTS is multiplied by
    out: int  # the place of the first result, among the numbers or the rows; the others follow
    at: int  # where on the tape the places of the operands are
    factors: int = 0  # where among the factors a layer's are


Members = list[tuple[int, Sequence[int]]]  # of a group: slots, with their operands' slots


class Schedule:
    """A flat program in groups, with a place for each number and each row."""

    def __init__(self, flat: Flat, gradients: bool = True) -> None:
        self.numbers: list[Group] = []
        self.rows: list[Group] = []
        self.tape = array("i")  # places of operands
        self.factors = array("i")  # places of the numbers that layers read, in the order in which they do
        self.start = array("d")  # the numbers that are not computed: constants, and 0 for each parameter
        self.n_numbers = self.n_rows = 0
        self.spread: dict[int, int] = {}  # rows that hold one number throughout, by the place of the number
        self.results = [*flat.outputs, *(slot for slots in flat.gradients * gradients for slot in slots)]
        self.outputs = len(flat.outputs)  # so many of the results are outputs, the others gradients
        self.places: list[int] = []  # by slot
        self.is_row: list[bool] = []
        self._sum_up(self._group(flat, gradients))

    def _group(self, flat: Flat, gradients: bool) -> dict[int, Sequence[int]]:
        """Find the groups and lay them out; the chains of the gradients that are only summed up, by slot."""
        summed = set(self.results[self.outputs :])
        sums: dict[int, Sequence[int]] = {}
        numbers: dict[Any, Members] = defaultdict(list)
        rows: dict[Any, Members] = defaultdict(list)
        levels: list[int] = []  # the longest way from a leaf: what is on one level does not wait for one another
        for slot, (kind, operands) in enumerate(islice(flat.instructions(), len(flat) if gradients else flat.forward)):
            is_row = kind == DATA or (kind >= CHAIN and any(self.is_row[x] for x in operands))
            level = 0
            self.places.append(self.n_rows if is_row else len(self.start))
            if kind == DATA:
                self.n_rows += 1
            elif kind < CHAIN:
                self.start.append(flat.constants[operands[0]] if kind == CONSTANT else 0.0)
            elif is_row and slot in summed:
                sums[slot] = operands
            else:
                level = 1 + max(levels[x] for x in operands if self.is_row[x] == is_row)
                if not is_row:
                    numbers[level, kind, len(operands)].append((slot, operands))
                elif kind == CHAIN and (layer := self._layer(operands)):
                    rows[level, LAYER, layer[0]].append((slot, layer[1]))
                else:
                    rows[level, kind, len(operands)].append((slot, operands))
            self.is_row.append(is_row)
            levels.append(level)
        self.n_numbers = len(self.start)
        for (_, kind, size), members in sorted(numbers.items(), key=lambda group: group[0][0]):
            self._add_numbers(kind, size, members)
        checked: set[int] = set()
        for (_, kind, shared), members in sorted(rows.items(), key=lambda group: group[0][0]):
            if kind == LAYER:
                self._add_layer(shared, members)
            else:
                self._add_rows(kind, shared, members, checked)
        return sums

    def _layer(self, operands: Sequence[int]) -> tuple[tuple[int, ...], list[int]] | None:
        """A chain of number times row as its rows, and its base and other factors; None for another chain."""
        rows, factors = [], [operands[0]]
        if self.is_row[operands[0]]:
            rows, factors = [operands[0]], [MINUS_ZERO, ONE]
        for a, b in zip(operands[1::2], operands[2::2], strict=True):
            if self.is_row[a] and self.is_row[b]:
                return None
            if self.is_row[a] or (a == ONE and not self.is_row[b]):
                a, b = b, a
            factors.append(a)
            rows.append(b)
        return tuple(rows), factors

    def _add_numbers(self, kind: int, size: int, members: Members) -> None:
        self.numbers.append(Group(kind, len(members), _terms(kind, size), self.n_numbers, len(self.tape)))
        for slot, operands in members:
            self.places[slot] = self.n_numbers
            self.n_numbers += 1
            self.tape.extend([self.places[x] for x in operands])

    def _new_rows(self, members: Members) -> int:
        """Places for the results, one after the other; the first."""
        first = self.n_rows
        for slot, _ in members:
            self.places[slot] = self.n_rows
            self.n_rows += 1
        return first

    def _add_layer(self, shared: Sequence[int], members: Members) -> None:
        """Factors of four chains together, term by term; then those of each chain that is left over."""
        out, rows = self._new_rows(members), self._rows(shared)
        self.rows.append(Group(LAYER, len(members), len(shared), out, len(self.tape), len(self.factors)))
        self.tape.extend(rows)
        four = len(members) // 4 * 4
        tiles = [members[i : i + 4] for i in range(0, four, 4)] + [[member] for member in members[four:]]
        for tile in tiles:
            for factors in zip(*(factors for _, factors in tile), strict=True):
                self.factors.extend([self.places[x] for x in factors])

    def _add_rows(self, kind: int, size: int, members: Members, checked: set[int]) -> None:
        """Calls, and chains of rows; what goes into a call is checked, since it may not show in what comes out."""
        out = self._new_rows(members)
        operands = [self._rows(operands) for _, operands in members]
        self.rows.append(Group(kind, len(members), _terms(kind, size), out, len(self.tape)))
        for places in operands:
            self.tape.extend(places)
        if kind >= 0:
            used = dict.fromkeys(x for _, operands in members for x in operands)
            unchecked = [x for x in used if self.is_row[x] and x not in checked]
            checked.update(unchecked)
            if unchecked:
                self.rows.append(Group(CHECK, len(unchecked), 1, 0, len(self.tape)))
                self.tape.extend([self.places[x] for x in unchecked])

    def _rows(self, slots: Iterable[int]) -> list[int]:
        """The rows of slots; a number is spread over one."""
        rows = []
        for slot in slots:
            place = self.places[slot]
            if not self.is_row[slot]:
                if place not in self.spread:
                    self.spread[place] = self.n_rows
                    self.n_rows += 1
                place = self.spread[place]
            rows.append(place)
        return rows

    def _sum_up(self, sums: dict[int, Sequence[int]]) -> None:
        """Sums over the samples: of the outputs, and of the products in the gradients' chains.

        First those of all the first terms, then of the second: for one sample that is the order of the
        chain. Where several rows are multiplied by the same ones they are one group, an outer product.
        """
        rounds: dict[int, dict[int, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        for target, slot in enumerate(self.results):
            if self.is_row[slot]:
                factors = sums.get(slot, (MINUS_ZERO, slot, ONE))
                for i, (a, b) in enumerate(zip(factors[1::2], factors[2::2], strict=True)):
                    if not self.is_row[a]:
                        a, b = b, a
                    rounds[i][a].append((b, target))
        for pairs in rounds.values():
            blocks: dict[tuple[int, ...], list[tuple[int, list[int]]]] = defaultdict(list)
            for a, others in pairs.items():
                blocks[tuple(b for b, _ in others)].append((a, [target for _, target in others]))
            for columns, lines in blocks.items():
                if len(lines) % 2:  # they are taken in twos; what is too much goes nowhere
                    lines.append((lines[-1][0], [len(self.results)] * len(columns)))
                places = [*self._rows(a for a, _ in lines), *self._rows(columns)]
                self.rows.append(Group(PRODUCTS, len(lines), len(columns), 0, len(self.tape)))
                self.tape.extend(places)
                for _, targets in lines:
                    self.tape.extend(targets)


def _terms(kind: int, size: int) -> int:
    return size // 2 if kind == CHAIN else size
