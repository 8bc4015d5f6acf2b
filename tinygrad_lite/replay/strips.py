"""Strips: members of a group of numbers that vectors compute together, each in a lane of its own.

Twenty samples written out as one graph, the neurons of a layer, the positions of a text: what is alike in a graph ends
up in one group, and from one member to the next the places of the operands go up by steps that stay the same. Members
for which they do are a strip. Where the step is 0, all lanes read one number; where it is 1, the lanes stand side by
side, as vectors need them; where it is another, they are first copied to where they do, once for all strips.

Of y = W·x with x at the places 4 to 7 and the rows of W at 8 to 11, 12 to 15, …, the chains

    y₁  is −0 + 8·4 + 9·5 + 10·6 + 11·7
    y₂  is −0 + 12·4 + 13·5 + 14·6 + 15·7

and so on, are a strip of the steps 0, 4, 0, 4, 0, …: the columns of W are copied, each of which is then multiplied by
one number.
"""

from itertools import chain, groupby
from typing import Any

import numpy as np

from .kernel_recording import CHAIN
from .schedule import CHECK, LAYER

STRIPS = LAYER  # what stands in a layer's place among groups of numbers: strips of chains
WIDEST = 16  # how many lanes are computed at a time: behind the last number there are as many places
SHORTEST = 4  # lanes that are worth a vector
FEWEST = 128  # operands of a group that is worth the search


class Strips:
    """The groups of a schedule's numbers, in strips as far as possible.

    Attributes:
        groups: in lines of seven, as `Group` has them. Strips of chains and of one length are a group, a strip of
            calls is one by itself.
        tape: the places of operands; of a strip those that its first lane reads, −1 − x where all read x.
        places: where the schedule's numbers are; end: how many places there are.
    """

    def __init__(self, groups: Any, tape: Any, given: int) -> None:
        members, sizes = groups[:, 1], np.where(groups[:, 0] == CHAIN, 1 + 2 * groups[:, 2], groups[:, 2])
        self.places = np.arange(given + members.sum(), dtype=np.int32)
        self.end, self.read = given, 0  # places that are taken, and operands on the tape
        self._groups, self._tape = [np.empty((0, 7), np.int32)], [np.empty(0, np.int32)]
        self._copies: dict[tuple[int, int], range] = {}  # of what begins at a place and goes on by a step
        ends, done = np.cumsum(members * sizes), 0
        for i in np.flatnonzero((members >= SHORTEST) & (members * sizes >= FEWEST)).tolist():
            self._keep(groups[done:i], tape[: ends[i - 1]])
            self._arrange(groups[i], tape[groups[i, 4] : ends[i]].reshape(members[i], sizes[i]))
            done = i + 1
        self._keep(groups[done:], tape[: (members * sizes).sum()])
        checked = self.end - given
        self._add(CHAIN, WIDEST, 0, np.zeros(WIDEST, np.int32), WIDEST)  # 0, where vectors have left anything
        self._add(CHECK, 1, 1, np.array([given], np.int32), 0, -(-checked // WIDEST) * WIDEST)
        self.groups, self.tape = np.concatenate(self._groups), np.concatenate(self._tape)

    def _add(self, kind: int, members: int, width: int, operands: Any, results: int, lanes: int = 1) -> None:
        line = kind, members, width, self.end, self.read, 0, lanes
        self._append(np.array([line], np.int32), operands, results)

    def _append(self, groups: Any, operands: Any, results: int) -> None:
        self._groups.append(groups)
        self._tape.append(operands)
        self.end += results
        self.read += len(operands)

    def _keep(self, groups: Any, tape: Any) -> None:
        """Append consecutive groups as they are; theirs is the end of the tape."""
        if len(groups):
            out, at = groups[0, 3:5]
            results = groups[:, 1].sum()
            self.places[out : out + results] = np.arange(self.end, self.end + results)
            moved = groups + np.array([0, 0, 0, self.end - out, self.read - at, 0, 0], np.int32)
            self._append(moved, self.places[tape[at:]], results)

    def _arrange(self, group: Any, operands: Any) -> None:
        """Append a group: the strips among its members, then those among what is left, at last the others."""
        kind, members, width, out, *_ = group.tolist()
        operands, left = self.places[operands], np.arange(members)
        steps = (operands[1] - operands[0]).tolist()
        if steps.count(-1) > steps.count(1):  # a backward pass goes from the end on
            operands, left = operands[::-1], left[::-1]
        for _ in range(2):
            steps = operands[1:] - operands[:-1]
            strips = _find(steps, SHORTEST if kind == CHAIN else WIDEST)
            begins = [strip.start for strip in strips]
            lengths = [*map(len, strips)]
            if not strips or not self._add_strips(kind, width, operands[begins], steps[begins], lengths):
                break
            taken = [*chain.from_iterable(strips)]
            self.places[out + left[taken]] = np.arange(self.end - len(taken), self.end)
            kept = np.ones(len(left), bool)
            kept[taken] = False
            operands, left = operands[kept], left[kept]
            if operands.size < FEWEST:
                break
        if len(left):
            self.places[out + left] = np.arange(self.end, self.end + len(left))
            self._add(kind, len(left), width, operands.ravel(), len(left))

    def _add_strips(self, kind: int, width: int, first: Any, steps: Any, lengths: list[int]) -> bool:
        """Append strips, after what they need copied; False, and nothing, where that is more than there is to compute.

        `first` and `steps` have a line for each strip, and a column for each operand.
        """
        repeated = np.zeros(steps.shape, bool)
        if kind == CHAIN:
            exchanged = (steps[:, 2::2] == 0) & (steps[:, 1::2] != 0)
            if exchanged.any():  # of two factors b has lanes of its own
                for x in (first, steps):
                    x[:, 1::2][exchanged], x[:, 2::2][exchanged] = x[:, 2::2][exchanged], x[:, 1::2][exchanged]
            repeated = steps == 0
            repeated[:, 2::2] = False
        if not self._copy(first, steps, lengths, (steps != 1) & ~repeated, sum(lengths) * max(width, 1)):
            return False
        first[repeated] = ~first[repeated]
        at = 0
        for n, alike in groupby(lengths):
            for count in [len([*alike])] if kind == CHAIN else [1 for _ in alike]:
                self._add(STRIPS if kind == CHAIN else kind, count, width, first[at : at + count].ravel(), count * n, n)
                at += count
        return True

    def _copy(self, first: Any, steps: Any, lengths: list[int], copied: Any, most: int) -> bool:
        """Copy the operands of strips that are `copied`, unless they are there already; `first` is then where. False,
        and nothing is done, where these are more than `most` numbers.
        """
        keys = [*zip(first[copied].tolist(), steps[copied].tolist(), strict=True)]
        longest: dict[tuple[int, int], int] = {}
        for key, strip in zip(keys, np.nonzero(copied)[0].tolist(), strict=True):
            longest[key] = max(longest.get(key, 0), lengths[strip])
        new = {key: n for key, n in longest.items() if n > len(self._copies.get(key, ()))}
        if sum(new.values()) > most:
            return False
        places: list[int] = []
        for (place, step), n in new.items():
            self._copies[place, step] = range(self.end + len(places), self.end + len(places) + n)
            places += range(place, place + step * n, step) if step else [place] * n
        if places:
            self._add(CHAIN, len(places), 0, np.array(places, np.int32), len(places))
        first[copied] = [self._copies[key].start for key in keys]
        return True


def _find(steps: Any, shortest: int) -> list[range]:
    """The strips among consecutive members with these steps between them. One may begin where another ends."""
    strips, start = [], 0
    for end in (*(np.flatnonzero((steps[1:] != steps[:-1]).any(axis=1)) + 1).tolist(), len(steps)):
        if end + 1 - start >= shortest:
            strips.append(range(start, end + 1))
        start = end
    return strips
