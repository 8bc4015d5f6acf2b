"""The boxes, arrows and moves of a derivation: what is on a drawing, before any layout."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from ..engine.scopes import scope
from ..engine.symbol import format_number
from ..engine.value import Constant, Value
from .derivation import Derivation, Step, write_ratio
from .folding import enclosing

Direction = Literal["forward", "backward", "both"]
FAR = 8  # operations between a node and its use beyond which it is drawn again: long arrows stall the layout
FEW = 40  # boxes, more of which nobody can read on a slide, whatever the layout
LONG = 24  # characters of a name; the title has all of it
LINE, LINES = 44, 2  # characters of a line of a box's formula, and how many lines; the title has all of it
SLOPE = 44  # characters of a local derivative beyond which its formula is in the title only
ENTRIES, SERIES = 8, 4  # of an arrow's label; of one for several leaves that are one box


class Part(NamedTuple):
    """One entry of a label, mostly one line: what it is ("name", "value", "gradient" …), its text, its id."""

    role: str
    text: str
    id: str = ""


class Shape(NamedTuple):
    """What is written on a box, an arrow or a cluster, entry by entry, and its title."""

    parts: Sequence[Part]
    title: str


class Box(NamedTuple):
    """One box, and the nodes of the derivation that are in it: several for a folded scope."""

    kind: str
    nodes: list[int]
    scopes: list[scope]


class Move(NamedTuple):
    """A step on the picture: the ids that it lights up, and the entries it changes, as (text, number)."""

    step: Step
    lit: list[str]
    texts: dict[str, tuple[str, str]]


def shorten(name: str) -> str:
    """A name as a label shows it."""
    return name if len(name) <= LONG else name[:LONG] + "…"


def wrap(formula: str) -> str:
    """A formula as a box shows it: in lines, cut off after some."""
    if len(formula) <= LINE:
        return formula
    half = f".{{{LINE // 2},{LINE}}}"  # a line ends before a sum, else at a space, else anywhere
    lines = re.findall(rf".{{1,{LINE}}}$|{half}(?=\s[+−]\s)|{half}\s|.{{{LINE}}}", formula, re.DOTALL)
    lines = [line.strip() for line in lines]
    if len(lines) > LINES:
        start = lines[LINES - 1][: LINE - 2]
        lines[LINES - 1 :] = [(start.rpartition(" ")[0] or start) + " …"]
    return "\n".join(lines)


class Picture:
    """What a drawing shows of a derivation, by id.

    Args:
        derivation: of the graph as it is drawn: folded perhaps, its nodes labelled as they are shown.
        folded: the nodes that stand for scopes.
        titles: the nodes' names in full.
        direction: which arrows there are.
        gather: whether leaves of one name, w1, w2, w3, that go into one box only are one box.
        labelled: whether arrows have labels; otherwise what these would say is in the titles only.

    Attributes:
        shapes: the labels and titles of boxes (ids n…), forward arrows (f…), backward ones (b…) and clusters (c…).
        moves: the steps.
        columns: the layers of a network, each from the top: folded scopes side by side, and what goes into these only.
            Where there are some, arrows have their labels in the titles only.
        straight: whether all arrows are between neighbours, so that straight ones cross no box.
        weights: how thick each arrow at a column is, from 0 to 1: its local derivative's share of the largest.
        clusters: the ids of the scopes that are not folded.
    """

    def __init__(
        self,
        derivation: Derivation,
        folded: Mapping[Value, scope],
        titles: list[str],
        direction: Direction,
        gather: bool = False,
        labelled: bool = True,
    ) -> None:
        self.derivation, self.direction, self.titles = derivation, direction, titles
        self.names = derivation.names()
        self.steps = list(derivation.steps())
        self.shapes: dict[str, Shape] = {}
        self.boxes: dict[str, Box] = {}
        self.arrows: dict[str, tuple[str, str]] = {}
        self._home: list[str] = []  # the box of each node
        first: dict[object, int] = {}
        series = self._find_series() if gather else {}
        for i, x in enumerate(derivation.nodes):
            scope_ = folded.get(x)
            self._home.append(f"n{first.setdefault(scope_ or series.get(i, x), i)}")
            kind = "folded" if scope_ else "output" if x in derivation.outputs else "operation" if x.op else "leaf"
            if type(x) is Constant:
                kind = "constant"
            if kind != "constant" or direction != "backward":
                self.boxes.setdefault(self._home[i], Box(kind, [], enclosing(x))).nodes.append(i)
        self._captions = {self._home[derivation.index[x]]: s.name for x, s in folded.items()}
        self._connect()
        self.columns = self._find_columns()
        self.weights = self._weigh()
        self.labelled = labelled and not self.columns
        self.clusters: dict[scope, str] = {}
        for s in (s for box in self.boxes.values() for s in box.scopes):
            name = self.clusters.setdefault(s, f"c{len(self.clusters)}")
            self.shapes[name] = Shape([Part("scope", shorten(s.name))], s.name)
        self._shown: dict[int, list[str]] = {}
        for name, box in self.boxes.items():
            for i in box.nodes:
                self._shown.setdefault(i, []).append(name)
        self._write_boxes()
        self._write_arrows()
        self.moves = [self._move(step) for step in self.steps if self._is_shown(step)]

    @property
    def is_small(self) -> bool:
        """Whether there are so few boxes that a direction may be looked for in which one can read them all."""
        return len(self.boxes) <= FEW

    def _find_series(self) -> dict[int, tuple[str, int, scope | None]]:
        """For each leaf with one use and digits in its name: the name without them, where it is used, and its scope."""
        derivation = self.derivation
        return {
            j: (re.sub(r"\d+", "", self.names[j]), users[0], derivation.nodes[j].scope)
            for j, users in enumerate(derivation.consumers)
            if len(users) == 1 and type(derivation.nodes[j]) is Value and not derivation.nodes[j].op
            if re.search(r"\d", self.names[j])
        }

    def _is_series(self, box: str) -> bool:
        return self.boxes[box].kind == "leaf" and len(self.boxes[box].nodes) > 1

    def _is_shown(self, step: Step) -> bool:
        return self.direction == "both" or (step.kind == "forward") == (self.direction == "forward")

    def _connect(self) -> None:
        """An arrow for each operand slot; for each operand of a folded scope, and each series of leaves, one."""
        derivation = self.derivation
        operands = [derivation.operands(i) for i in range(len(derivation.nodes))]
        depths = [0] * len(operands)
        for i in reversed(range(len(operands))):
            for j in operands[i]:
                depths[j] = max(depths[j], depths[i] + 1)
        nearest = {j: (home, depths[j]) for j, home in enumerate(self._home)}
        self.straight = all(depths[j] == depths[i] + 1 for i in range(len(operands)) for j in operands[i])
        tails: dict[tuple[int, int], str] = {}
        for i in sorted(range(len(operands)), key=depths.__getitem__, reverse=True):
            for slot, j in enumerate(operands[i]):
                name, depth = nearest[j]
                if depth - depths[i] > FAR:
                    name = f"n{j}-{i}"
                    self.boxes[name] = Box("again", [j], enclosing(derivation.nodes[i]))
                    nearest[j] = name, depths[i] + 1
                tails[i, slot] = name
        counts: dict[str, int] = {}
        known: dict[tuple[str, str], str] = {}
        self._slots: dict[tuple[int | None, int | None], str] = {}  # the arrow of each operand slot of each node
        for (i, slot), tail in sorted(tails.items()):
            head = self._home[i]
            if tail not in self.boxes:
                continue
            one_each = self.boxes[head].kind != "folded" and not self._is_series(tail)
            if one_each or (tail, head) not in known:
                known[tail, head] = f"{head[1:]}-{counts.setdefault(head, 0)}"
                self.arrows[known[tail, head]] = tail, head
                counts[head] += 1
            self._slots[i, slot] = known[tail, head]

    def _find_columns(self) -> list[list[str]]:
        """Folded boxes of one scope with no arrow from one to another, two or more; then what feeds only these."""
        heads: dict[str, list[str]] = {name: [] for name in self.boxes}
        for tail, head in self.arrows.values():
            heads[tail].append(head)
        layers: dict[tuple[scope, ...], list[str]] = {}
        for name, box in self.boxes.items():
            if box.kind == "folded":
                layers.setdefault(tuple(box.scopes), []).append(name)
        columns = [layer for layer in layers.values() if len(layer) > 1]
        columns = [layer for layer in columns if not any(set(layer) & set(heads[name]) for name in layer)]
        for layer in list(columns):
            sources = [x for x in self.boxes if self.boxes[x].kind != "folded" and set(heads[x]) == set(layer)]
            if len(sources) > 1:
                columns.append(sources)
        return columns

    def _weigh(self) -> dict[str, float]:
        """The local derivatives of the arrows at columns, as shares of the largest."""
        ends = {box for column in self.columns for box in column}
        slopes = {name: 0.0 for name, boxes in self.arrows.items() if ends.intersection(boxes)}
        for i in range(len(self.derivation.nodes)):
            for slot in range(len(self.derivation.operands(i))):
                name = self._slots.get((i, slot))
                slope = self.derivation.slope(i, slot)[0] if name in slopes else 0.0
                if name in slopes and math.isfinite(slope):
                    slopes[name] += abs(slope)
        largest = max([0.0, *slopes.values()]) or 1.0
        return {name: slopes[name] / largest for name in slopes}

    def _write_boxes(self) -> None:
        derivation = self.derivation
        formulas = {step.node: f"{step.left} = {step.sides[0]}" for step in self.steps if step.kind == "forward"}
        totals = dict.fromkeys(derivation.beyond, 0.0)
        totals |= {step.node: step.total for step in self.steps if step.kind != "forward"}
        for name, box in self.boxes.items():
            caption = self._captions.get(name, "")
            parts = [Part("name", shorten(caption))] if box.kind == "folded" else []
            titles = [caption] if box.kind == "folded" else []
            for i in box.nodes:
                value = format_number(derivation.data[i])
                titles.append(f"{self.titles[i]} = {value}" if self.titles[i] != value else value)
                text = value
                if box.kind == "folded" or self._is_series(name):
                    text = f"{self.names[i]} = {value}"
                elif self.names[i] != value:
                    formula = formulas[i] if i in formulas and box.kind != "again" else self.names[i]
                    formula = self._shorten_paths(formula, [i, *derivation.operands(i)], box)
                    parts.append(Part("name", wrap(formula)))
                    if parts[-1].text.endswith(" …"):
                        titles.insert(0, formula)
                parts.append(Part("value", text, f"{name}-v{i}"))
                if i in totals and self.direction != "forward":
                    total = format_number(totals[i])
                    parts.append(Part("gradient", self._gradient(i, self.names) + total, f"{name}-g{i}"))
                    titles.append(self._gradient(i, self.titles) + total)
                    kept = format_number(derivation.grads[i])
                    if derivation.outputs[0].grad and not derivation.nodes[i].op and kept != total:
                        parts.append(Part("gradient", f"{self.names[i]}.grad = {kept}"))  # of several backward()
                        titles.append(f"{self.titles[i]}.grad = {kept}")
            self.shapes[name] = Shape(parts, "; ".join(titles))

    def _shorten_paths(self, text: str, nodes: list[int], box: Box) -> str:
        """The names of parameters without what the clusters around say: of layer 1.neuron 2.w3 is left w3."""
        path = "".join(f"{s.name}." for s in box.scopes)
        for i in nodes:
            text = text.replace(self.names[i], self.names[i].removeprefix(path))
        return text

    def _write_arrows(self) -> None:
        labels: dict[str, list[Part]] = {name: [] for name in self.arrows}
        titles: dict[str, list[str]] = {name: [] for name in self.arrows}
        for step in self.steps:
            if step.kind == "backward":
                name = self._slots[step.consumer, step.slot]
                whole = " = ".join(step.slope)
                short = whole if len(whole) <= SLOPE else f"{step.slope[0]} = {step.slope[-1]}"
                labels[name] += Part("slope", short), Part("product", f"{step.left} += {step.sides[1]}")
                titles[name].append(f"{whole}; {step.left} += {' = '.join(step.sides)}")
        for name, (tail, head) in self.arrows.items():
            if self.direction != "backward":
                ends = (" and ".join(self.titles[i] for i in self.boxes[box].nodes) for box in (tail, head))
                self.shapes[f"f{name}"] = Shape((), " → ".join(ends))
            if self.direction != "forward" and labels[name]:
                label = labels[name]
                most = SERIES if self._is_series(tail) else ENTRIES
                label = label if len(label) <= most else [*label[:most], Part("slope", "…")]
                label = label if self.labelled else []
                self.shapes[f"b{name}"] = Shape(label, "\n".join(titles[name]))

    def _gradient(self, i: int, names: list[str]) -> str:
        return f"{write_ratio(names[self.derivation.index[self.derivation.outputs[0]]], names[i], 'plain')} = "

    def _move(self, step: Step) -> Move:
        boxes = self._shown[step.node]
        if step.kind != "forward":
            text = self._gradient(step.node, self.names), format_number(step.total)
            arrow = [] if step.slot is None else [f"b{self._slots[step.consumer, step.slot]}"]
            texts = {f"{box}-g{step.node}": text for box in boxes}
            for i in self.derivation.beyond if step.kind == "seed" else ():
                texts |= {f"{box}-g{i}": (self._gradient(i, self.names), format_number(0.0)) for box in self._shown[i]}
            return Move(step, arrow + boxes, texts)
        value = format_number(step.value)
        inputs = range(len(self.derivation.operands(step.node)))
        arrows = [f"f{self._slots[step.node, slot]}" for slot in inputs]
        before = {box: f"{step.left} = " if self.boxes[box].kind == "folded" else "" for box in boxes}
        return Move(step, arrows + boxes, {f"{box}-v{step.node}": (before[box], value) for box in boxes})

    def moments(self) -> dict[str, int]:
        """When, counted from 1, each element appears that is not there from the start."""
        moments: dict[str, int] = {}
        for k, move in enumerate(self.moves, start=1):
            for name in move.lit if move.step.kind == "forward" else [x for x in move.lit if x[0] == "b"]:
                moments.setdefault(name, k)
            moments |= dict.fromkeys(move.texts, k)
        return moments
