"""Strips: members of a group of numbers that vectors compute together, each in a lane of its own.

Twenty samples written out as one graph, the neurons of a layer, the positions of a text: what is alike in a graph ends
up in one group, and from one member to the next the places of the operands go up by steps that stay the same. Members
for which they do are a strip. Where the step is 0, all lanes read one number; where it is 1, the lanes stand side by
side, as vectors need them; where it is another, they are first copied to where they do, once for all strips.

Of y = W·x with the rows of W at the places 4 to 7, 8 to 11, …, and x at 40 to 43, the chains

    y₁ = −0 + 4·40 + 5·41 + 6·42 + 7·43
    y₂ = −0 + 8·40 + 9·41 + 10·42 + 11·43
    …

are a strip of the steps 0, 4, 0, 4, 0, …: the columns of W are copied, each of which is then multiplied by one number.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from .instructions import CHAIN
from .schedule import CHECK, LAYER

STRIPS = LAYER  # what stands in a layer's place among groups of numbers: strips of chains
WIDEST = 16  # how many lanes are computed at a time: behind the last number there are as many places
SHORTEST = 4  # lanes that are worth a vector
FEWEST = 64  # operands of a group that is worth the search


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
        self._copies: dict[int, tuple[int, int]] = {}  # where what is copied begins, and how many numbers there are
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
        operands = self.places[operands]
        left = np.arange(members)
        steps = operands[1:] - operands[:-1]
        if np.count_nonzero(steps == -1) > np.count_nonzero(steps == 1):  # a backward pass goes from the end on
            left = left[::-1]
        for _ in range(2):
            starts, lengths, steps = _find(operands[left], SHORTEST if kind == CHAIN else WIDEST)
            if not len(starts) or not self._add_strips(kind, width, operands[left[starts]], steps, lengths):
                break
            taken = np.repeat(starts + lengths - np.cumsum(lengths), lengths) + np.arange(lengths.sum())
            self.places[out + left[taken]] = np.arange(self.end - len(taken), self.end)
            left = np.delete(left, taken)
        if len(left):
            self.places[out + left] = np.arange(self.end, self.end + len(left))
            self._add(kind, len(left), width, operands[left].ravel(), len(left))

    def _add_strips(self, kind: int, width: int, first: Any, steps: Any, lengths: Any) -> bool:
        """Append strips, after what they need copied; False, and nothing, where that is more than there is to compute.

        `first` and `steps` have a line for each strip, and a column for each operand.
        """
        repeated = np.zeros(steps.shape, bool)
        if kind == CHAIN:
            first, steps = (_order(steps, x) for x in (first, steps))
            repeated = steps == 0
            repeated[:, 2::2] = False
        copied = (steps != 1) & ~repeated
        first = self._copy(first, steps, lengths, copied, lengths.sum() * max(width, 1))
        if first is None:
            return False
        first = np.where(repeated, ~first, first)
        if kind == CHAIN:
            for i, j in pairwise([0, *(np.flatnonzero(np.diff(lengths)) + 1).tolist(), len(lengths)]):
                n = int(lengths[i])
                self._add(STRIPS, j - i, width, first[i:j].ravel(), (j - i) * n, n)
        else:
            for places, n in zip(first, lengths.tolist(), strict=True):
                self._add(kind, 1, width, places, n, n)
        return True

    def _copy(self, first: Any, steps: Any, lengths: Any, copied: Any, most: int) -> Any:
        """Copy the operands of strips that are `copied`, unless they are copied already; where all operands begin
        then. None where this were to copy more than `most` numbers.
        """
        if not copied.any():
            return first
        keys, index, which = np.unique(
            ((first.astype(np.int64) << 32) + steps)[copied], return_index=True, return_inverse=True
        )
        longest = np.zeros(len(keys), np.int32)
        np.maximum.at(longest, which, np.broadcast_to(lengths[:, None], copied.shape)[copied])
        new = longest > [self._copies.get(key, (0, 0))[1] for key in keys.tolist()]
        sizes = longest[new]
        begins = np.cumsum(sizes) - sizes
        total = int(sizes.sum())
        if total > most:
            return None
        if total:
            self._copies.update(zip(keys[new].tolist(), zip(begins + self.end, sizes, strict=True), strict=True))
            lanes = np.arange(total) - np.repeat(begins, sizes)
            starts, by = (np.repeat(x[copied][index][new], sizes) for x in (first, steps))
            self._add(CHAIN, total, 0, (starts + by * lanes).astype(np.int32), total)
        first = first.copy()
        first[copied] = np.array([self._copies[key][0] for key in keys.tolist()])[which]
        return first


def _find(operands: Any, shortest: int) -> tuple[Any, Any, Any]:
    """The strips among consecutive members: where they begin, their lengths, and the steps of their operands. What is
    the last of one and the first of the next is computed in both.
    """
    steps = operands[1:] - operands[:-1]
    changes = (steps[1:] != steps[:-1]).any(axis=1)
    starts = np.flatnonzero(np.concatenate([[len(steps) > 0], changes]))
    lengths = np.diff(starts, append=len(steps)) + 1
    long = lengths >= shortest
    return starts[long], lengths[long], steps[starts[long]]


def _order(steps: Any, numbers: Any) -> Any:
    """`numbers`, of each operand of chains, with the factors of a product exchanged where only b is all lanes' own."""
    a, b = slice(1, None, 2), slice(2, None, 2)
    exchanged = numbers.copy()
    same = steps[:, b] == 0
    exchanged[:, a] = np.where(same, numbers[:, b], numbers[:, a])
    exchanged[:, b] = np.where(same, numbers[:, a], numbers[:, b])
    return exchanged
