"""The worked example of `instructions` and `schedule` is what they make of it."""

import re

import pytest
from hypothesis import given, settings

from tests.replay.graphs import eager, graphs, on_both, recorded
from tinygrad_lite import Program, Value, primitive, tanh
from tinygrad_lite.engine.value import topological_order
from tinygrad_lite.replay import instructions, kernel_recording, schedule
from tinygrad_lite.replay.instructions import record
from tinygrad_lite.replay.kernel_recording import CHAIN, CONSTANT
from tinygrad_lite.replay.schedule import LAYER, Group, Schedule

KINDS = {
    number: name for name in ("CHAIN", "CONSTANT", "PARAMETER", "DATA") if (number := getattr(kernel_recording, name))
}
GROUPS = {getattr(schedule, name): name for name in ("CHAIN", "LAYER", "PRODUCTS", "CHECK")}


def example(data):
    a, b, c = leaves = [Value(x, name) for x, name in ((3, "a"), (4, "b"), (5, "c"))]
    u = (2 * a).named("u")
    v = (u + b).named("v")
    J = (v * c).named("J")
    nodes = {x.label: x for x in (*leaves, u, v, J)}
    of_data = [nodes[name] for name in data]
    parameters = [x for x in leaves if x not in of_data]
    return record(topological_order(*leaves, J), [J], parameters, of_data, {x: x.label for x in nodes.values()}, {})


def rows(module):
    """The lines of the table in the module's docstring."""
    return [line.split() for line in re.findall(r"^ +(?:\d+|numbers|columns)  .*", module.__doc__, re.MULTILINE)]


def test_the_instructions_of_the_example():
    code = example("")
    texts = [f"{x:g}".replace("-", "−") for x in code.constants]
    names = texts[:4]
    lines = []
    for slot, (kind, operands) in enumerate(code):
        if slot < 4:
            assert (kind, *operands) == (CONSTANT, slot)
            continue
        name = code.names.get(slot, f"d{code.names.get(code.gradient_of.get(slot))}")
        if kind == CONSTANT:
            name = text = texts[operands[0]]
        elif kind == CHAIN:
            base, *factors = (names[x] for x in operands)
            products = (f" + {a}·{b}" for a, b in zip(factors[::2], factors[1::2], strict=True))
            text = f"{name} = {base}{''.join(products)}"
        else:
            text = name
        names.append(name)
        lines.append(f"{slot} {KINDS[kind]} {' '.join(map(str, operands))} {text}".split())
    assert names[:4] == ["0", "−0", "1", "−1"]
    assert lines == rows(instructions)


def test_the_schedule_of_the_example():
    code = example("c")
    found = Schedule(code)
    assert list(found.start) == [0, 0, 1, -1, 0, 0, 2]
    assert [found.places[slot] for slot in (*code.parameters, *code.data)] == [4, 5, 0]
    assert found.spread == {2: 4, 6: 5}
    lines = []
    groups = [("numbers", Group(*x)) for x in found.numbers.tolist()] + [("columns", x) for x in found.columns]
    ends = [group.at for _, group in groups[1:]] + [len(found.tape)]
    for (where, group), end in zip(groups, ends, strict=True):
        numbers = [group.members, group.width, group.out, *found.tape[group.at : end]]
        line = [where, GROUPS[group.kind], *map(str, numbers)]
        if group.kind == LAYER:
            factors = found.factors[group.factors : group.factors + group.members * (1 + group.width)]
            line += ["factors", *map(str, factors)]
        lines.append(line)
    assert lines == [line[: len(wanted)] for line, wanted in zip(rows(schedule), lines, strict=True)]


def written(code):
    """All that instructions say."""
    return [*code], code.constants, code.calls, code.names, code.gradient_of, code.outputs, code.gradients, code.forward


@settings(max_examples=30)
@given(graphs())
def test_numba_records_what_python_does(graph):
    order = topological_order(*graph.parameters, *graph.data, *graph.outputs)
    names = {x: x.label for x in order if x.label}
    by_python, by_numba = (
        record(order, graph.outputs, graph.parameters, graph.data, names, {}, compiled) for compiled in (False, True)
    )
    assert written(by_python) == written(by_numba)


@on_both
@pytest.mark.parametrize("large", [0, 100])
def test_a_large_graph_gives_the_numbers_of_values(monkeypatch, executor, large):
    monkeypatch.setattr("tinygrad_lite.replay.program.LARGE", large)
    own = primitive("ownrow", lambda x, y: tanh(x) * y + x, lambda x, y, z: z * y + 1, lambda x, y, z: tanh(x) * z)
    a, b, c = leaves = [Value(0.3), Value(-0.5), Value(0.75)]
    row = own(a * b, c) + b  # a sum that takes up the row's own, of which the slope is made
    J = row * row - own(row, a) / 3
    means, gradient = Program(J, leaves, executor=executor)(recorded(leaves))
    assert (means, [*gradient]) == (J.data, *eager([J], leaves, [], recorded(leaves))[1])
