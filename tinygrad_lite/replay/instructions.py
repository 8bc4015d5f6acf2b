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
from typing import Any, NamedTuple

from ..engine.declaration import Primitive
from ..engine.symbol import Symbol
from ..engine.value import Value, dependents, topological_order
from .inlining import Step, trace

# Kinds of instructions that are no call; those count from 0, in `Instructions.calls`.
CHAIN, CONSTANT, PARAMETER, DATA = -1, -2, -3, -4
# The first slots of every program.
ZERO, MINUS_ZERO, ONE, MINUS_ONE = range(4)


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

    def __init__(self) -> None:
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

    def __iter__(self) -> "Iterator[tuple[int, array[int]]]":
        """Each slot's kind and operands, in order."""
        code, start = self.code, 0
        for end in self.starts[1:]:
            yield code[start], code[start + 1 : end]
            start = end

    @property
    def nbytes(self) -> int:
        """The memory that the instructions take, in bytes."""
        return sum(len(part) * part.itemsize for part in (self.code, self.starts, self.constants))


def record(
    outputs: Sequence[Value],
    parameters: Sequence[Value],
    data: Sequence[Value],
    names: Mapping[Value, str],
    frozen: Mapping[Value, float],
) -> Instructions:
    """The instructions that compute `outputs`, and their gradients, from `parameters` and `data`.

    Nodes in `names` keep a slot of their own; other leaves are constants: the numbers in `frozen`, or their own.
    """
    recorder = _Recorder(parameters, data, names, frozen)
    order = topological_order(*outputs)
    recorder.leading = dependents(order, parameters)
    recorder.forward(order, outputs)
    for output in outputs:
        recorder.backward(output, order if len(outputs) == 1 else topological_order(output))
    return recorder.instructions


LINEAR = ("identity", "neg", "add", "sub")  # rows that become part of a sum; their partials are numbers


class _Recorder:
    """Writes a graph down. A sum that is still growing is a list, base, a₁, b₁, a₂, b₂, …, and has no slot yet."""

    def __init__(
        self,
        parameters: Sequence[Value],
        data: Sequence[Value],
        names: Mapping[Value, str],
        frozen: Mapping[Value, float],
    ) -> None:
        self.instructions = code = Instructions()
        self.names = names
        self.frozen = frozen
        self.parameters = parameters
        self.leading: set[Value] = set()  # the parameters, and the nodes that depend on them
        code.parameters = [code.emit(PARAMETER, i) for i in range(len(parameters))]
        code.data = [code.emit(DATA, i) for i in range(len(data))]
        self.slots = dict(zip((*parameters, *data), (*code.parameters, *code.data), strict=True))
        code.names = {slot: names[x] for x, slot in self.slots.items() if x in names}
        self.sums: dict[Value, list[int]] = {}
        self.constants = {repr(x): slot for slot, x in enumerate(code.constants)}
        self.called: dict[tuple[int, ...], int] = {}
        self.kinds: dict[Call, int] = {}
        self.values: dict[Primitive, list[Step] | None] = {}
        self.partials: dict[tuple[Primitive, int], Any] = {}

    def forward(self, order: Sequence[Value], outputs: Sequence[Value]) -> None:
        """One instruction for each node, or none where the only sum that uses it takes it up."""
        uses = Counter(x for node in order for x in node.inputs)
        uses.update([*outputs, *outputs])  # twice: kept
        for node in order:
            if node.op is None:
                continue
            if node.op.name in LINEAR:
                operands = [self.sums.pop(x, []) or [self.slot(x)] for x in node.inputs]
            else:
                operands = [[self.slot(x)] for x in node.inputs]
            result = self.apply(node.op, operands)
            if node in self.names:
                self.slots[node] = slot = self.keep(result)
                self.instructions.names[slot] = self.names[node]
            elif uses[node] == 1 and len(result) > 1:
                self.sums[node] = result
            else:
                self.slots[node] = self.settle(result)
        self.instructions.outputs = [self.slot(output) for output in outputs]
        self.instructions.forward = len(self.instructions)

    def backward(self, output: Value, order: Sequence[Value]) -> None:
        """The gradients of one output: chains of upstream · partial, in the order in which `Value.backward` adds."""
        terms: dict[Value, list[int]] = {output: [MINUS_ZERO, ONE, ONE]}
        for node in reversed(order):
            if node.op is None or node not in terms or node not in self.leading:
                continue
            gradient = terms.pop(node)
            if node in self.names:
                upstream = self.keep(gradient)
                self.instructions.gradient_of[upstream] = self.slots[node]
            else:
                upstream = self.settle(gradient)
            for i, x in enumerate(node.inputs):
                if x in self.leading:
                    partial = self.partial(node, node.op, i)
                    if partial is not None:
                        terms.setdefault(x, [MINUS_ZERO]).extend((upstream, partial))
        slots = []
        for x in self.parameters:
            chain = terms.get(x, [ZERO])
            slots.append(self.instructions.emit(CHAIN, ZERO, *chain[1:]))
            if x in self.names:
                self.instructions.gradient_of[slots[-1]] = self.slots[x]
        self.instructions.gradients.append(slots)

    def partial(self, node: Value, row: Primitive, i: int) -> int | None:
        """The slot of ∂node/∂(its input i), or None for a row in which that is always 0."""
        operands = [*node.inputs, node]
        if (row, i) not in self.partials:
            symbols = [Symbol(str(j)) for j in range(len(operands))]
            self.partials[row, i] = Call(row, i) if i in row.opaque else row.partials[i](*symbols)
        formula = self.partials[row, i]
        if isinstance(formula, Call):
            return self.call(formula, [self.slot(x) for x in operands])
        if not isinstance(formula, Symbol) and formula == 0:
            return None
        return self.settle(self.expand(formula, operands))

    def expand(self, formula: Any, operands: Sequence[Value]) -> list[int]:
        """A formula over symbols, which are named by the positions of their operands, as a sum."""
        if not isinstance(formula, Symbol):
            return [self.constant(float(formula))]
        if formula.row is None:
            return [self.slot(operands[int(formula.name)])]
        return self.apply(formula.row, [self.expand(arg, operands) for arg in formula.args])

    def apply(self, row: Primitive, operands: list[list[int]]) -> list[int]:
        """The row applied to sums, as a sum."""
        match row.name, operands:
            case "identity", [x]:
                return x
            case "neg", [x]:
                return [MINUS_ZERO, self.settle(x), MINUS_ONE]
            case "mul", [x, y]:
                return [MINUS_ZERO, self.settle(x), self.settle(y)]
            case "sub", [x, y]:
                x += (self.settle(y), MINUS_ONE)
                return x
            case "add", [x, y]:
                if len(y) > max(len(x), 3):  # x + y and y + x round alike
                    x, y = y, x
                product = len(y) == 3 and y[0] == MINUS_ZERO
                x += y[1:] if product else (self.settle(y), ONE)
                return x
        slots = [self.settle(x) for x in operands]
        if not row.builtin and row not in self.values:
            self.values[row] = trace(row)
        steps = self.values.get(row)
        return [self.call(Call(row), slots)] if steps is None else self.inline(steps, slots)

    def inline(self, steps: Sequence[Step], slots: Sequence[int]) -> list[int]:
        """The value of a user-defined row, step by step, as a sum."""
        parts = [[slot] for slot in slots]
        for row, operands, shared in steps:
            result = self.apply(row, [[*parts[x]] if type(x) is int else [self.constant(x)] for x in operands])
            parts.append([self.settle(result)] if shared else result)
        return parts[-1]

    def slot(self, x: Value) -> int:
        """The slot of a node."""
        slot = self.slots.get(x)
        if slot is None:
            number = self.frozen.get(x, x.data)
            slot = self.slots[x] = self.settle(self.sums.pop(x)) if x.op else self.constant(number)
        return slot

    def settle(self, x: list[int]) -> int:
        """The slot of a sum, which grows no more."""
        if len(x) == 1:
            return x[0]
        if len(x) == 3 and x[0] == MINUS_ZERO and ONE in x:  # −0 + 1·x
            return x[1] if x[2] == ONE else x[2]
        return self.instructions.emit(CHAIN, *x)

    def keep(self, x: list[int]) -> int:
        """A slot for a node with a name, which no other node shares."""
        code = self.instructions
        fresh = len(x) == 1 and x[0] == len(code) - 1 and x[0] not in code.names and x[0] not in code.gradient_of
        return x[0] if fresh else code.emit(CHAIN, *x)

    def constant(self, x: float) -> int:
        """The slot of a number, one for all its uses; 0.0 and −0.0 are two numbers."""
        if (key := repr(x)) not in self.constants:
            self.constants[key] = self.instructions.emit(CONSTANT, len(self.instructions.constants))
            self.instructions.constants.append(x)
        return self.constants[key]

    def call(self, call: Call, operands: Sequence[int]) -> int:
        """The slot of a call, one for all that are alike."""
        kind = self.kinds.setdefault(call, len(self.kinds))
        if kind == len(self.instructions.calls):
            self.instructions.calls.append(call)
        key = (kind, *operands)
        if key not in self.called:
            self.called[key] = self.instructions.emit(*key)
        return self.called[key]
