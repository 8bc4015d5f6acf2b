"""A graph as instructions: its forward and backward pass as one list, an instruction for each slot.

Of J = (2a + b)·c, with u = 2a, v = u + b and the parameters a, b, c, slots 0 to 3 hold 0, −0, 1, −1, and then

    slot  instruction    is
       4  PARAMETER 0    a
       5  PARAMETER 1    b
       6  PARAMETER 2    c
       7  CONSTANT 4     2
       8  CHAIN 1 7 4    u = −0 + 2·a
       9  CHAIN 8 5 2    v = u + b·1
      10  CHAIN 1 9 6    J = −0 + v·c
      11  CHAIN 1 2 2    dJ = −0 + 1·1
      12  CHAIN 1 11 6   dv = −0 + dJ·c
      13  CHAIN 1 12 2   du = −0 + dv·1
      14  CHAIN 0 13 7   da = 0 + du·2
      15  CHAIN 0 12 2   db = 0 + dv·1
      16  CHAIN 0 11 9   dc = 0 + dJ·v

where dv is the gradient with respect to v. Rows that are no sum and no product, such as exp, are called.

Differentiation by source transformation (Griewank and Walther, *Evaluating Derivatives*, 2nd edition,
2008, section 6.2): the backward pass is written out with the rows' own partials and is then no different
from the forward pass, so that whatever runs the one runs the other.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import repeat
from operator import attrgetter
from typing import Any, NamedTuple

from ..engine import primitives
from ..engine.declaration import Primitive
from ..engine.symbol import Symbol
from ..engine.value import Value
from . import kernel_recording as kernel
from .inlining import Step, trace
from .kernel_recording import CONSTANT, DATA, MINUS_ONE, MINUS_ZERO, ONE, PARAMETER, ZERO

# Rows that the kernel writes down itself.
WRITTEN = {
    primitives.mul: kernel.MUL,
    primitives.add: kernel.ADD,
    primitives.sub: kernel.SUB,
    primitives.neg: kernel.NEG,
    primitives.identity: kernel.IDENTITY,
}
# What there is by now of the lists in `kernel.Room` that grow.
SIZES = {"code": kernel.N_CODE, "starts": kernel.N_SLOTS, "marks": kernel.N_MARKS}


class Call(NamedTuple):
    """A function of floats that is called: a row's value, or a partial that only floats can be put into."""

    row: Primitive
    partial: int | None = None

    @property
    def function(self) -> Callable[..., float]:
        """What computes it; of a user-defined row it raises as Values do, also TypeError for what is no float."""
        row, partial = self
        if row.builtin:
            return row.value
        if partial is None:
            return lambda *operands: row.evaluate(operands)
        return lambda *operands: row.slope(partial, operands[:-1], operands[-1])

    def __str__(self) -> str:
        what = "the value" if self.partial is None else f"partial derivative {self.partial + 1}"
        return f"{what} of {self.row.name}"


class Instructions:
    """Instructions, one for each slot: what to compute from which earlier slots.

    A chain is `base + a₁·b₁ + a₂·b₂ + …`, added from left to right: every sum, difference, product and
    every accumulated gradient is one, since x + y is x + y·1, and x·y is −0 + x·y, to the last bit.
    """

    def __init__(self, writer: kernel.Writer) -> None:
        self.writer = writer
        self.code = array("i")  # for each slot its kind and operands: slots, or an index for the kinds of leaves
        self.starts = array("i", [0])  # where a slot's part of the code begins; one more than there are slots
        self.constants = array("d", [0.0, -0.0, 1.0, -1.0])
        self.calls: list[Call] = []
        self.names: dict[int, str] = {}  # of slots of the forward pass
        self.gradient_of: dict[int, int] = {}  # such a slot, for each that holds the gradient with respect to it
        self.parameters: list[int] = []
        self.data: list[int] = []
        self.outputs: list[int] = []
        self.gradients: list[list[int]] = []  # for each output, a slot for each parameter
        self.forward = 0  # number of slots of the forward pass, which come first
        for index in (ZERO, MINUS_ZERO, ONE, MINUS_ONE):
            self.emit(CONSTANT, index)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def emit(self, kind: int, *operands: int) -> int:
        """Append an instruction; its slot."""
        self.code.append(kind)
        self.code.extend(operands)
        self.starts.append(len(self.code))
        return len(self.starts) - 2

    def __iter__(self) -> Iterator[tuple[int, list[int]]]:
        """Each slot's kind and operands, in order."""
        code, start = self.code.tolist(), 0
        for end in self.starts[1:]:
            yield code[start], code[start + 1 : end]
            start = end

    @cached_property
    def levels_and_columns(self) -> "tuple[array[int], array[int]]":
        """Of each slot the longest way from a leaf, and the same from data alone: −1 where it depends on none."""
        levels, columns = (array("i", [0]) * len(self) for _ in range(2))
        self.writer.count_levels(self.code, self.starts, levels, columns)
        return levels, columns

    @property
    def nbytes(self) -> int:
        """The memory that the instructions take, in bytes."""
        return sum(
            len(part) * part.itemsize for part in (self.code, self.starts, self.constants, *self.levels_and_columns)
        )


def record(
    order: Sequence[Value],
    outputs: Sequence[Value],
    parameters: Sequence[Value],
    data: Sequence[Value],
    names: Mapping[Value, str],
    frozen: Mapping[Value, float],
    compiled: bool = False,
) -> Instructions:
    """The instructions that compute `outputs`, and their gradients, from `parameters` and `data`.

    `order` is the topological order of them all. Nodes in `names` keep a slot of their own; other leaves are constants:
    the numbers in `frozen`, or their own. With `compiled` it is numba that writes.
    """
    writer = _compiled_writer() if compiled else kernel.INTERPRETED
    code = Instructions(writer)
    code.parameters = [code.emit(PARAMETER, i) for i in range(len(parameters))]
    code.data = [code.emit(DATA, i) for i in range(len(data))]
    index: dict[Any, int] = dict(zip(order, range(len(order)), strict=True))
    slots = {index[x]: slot for x, slot in zip((*parameters, *data), (*code.parameters, *code.data), strict=True)}
    scripts = _Scripts(code.constants)
    graph = _number(order, outputs, parameters, index, slots, scripts, frozen, writer)
    for x in names:
        graph.named[index[x]] = 1
    room, growth = _make_room(graph, len(names), scripts, code, writer)
    for node, slot in slots.items():
        room.slots[node] = slot
        if graph.named[node]:
            room.sizes[kernel.MARKED] = slot
    for node in graph.parameters:
        room.leading[node] = 1
    writer.write_forward(graph, room)
    code.forward = int(room.sizes[kernel.N_SLOTS])
    for i in range(len(outputs) * bool(parameters)):
        _extend(room, growth, writer)
        writer.write_backward(graph, room, i)
    code.outputs = [int(room.slots[node]) for node in graph.outputs]
    code.names = {int(room.slots[index[x]]): name for x, name in names.items() if x.op or index[x] in slots}
    code.calls = [scripts.calls[i] for kind, i in sorted((kind, i) for i, kind in enumerate(room.kinds) if kind >= 0)]
    _read(room, code, writer)
    return code


def _compiled_writer() -> kernel.Writer:
    from .kernel_lists import compiled  # numba takes half a second to be imported

    writer: kernel.Writer = compiled()
    return writer


def _number(
    order: Sequence[Value],
    outputs: Sequence[Value],
    parameters: Sequence[Value],
    index: Mapping[Any, int],
    slots: Mapping[int, int],
    scripts: "_Scripts",
    frozen: Mapping[Value, float],
    writer: kernel.Writer,
) -> kernel.Graph:
    """A graph in numbers, as yet without names; `slots` has the leaves that are no constants."""
    rows, firsts, seconds = (list(map(attrgetter(name), order)) for name in ("op", "first", "second"))
    row = list(map({x: scripts.number_row(x) for x in dict.fromkeys(rows)}.__getitem__, rows))
    first, second = (writer.integers(map(index.get, nodes, repeat(kernel.NONE))) for nodes in (firsts, seconds))
    scripts.total = sum(scripts.sizes[each] * n for each, n in Counter(row).items() if each != kernel.LEAF)
    number, more = writer.full(len(order), kernel.NONE), list[int]()
    special = {i for x, i in scripts.rows.items() if x is None or len(x.partials) > 2}
    for i in [i for i, each in enumerate(row) if each in special]:
        others = seconds[i]
        if others is not None:  # of three operands and more
            second[i] = kernel.SUM - len(more)
            more += [len(others), *map(index.__getitem__, others)]
        elif i not in slots:
            number[i] = scripts.number_constant(frozen.get(order[i], order[i].data))
    return kernel.Graph(
        row=writer.integers(row),
        first=first,
        second=second,
        more=writer.integers(more),
        number=number,
        named=writer.full(len(order), 0),
        outputs=writer.integers(map(index.__getitem__, outputs)),
        parameters=writer.integers(map(index.__getitem__, parameters)),
        **{name: writer.integers(getattr(scripts, name)) for name in ("value", "slopes", "slope", "kept", "script")},
    )


def _make_room(
    graph: kernel.Graph, named: int, scripts: "_Scripts", code: Instructions, writer: kernel.Writer
) -> tuple[kernel.Room, dict[str, int]]:
    """Room for the forward pass, and by how much what is written may grow in each pass; `named` nodes have names."""
    n, p, k = len(graph.row), len(graph.parameters), len(graph.outputs)
    steps = scripts.total
    terms = n + 2 * (2 * n + len(graph.more)) + 2 * steps + n + p
    slots = terms + steps + n + p + len(code.constants)
    growth = {"code": 2 * slots + 2 * terms + steps, "starts": slots, "marks": 2 * (named + p)}
    full = writer.full
    mask = (1 << (2 * steps * (1 + k)).bit_length()) - 1
    sizes = [len(code.code), len(code), 0, 0, 0, kernel.NONE, n, k, p, mask]
    room = kernel.Room(
        code=writer.integers(code.code),
        starts=writer.integers(code.starts),
        sizes=writer.integers(sizes),
        **{name: full(n, 0) for name in ("uses", "leading", "order", "above", "seen")},
        **{name: full(n, kernel.NONE) for name in ("slots", "gradients")},
        **{name: full(terms, 0) for name in ("left", "right", "before", "count")},
        constants=writer.integers([ZERO, MINUS_ZERO, ONE, MINUS_ONE, *[kernel.NONE] * (len(code.constants) - 4)]),
        kinds=full(len(scripts.calls), kernel.NONE),
        called=full(mask + 1, 0),
        registers=full(scripts.registers, 0),
        marks=full(0, 0),
        results=full(k * p, 0),
    )
    _extend(room, growth, writer)
    return room, growth


def _extend(room: kernel.Room, growth: Mapping[str, int], writer: kernel.Writer) -> None:
    """Make more room, where there may be too little for another pass."""
    for name, more in growth.items():
        numbers, n = getattr(room, name), room.sizes[SIZES[name]] + 1
        if len(numbers) < n + more:
            larger, used = writer.full(2 * n + more, 0), numbers[:n]
            larger[: len(used)] = used
            setattr(room, name, larger)


def _read(room: kernel.Room, code: Instructions, writer: kernel.Writer) -> None:
    """The instructions as they were written, and which of them are gradients."""
    code.code = writer.pack(room.code, room.sizes[kernel.N_CODE])
    code.starts = writer.pack(room.starts, room.sizes[kernel.N_SLOTS] + 1)
    marks = writer.pack(room.marks, room.sizes[kernel.N_MARKS])
    code.gradient_of = {slot: int(room.slots[node]) for slot, node in zip(marks[::2], marks[1::2], strict=True)}
    slots, p = writer.pack(room.results, len(room.results)).tolist(), len(code.parameters)
    code.gradients = [slots[i * p : (i + 1) * p] for i in range(len(code.outputs))]


class _Scripts:
    """The rows of a graph as scripts, which `kernel.follow` reads, with the constants and calls that are in them.

    value, slopes, slope, kept, script: as `kernel.Graph` has them. sizes: of each row, how long its scripts are;
    total: those of all nodes. registers: how many one needs at most.
    """

    def __init__(self, constants: "array[float]") -> None:
        self.constants = constants
        self.places: dict[float | str, int] = {"0.0": ZERO, "-0.0": MINUS_ZERO, 1.0: ONE, -1.0: MINUS_ONE}
        self.rows: dict[Primitive | None, int] = {None: kernel.LEAF}
        self.inlined: dict[Primitive, list[Step] | None] = {}
        self.calls: list[Call] = []
        self.value: list[int] = []
        self.slopes: list[int] = []
        self.slope: list[int] = []
        self.kept: list[int] = []
        self.script: list[int] = []
        self.sizes: list[int] = []
        self.total = 0
        self.registers = 0
        for row in WRITTEN:
            self.number_row(row)

    def number_constant(self, x: float) -> int:
        """The number of a constant, one for all its uses; 0.0 and −0.0 are two numbers."""
        place = self.places.setdefault(x or repr(x), len(self.constants))
        if place == len(self.constants):
            self.constants.append(x)
        return place

    def number_row(self, row: Primitive | None) -> int:
        """The number of a row, whose scripts are written when it is met first."""
        if row is None or row in self.rows:
            return self.rows[row]
        self.rows[row] = len(self.value)
        arity, size = len(row.partials), len(self.script)
        self.value.append(self.write(arity, partial(self.apply, row, range(arity))) if row not in WRITTEN else 0)
        self.slopes.append(len(self.slope))
        symbols = [Symbol(str(i)) for i in range(arity + 1)]
        self.kept.append(0)
        for i, slope in enumerate(row.partials):
            formula = Call(row, i) if i in row.opaque else slope(*symbols)
            if isinstance(formula, (Call, Symbol)) or formula != 0:
                self.slope.append(self.write(arity, partial(self.expand, formula, arity)))
                self.kept[-1] |= any(arity in operands for kind, operands in self.steps if kind != kernel.NUMBER)
            else:
                self.slope.append(kernel.NONE)
        self.sizes.append(0 if row in (primitives.mul, primitives.add) else len(self.script) - size)
        return self.rows[row]

    def write(self, arity: int, expand: Callable[[], int]) -> int:
        """Write the script of what `expand` does, in steps; where it begins."""
        self.steps: list[tuple[int, Sequence[int]]] = []
        self.top = arity  # the register that was taken last
        result, start = expand(), len(self.script)
        self.script += [len(self.steps), result]
        for kind, operands in self.steps:
            self.script += [kind, len(operands), *operands]
        self.registers = max(self.registers, self.top + 1)
        return start

    def step(self, kind: int, *operands: int) -> int:
        """One more step; its register."""
        self.steps.append((kind, operands))
        self.top += 1
        return self.top

    def expand(self, formula: Any, arity: int) -> int:
        """The register of a formula over symbols, which are named by those of their operands."""
        if isinstance(formula, Call):
            return self.call(formula, range(arity + 1))
        if not isinstance(formula, Symbol):
            return self.step(kernel.NUMBER, self.number_constant(float(formula)))
        if formula.row is None:
            return self.step(kernel.SETTLE, int(formula.name))
        return self.apply(formula.row, [self.expand(arg, arity) for arg in formula.args])

    def apply(self, row: Primitive, operands: Sequence[int]) -> int:
        """The register of a row applied to registers."""
        if row in WRITTEN:
            return self.step(WRITTEN[row], *operands)
        if not row.builtin and row not in self.inlined:
            self.inlined[row] = trace(row)
        steps = self.inlined.get(row)
        if steps is None:
            return self.call(Call(row), operands)
        parts = [self.step(kernel.SETTLE, x) for x in operands]
        for operation, places, shared in steps:
            inputs = [parts[x] if type(x) is int else self.step(kernel.NUMBER, self.number_constant(x)) for x in places]
            result = self.apply(operation, inputs)
            parts.append(self.step(kernel.SETTLE, result) if shared else result)
        return parts[-1]

    def call(self, call: Call, operands: Sequence[int]) -> int:
        """The register of a call."""
        if call not in self.calls:
            self.calls.append(call)
        return self.step(kernel.CALL + self.calls.index(call), *operands)
