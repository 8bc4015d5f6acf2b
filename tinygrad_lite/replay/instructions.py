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
from operator import attrgetter
from typing import Any, NamedTuple

from ..engine import primitives
from ..engine.declaration import Primitive
from ..engine.symbol import Symbol
from ..engine.value import Value, topological_order
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

    def __iter__(self) -> Iterator[tuple[int, list[int]]]:
        """Each slot's kind and operands, in order."""
        code, start = self.code.tolist(), 0
        for end in self.starts[1:]:
            yield code[start], code[start + 1 : end]
            start = end

    @property
    def nbytes(self) -> int:
        """The memory that the instructions take, in bytes."""
        return sum(len(part) * part.itemsize for part in (self.code, self.starts, self.constants))


def record(
    order: Sequence[Value],
    outputs: Sequence[Value],
    parameters: Sequence[Value],
    data: Sequence[Value],
    names: Mapping[Value, str],
    frozen: Mapping[Value, float],
) -> Instructions:
    """The instructions that compute `outputs`, and their gradients, from `parameters` and `data`.

    `order` is the topological order of them all. Nodes in `names` keep a slot of their own; other leaves are constants:
    the numbers in `frozen`, or their own.
    """
    recorder = _Recorder(parameters, data, names, frozen)
    recorder.forward(order, outputs)
    for output in outputs:
        recorder.backward(output, order if len(outputs) == 1 else topological_order(output))
    return recorder.instructions


def count_uses(order: Sequence[Value]) -> Counter[Any]:
    """How often each node is an operand."""
    uses = Counter[Any](map(attrgetter("first"), order))
    uses.update(map(attrgetter("second"), order))
    for others in [x for x in uses if type(x) is tuple]:  # of three operands and more
        for x in others:
            uses[x] += uses[others]
    return uses


Sum = Any  # a slot, or list[int]: as `_Recorder` has it
IDENTITY, NEG, ADD, SUB, MUL = primitives.identity, primitives.neg, primitives.add, primitives.sub, primitives.mul
LINEAR = frozenset([IDENTITY, NEG, ADD, SUB])  # rows that become part of a sum; their partials are numbers


class _Recorder:
    """Writes a graph down. A sum that is still growing is a list, base, a₁, b₁, a₂, b₂, …; anything else is its slot.

    Products and sums, of which graphs are full, are written down where they are met; other rows by `apply`.
    """

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
        self.leading = set(parameters)  # and the nodes that depend on them
        code.parameters = [code.emit(PARAMETER, i) for i in range(len(parameters))]
        code.data = [code.emit(DATA, i) for i in range(len(data))]
        self.slots = dict(zip((*parameters, *data), (*code.parameters, *code.data), strict=True))
        code.names = {slot: names[x] for x, slot in self.slots.items() if x in names}
        self.sums: dict[Value, list[int]] = {}
        self.constants: dict[float | str, int] = {"0.0": ZERO, "-0.0": MINUS_ZERO, 1.0: ONE, -1.0: MINUS_ONE}
        self.called: dict[tuple[int, ...], int] = {}
        self.kinds: dict[Call, int] = {}
        self.values: dict[Primitive, list[Step] | None] = {}
        self.partials: dict[Primitive, list[Any]] = {}

    def forward(self, order: Sequence[Value], outputs: Sequence[Value]) -> None:
        """One instruction for each node, or none where the only sum that uses it takes it up."""
        slots, sums, slot_of, leading, names = self.slots, self.sums, self.slot, self.leading, self.names
        uses = count_uses(order)
        for output in outputs:
            uses[output] += 2  # kept
        for node in order:
            row = node.op
            if row is None:
                continue
            a: Any = node.first
            b: Any = node.second
            if row is MUL:
                result: Sum = [MINUS_ZERO, slots.get(a) or slot_of(a), slots.get(b) or slot_of(b)]
            elif row is ADD:
                result = self.add(sums.pop(a, None) or slot_of(a), sums.pop(b, None) or slot_of(b))
            elif row in LINEAR:
                result = self.apply(row, [sums.pop(x, None) or slot_of(x) for x in node.inputs])
            else:
                result = self.apply(row, [slot_of(x) for x in node.inputs])
            if a in leading or b in leading or (type(b) is tuple and not leading.isdisjoint(b)):
                leading.add(node)
            if node in names:
                slots[node] = slot = self.keep(result)
                self.instructions.names[slot] = names[node]
            elif type(result) is list and uses[node] == 1:
                sums[node] = result
            else:
                slots[node] = self.settle(result)
        self.instructions.outputs = [slot_of(output) for output in outputs]
        self.instructions.forward = len(self.instructions)

    def backward(self, output: Value, order: Sequence[Value]) -> None:
        """The gradients of one output: chains of upstream · partial, in the order in which `Value.backward` adds."""
        slots, slot_of, leading, names = self.slots, self.slot, self.leading, self.names
        terms: dict[Value, Sum] = {output: ONE}
        for node in reversed(order):
            row = node.op
            if row is None or node not in terms or node not in leading:
                continue
            gradient = terms.pop(node)
            if node in names:
                upstream = self.keep([MINUS_ZERO, gradient, ONE] if type(gradient) is int else gradient)
                self.instructions.gradient_of[upstream] = slots[node]
            else:
                upstream = gradient if type(gradient) is int else self.settle(gradient)
            a: Any = node.first
            b: Any = node.second
            if row is MUL:
                passed: Any = ((a, slots.get(b) or slot_of(b)), (b, slots.get(a) or slot_of(a)))
            elif row is ADD:
                passed = ((a, ONE), (b, ONE))
            else:
                passed = self.partials_of(node, row)
            for x, partial in passed:
                if x not in leading:
                    continue
                chain = terms.get(x)
                if chain is None:
                    terms[x] = upstream if partial == ONE else [MINUS_ZERO, upstream, partial]
                elif type(chain) is int:
                    terms[x] = [MINUS_ZERO, chain, ONE, upstream, partial]
                else:
                    chain += (upstream, partial)
        gradients = []
        for x in self.parameters:
            chain = terms.get(x, [ZERO])
            factors = (chain, ONE) if type(chain) is int else chain[1:]
            gradients.append(self.instructions.emit(CHAIN, ZERO, *factors))
            if x in names:
                self.instructions.gradient_of[gradients[-1]] = slots[x]
        self.instructions.gradients.append(gradients)

    def partials_of(self, node: Value, row: Primitive) -> Iterator[tuple[Value, int]]:
        """The inputs of a node, and the slots of ∂node/∂input; without those for which that is always 0."""
        operands = (*node.inputs, node)
        if row not in self.partials:
            symbols = [Symbol(str(i)) for i in range(len(operands))]
            self.partials[row] = [
                Call(row, i) if i in row.opaque else partial(*symbols) for i, partial in enumerate(row.partials)
            ]
        for x, formula in zip(operands, self.partials[row], strict=False):
            if x not in self.leading:
                continue
            if isinstance(formula, Call):
                yield x, self.call(formula, [self.slot(operand) for operand in operands])
            elif isinstance(formula, Symbol) or formula != 0:
                yield x, self.settle(self.expand(formula, operands))

    def expand(self, formula: Any, operands: Sequence[Value]) -> Sum:
        """A formula over symbols, which are named by the positions of their operands, as a sum."""
        if not isinstance(formula, Symbol):
            return self.constant(float(formula))
        if formula.row is None:
            return self.slot(operands[int(formula.name)])
        return self.apply(formula.row, [self.expand(arg, operands) for arg in formula.args])

    def apply(self, row: Primitive, operands: list[Sum]) -> Sum:
        """The row applied to sums, as a sum."""
        if row is ADD:
            return self.add(*operands)
        slots = [self.settle(x) for x in operands[row in LINEAR :]]
        if row is SUB:
            return self.add(operands[0], [MINUS_ZERO, *slots, MINUS_ONE])
        if row is NEG:
            return [MINUS_ZERO, self.settle(operands[0]), MINUS_ONE]
        if row is IDENTITY:
            return operands[0]
        if row is MUL:
            return [MINUS_ZERO, *slots]
        if not row.builtin and row not in self.values:
            self.values[row] = trace(row)
        steps = self.values.get(row)
        return self.call(Call(row), slots) if steps is None else self.inline(steps, slots)

    def add(self, x: Sum, y: Sum) -> Sum:
        """x + y, which goes on with the longer sum: y + x rounds alike."""
        if type(y) is list and len(y) > 3 and (type(x) is int or len(y) > len(x)):
            x, y = y, x
        if type(x) is int:
            x = [x]
        x += y[1:] if type(y) is list and len(y) == 3 and y[0] == MINUS_ZERO else (self.settle(y), ONE)
        return x

    def inline(self, steps: Sequence[Step], slots: Sequence[int]) -> Sum:
        """The value of a user-defined row, step by step, as a sum."""
        parts: list[Sum] = [*slots]
        for row, operands, shared in steps:
            result = self.apply(row, [parts[x] if type(x) is int else self.constant(x) for x in operands])
            parts.append(self.settle(result) if shared else result)
        return parts[-1]

    def slot(self, x: Value) -> int:
        """The slot of a node."""
        slot = self.slots.get(x)
        if slot is None:
            slot = self.settle(self.sums.pop(x)) if x.op else self.constant(self.frozen.get(x, x.data))
            self.slots[x] = slot
        return slot

    def settle(self, x: Sum) -> int:
        """The slot of a sum, which grows no more."""
        if isinstance(x, int):
            return x
        if len(x) == 3 and x[0] == MINUS_ZERO and ONE in x:  # −0 + 1·x
            return int(x[1] if x[2] == ONE else x[2])
        return self.instructions.emit(CHAIN, *x)

    def keep(self, x: Sum) -> int:
        """A slot for a node with a name, which no other node shares."""
        code = self.instructions
        if type(x) is list:
            return code.emit(CHAIN, *x)
        fresh = x == len(code) - 1 and x not in code.names and x not in code.gradient_of
        return int(x) if fresh else code.emit(CHAIN, x)

    def constant(self, x: float) -> int:
        """The slot of a number, one for all its uses; 0.0 and −0.0 are two numbers."""
        key = x or repr(x)
        slot = self.constants.get(key)
        if slot is None:
            self.constants[key] = slot = self.instructions.emit(CONSTANT, len(self.instructions.constants))
            self.instructions.constants.append(x)
        return slot

    def call(self, call: Call, operands: Sequence[int]) -> int:
        """The slot of a call, one for all that are alike."""
        kind = self.kinds.setdefault(call, len(self.kinds))
        if kind == len(self.instructions.calls):
            self.instructions.calls.append(call)
        key = (kind, *operands)
        if key not in self.called:
            self.called[key] = self.instructions.emit(*key)
        return self.called[key]
