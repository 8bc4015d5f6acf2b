"""Both passes of a graph, written down as instructions: loops over integers, which numba compiles for large graphs.

Nodes are numbered in topological order. What a node comes to is a slot (0 and up) or a sum that is still growing,
SUM − t: the last of its terms is t, and each term knows what it is added to, a slot or again a sum. So a sum takes up
another term, or becomes the start of another sum, without being copied; when it grows no more, `settle` writes it.

    t          a term, is before[t] + left[t]·right[t]; with the terms before it there are count[t]
    script     what a row other than products and sums does, step by step, in registers: first those of the
               operands and of the result, then one for each step; [number of steps, register of the result, then for
               each step its kind, its number of operands, and these]
"""

# mypy: ignore-errors
# (these functions are compiled by numba, which finds their types itself)
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

# Kinds of instructions that are no call; those count from 0.
CHAIN, CONSTANT, PARAMETER, DATA = -1, -2, -3, -4
# The first slots of every program.
ZERO, MINUS_ZERO, ONE, MINUS_ONE = range(4)
# Rows that are written down where they are met, and steps of scripts; calls follow.
LEAF, MUL, ADD, SUB, NEG, IDENTITY, NUMBER, SETTLE, CALL = range(-1, 8)
NONE, SUM = -1, -2  # no slot; where sums begin
# What `Room.sizes` has: how much of each there is by now; the slot that was marked last; and what stays as it is.
N_CODE, N_SLOTS, N_TERMS, N_CALLS, N_MARKS, MARKED, N_NODES, N_OUTPUTS, N_PARAMETERS, MASK = range(10)


@dataclass(slots=True)
class Graph:
    """A graph in numbers, which are written once.

    row, first, second, number, named: of each node its row; its operands, or NONE; of a leaf that is a constant, which
        one; whether it keeps a slot of its own. Where `second` is below NONE, further operands are in `more`, from
        SUM − second on: how many, and these.
    outputs, parameters: nodes.
    value, slopes: of each row, where the script of its value is, and where in `slope` those of its partials are listed.
    slope: where a script is; NONE for a partial derivative of 0.
    kept: of each row, whether its partials read its result.
    """

    row: Any
    first: Any
    second: Any
    more: Any
    number: Any
    named: Any
    outputs: Any
    parameters: Any
    value: Any
    slopes: Any
    slope: Any
    kept: Any
    script: Any


@dataclass(slots=True)
class Room:
    """What is written down, and what is kept meanwhile.

    code, starts: as `Instructions` has them. sizes: see above. slots: what each node comes to.
    gradients: the gradient with respect to each node, as far as it is summed up. results: the gradients' slots.
    marks: slots of gradients, and the nodes, with names, that they belong to. called: calls by their hash.
    """

    code: Any
    starts: Any
    sizes: Any
    slots: Any
    uses: Any
    leading: Any
    gradients: Any
    left: Any
    right: Any
    before: Any
    count: Any
    constants: Any
    kinds: Any
    called: Any
    registers: Any
    marks: Any
    results: Any
    order: Any
    above: Any
    seen: Any


def end(room: Room, n_code: int) -> int:
    """An instruction ends where the code does; its slot."""
    slot: int = room.sizes[N_SLOTS]
    room.sizes[N_CODE] = n_code
    room.sizes[N_SLOTS] = slot + 1
    room.starts[slot + 1] = n_code
    return slot


def emit(room: Room, kind: int, operand: int) -> int:
    """Write an instruction of one operand; its slot."""
    at = room.sizes[N_CODE]
    room.code[at] = kind
    room.code[at + 1] = operand
    return end(room, at + 2)


def term(room: Room, before: int, left: int, right: int) -> int:
    """before + left·right, as a sum."""
    sizes, count = room.sizes, room.count
    t = sizes[N_TERMS]
    sizes[N_TERMS] = t + 1
    room.before[t] = before
    room.left[t] = left
    room.right[t] = right
    count[t] = 1 if before >= 0 else count[SUM - before] + 1
    return SUM - t


def emit_chain(room: Room, x: int) -> int:
    """Write a sum; its slot."""
    code, at = room.code, room.sizes[N_CODE]
    t = SUM - x
    after = at + 2 + 2 * room.count[t]
    i = after
    while x < 0:
        t = SUM - x
        i -= 2
        code[i], code[i + 1] = room.left[t], room.right[t]
        x = room.before[t]
    code[at], code[at + 1] = CHAIN, x
    return end(room, after)


def settle(room: Room, x: int) -> int:
    """The slot of a sum, which grows no more."""
    if x >= 0:
        return x
    t = SUM - x
    if room.before[t] == MINUS_ZERO:  # −0 + 1·x
        if room.right[t] == ONE:
            return room.left[t]
        if room.left[t] == ONE:
            return room.right[t]
    return emit_chain(room, x)


def keep(room: Room, x: int) -> int:
    """A slot for a node with a name, which no other node shares."""
    if x < 0:
        slot = emit_chain(room, x)
    elif x == room.sizes[N_SLOTS] - 1 and x != room.sizes[MARKED]:
        slot = x
    else:
        slot = emit(room, CHAIN, x)
    room.sizes[MARKED] = slot
    return slot


def add(room: Room, x: int, y: int) -> int:
    """x + y, which goes on with the longer sum: y + x rounds alike."""
    if y < 0 and room.count[SUM - y] > 1 and (x >= 0 or room.count[SUM - y] > room.count[SUM - x]):
        x, y = y, x
    t = SUM - y
    if y < 0 and room.before[t] == MINUS_ZERO:
        return term(room, x, room.left[t], room.right[t])
    return term(room, x, settle(room, y), ONE)


def constant(room: Room, i: int) -> int:
    """The slot of a constant, one for all its uses."""
    if room.constants[i] < 0:
        room.constants[i] = emit(room, CONSTANT, i)
    return room.constants[i]


def slot_of(graph: Graph, room: Room, node: int) -> int:
    """The slot of a node."""
    x: int = room.slots[node]
    if x < 0:
        x = constant(room, graph.number[node]) if x == NONE else settle(room, x)
        room.slots[node] = x
    return x


def take_up(graph: Graph, room: Room, node: int) -> int:
    """What a node comes to, for the only sum that takes it up."""
    x: int = room.slots[node]
    if x > SUM:
        return slot_of(graph, room, node)
    room.slots[node] = NONE
    return x


def count_operands(graph: Graph, node: int) -> int:
    """How many operands a computed node has."""
    second = graph.second[node]
    if second >= 0:
        return 2
    return 1 if second == NONE else 1 + graph.more[SUM - second]


def operand(graph: Graph, node: int, i: int) -> int:
    """An operand of a node, counted from 0."""
    if i == 0:
        return graph.first[node]
    second: int = graph.second[node]
    return second if second >= 0 else graph.more[SUM - second + i]


def call(graph: Graph, room: Room, what: int, at: int, n: int) -> int:
    """The slot of a call of what is in n registers, which `script` lists, from `at` on; one for all that are alike."""
    code, mask = room.code, room.sizes[MASK]
    kind = room.kinds[what]
    if kind < 0:
        room.kinds[what] = kind = room.sizes[N_CALLS]
        room.sizes[N_CALLS] += 1
    start = i = room.sizes[N_CODE]
    code[i] = place = kind
    for j in range(at, at + n):
        i += 1
        code[i] = room.registers[graph.script[j]]
        place = (place * 1000003 + code[i]) & mask
    while room.called[place]:
        other = room.starts[room.called[place]]
        same = True
        for j in range(n + 1):
            same = same and code[other + j] == code[start + j]
        if same:
            return room.called[place]
        place = (place + 1) & mask
    room.called[place] = end(room, i + 1)
    return room.called[place]


def follow(graph: Graph, room: Room, node: int, at: int) -> int:
    """What a script comes to for a node: the value of its row, or a partial derivative."""
    script, registers = graph.script, room.registers
    top = count_operands(graph, node)
    for i in range(top):
        registers[i] = slot_of(graph, room, operand(graph, node, i))
    registers[top] = room.slots[node]
    steps, result = script[at], script[at + 1]
    at += 2
    for _ in range(steps):
        kind, n = script[at], script[at + 1]
        at += 2
        top += 1
        if kind == NUMBER:
            registers[top] = constant(room, script[at])
            at += n
            continue
        growing = n if kind in (ADD, IDENTITY) else 1 if kind == SUB else 0  # operands that the result goes on with
        for j in range(at + growing, at + n):
            registers[script[j]] = settle(room, registers[script[j]])
        x, y = registers[script[at]], registers[script[at + n - 1]]
        at += n
        if kind == MUL:
            x = term(room, MINUS_ZERO, x, y)
        elif kind == ADD:
            x = add(room, x, y)
        elif kind == SUB:
            x = term(room, x, y, MINUS_ONE)
        elif kind == NEG:
            x = term(room, MINUS_ZERO, x, MINUS_ONE)
        elif kind >= CALL:
            x = call(graph, room, kind - CALL, at - n, n)
        registers[top] = x
    return registers[result]


def write_forward(graph: Graph, room: Room) -> None:
    """One instruction for each node, or none where the only sum that uses it takes it up."""
    rows, first, second, slots, uses = graph.row, graph.first, graph.second, room.slots, room.uses
    count_uses(graph, room)
    for node in range(room.sizes[N_NODES]):
        row, a, b = rows[node], first[node], second[node]
        if row == LEAF:
            continue
        if row == MUL:
            x = slots[a] if slots[a] >= 0 else slot_of(graph, room, a)
            result = term(room, MINUS_ZERO, x, slots[b] if slots[b] >= 0 else slot_of(graph, room, b))
        elif row == ADD:
            x = take_up(graph, room, a)
            result = add(room, x, take_up(graph, room, b))
        elif row == SUB:
            x = take_up(graph, room, a)
            result = term(room, x, settle(room, take_up(graph, room, b)), MINUS_ONE)
        elif row == NEG:
            result = term(room, MINUS_ZERO, settle(room, take_up(graph, room, a)), MINUS_ONE)
        elif row == IDENTITY:
            result = take_up(graph, room, a)
        else:
            result = follow(graph, room, node, graph.value[row])
        if graph.named[node]:
            slots[node] = keep(room, result)
        elif uses[node] == 1 and not graph.kept[row]:
            slots[node] = result
        else:
            slots[node] = settle(room, result)
    for i in range(room.sizes[N_OUTPUTS]):
        slot_of(graph, room, graph.outputs[i])


def count_uses(graph: Graph, room: Room) -> None:
    """How often each node is an operand, or an output; and which depend on parameters."""
    first, second, uses, leading = graph.first, graph.second, room.uses, room.leading
    for node in range(room.sizes[N_NODES]):
        a, b = first[node], second[node]
        if a != NONE:
            uses[a] += 1
            leading[node] |= leading[a]
        if b >= 0:
            uses[b] += 1
            leading[node] |= leading[b]
        elif b != NONE:
            for i in range(1, count_operands(graph, node)):
                x = operand(graph, node, i)
                uses[x] += 1
                leading[node] |= leading[x]
    for i in range(room.sizes[N_OUTPUTS]):
        uses[graph.outputs[i]] += 2  # kept


def sort(graph: Graph, room: Room, i: int) -> int:
    """Put the computed nodes that output i depends on into `order`, as `topological_order` does; their number."""
    seen, above, n, depth, output = room.seen, room.above, 0, 0, graph.outputs[i]
    if i == 0:  # no node before the first output is there for another
        for node in range(output + 1):
            if graph.row[node] != LEAF:
                room.order[n] = node
                n += 1
        return n
    if graph.row[output] == LEAF:
        return 0
    above[0] = output
    seen[output] = i
    while depth >= 0:
        node = above[depth]
        below = NONE
        for j in range(count_operands(graph, node)):
            x = operand(graph, node, j)
            if seen[x] != i and graph.row[x] != LEAF:
                below = x
                break
        if below == NONE:
            room.order[n] = node
            n += 1
            depth -= 1
        else:
            seen[below] = i
            depth += 1
            above[depth] = below
    return n


def pass_on(room: Room, x: int, upstream: int, partial: int) -> None:
    """The gradient with respect to x grows by upstream · partial."""
    gradients = room.gradients
    gradient = gradients[x]
    if gradient == NONE and partial == ONE:
        gradients[x] = upstream
        return
    if gradient == NONE:
        gradient = MINUS_ZERO
    elif gradient >= 0:
        gradient = term(room, MINUS_ZERO, gradient, ONE)
    gradients[x] = term(room, gradient, upstream, partial)


def write_backward(graph: Graph, room: Room, i: int) -> None:
    """The gradients of output i: chains of upstream · partial, in the order in which `Value.backward` adds."""
    rows, first, second, named, output = graph.row, graph.first, graph.second, graph.named, graph.outputs[i]
    slots, gradients, leading, order = room.slots, room.gradients, room.leading, room.order
    room.sizes[N_TERMS] = 0
    gradients[output] = ONE
    for k in range(sort(graph, room, i) - 1, -1, -1):
        node = order[k]
        gradient = gradients[node]
        if gradient == NONE or not leading[node]:
            continue
        gradients[node] = NONE
        if named[node]:
            upstream = emit_chain(room, gradient if gradient < 0 else term(room, MINUS_ZERO, gradient, ONE))
            mark(room, upstream, node)
        else:
            upstream = gradient if gradient >= 0 else settle(room, gradient)
        row, a, b = rows[node], first[node], second[node]
        if row in (MUL, ADD):
            if leading[a]:
                pass_on(room, a, upstream, slots[b] if row == MUL else ONE)
            if leading[b]:
                pass_on(room, b, upstream, slots[a] if row == MUL else ONE)
            continue
        for j in range(count_operands(graph, node)):
            x, script = operand(graph, node, j), graph.slope[graph.slopes[row] + j]
            if leading[x] and script != NONE:
                pass_on(room, x, upstream, settle(room, follow(graph, room, node, script)))
    gradients_of_parameters(graph, room, i)
    gradients[output] = NONE


def gradients_of_parameters(graph: Graph, room: Room, i: int) -> None:
    """The sums of output i that have come together at the parameters, from 0 on."""
    for j in range(room.sizes[N_PARAMETERS]):
        x = graph.parameters[j]
        gradient = room.gradients[x]
        if gradient == NONE:
            slot = emit(room, CHAIN, ZERO)
        else:
            slot = emit_chain(room, gradient if gradient < 0 else term(room, ZERO, gradient, ONE))
            room.code[room.starts[slot] + 1] = ZERO
        room.gradients[x] = NONE
        room.results[i * room.sizes[N_PARAMETERS] + j] = slot
        if graph.named[x]:
            mark(room, slot, x)


def mark(room: Room, slot: int, node: int) -> None:
    """A slot holds the gradient with respect to a node that has a name."""
    at = room.sizes[N_MARKS]
    room.marks[at], room.marks[at + 1] = slot, node
    room.sizes[N_MARKS], room.sizes[MARKED] = at + 2, slot


def count_levels(code: list, starts: list, levels: list, columns: list) -> None:
    """The levels and columns of all instructions, as `Instructions` has them."""
    for slot in range(len(levels)):
        start = starts[slot]
        if code[start] < CHAIN:
            levels[slot], columns[slot] = 0, 0 if code[start] == DATA else NONE
            continue
        level, column = 0, NONE
        for i in range(start + 1, starts[slot + 1]):
            level, column = max(level, levels[code[i]]), max(column, columns[code[i]])
        levels[slot], columns[slot] = level + 1, column + 1 if column >= 0 else NONE


class Writer(NamedTuple):
    """What writes both passes, and the lists of integers that it takes.

    integers, full: a list of these integers; of n times the same. pack: the first n integers of a list, as
    `Instructions` has them, whose levels `count_levels` fills in.
    """

    write_forward: Callable[[Graph, Room], None]
    write_backward: Callable[[Graph, Room, int], None]
    count_levels: Callable[["array[int]", "array[int]", "array[int]", "array[int]"], None]
    integers: Callable[[Iterable[int]], Any]
    full: Callable[[int, int], Any]
    pack: Callable[[Any, int], "array[int]"]


INTERPRETED = Writer(
    write_forward,
    write_backward,
    count_levels,
    list,
    lambda n, x: [x] * n,
    lambda numbers, n: array("i", numbers[:n]),
)
