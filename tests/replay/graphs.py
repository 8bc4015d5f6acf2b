"""What programs are tested with: graphs drawn by Hypothesis, and what Values make of them."""

import math

import numpy as np
import pytest
from hypothesis import strategies as st

from tinygrad_lite import Program, Value, tanh
from tinygrad_lite.engine.value import Constant, topological_order
from tinygrad_lite.strategies import MODERATE, expressions, values

EXECUTORS = ["python", "compiled"]
on_both = pytest.mark.parametrize("executor", EXECUTORS)
SIZES = [1, 2, 15, 16, 17, 127, 128, 129, 300]  # around the widths in which samples are taken together
seeds = st.integers(0, 2**32)
# Written once: to write a strategy takes longer than to draw from it.
PROGRAMS = expressions(max_operations=12, max_inputs=5)
WILD = st.sampled_from([math.inf, -math.inf, math.nan, 0.0, -0.0, 1000.0, -1000.0, 1e300])
NUMBERS = st.one_of(values(MODERATE), values(), WILD)


def bits(numbers):
    """Numbers in any nesting, as what tells 0.0 from −0.0, and not one NaN from another."""
    return [x.hex() if x == x else "nan" for x in np.ravel(numbers).astype(float).tolist()]


def again(outputs, parameters, data, theta, sample):
    """The graph built anew by Values, with other numbers in its leaves; what no parameter leads to is a number."""
    nodes = {x: Value(t, x.label) for x, t in zip(parameters, theta, strict=True)}
    nodes |= {x: Constant(t, x.label) for x, t in zip(data, sample, strict=True)}
    for node in topological_order(*outputs):
        if node in nodes:
            continue
        if all(type(nodes[x]) is Constant for x in node.inputs):
            known = [(nodes[x].data, nodes[x].label) for x in node.inputs]
            number = node.op.evaluate(*zip(*known, strict=True)) if node.op else node.data
            nodes[node] = Constant(number, node.label)
        else:  # in no variable, by which a message would call the operands
            nodes[node] = node.op(*(nodes[x] for x in node.inputs))
            nodes[node].label = node.label
    return [nodes[x] for x in outputs], [nodes[x] for x in parameters]


def eager(outputs, parameters, data, theta, sample=()):
    """The outputs and their gradients, by Values."""
    _outputs, _parameters = again(outputs, parameters, data, theta, sample)  # by these names no message calls them
    gradients = []
    for _output in _outputs:
        list(map(Value.zero_grad, _parameters))
        if type(_output) is not Constant:
            _output.backward()
        gradients.append([x.grad for x in _parameters])
    return [x.data for x in _outputs], gradients


def forward(*graph_and_numbers):
    """The outputs by Values, without a backward pass."""
    return [output.data for output in again(*graph_and_numbers)[0]]


def outcome(compute, *args):
    """The bits of what is computed, or the error."""
    try:
        return [*map(bits, compute(*args))]
    except (ArithmeticError, ValueError) as error:
        return type(error), str(error)


def expected(outputs, parameters, data, theta, sample, i=0):
    """The outcome for sample i, by Values."""
    numbers = outcome(eager, outputs, parameters, data, theta, sample)
    return (numbers[0], f"{numbers[1]}, in sample {i}") if isinstance(numbers[0], type) and data else numbers


def recorded(leaves):
    """The numbers that leaves have."""
    return [x.data for x in leaves]


class Graph:
    """A graph drawn by Hypothesis: some leaves are parameters, some data, others frozen."""

    def __init__(self, outputs, parameters, data):
        self.outputs, self.parameters, self.data = outputs, parameters, data

    def program(self, executor):
        return Program(self.outputs, self.parameters, self.data, executor=executor)

    def __repr__(self):
        return f"outputs {self.outputs}, parameters {self.parameters}, data {self.data}\n{self.program('python')}"


@st.composite
def graphs(draw, *, of_data=False):
    """One to three nodes of a random expression, of any leaves; some are labelled. `of_data`: the first leaf is."""
    expression = draw(PROGRAMS)
    leaves = [Value(x) for x in expression.inputs]
    nodes = [x for x in topological_order(*leaves, expression(*leaves)) if type(x) is not Constant]
    for i in draw(st.sets(st.integers(0, len(nodes) - 1))):
        nodes[i].label = f"n{i}"
    outputs = [nodes[-1], *draw(st.lists(st.sampled_from(nodes), max_size=2))]
    roles = draw(st.lists(st.sampled_from("ppdf"), min_size=len(leaves), max_size=len(leaves)))
    roles[0] = "d" if of_data else roles[0]
    parameters, data = ([x for x, role in zip(leaves, roles, strict=True) if role == wanted] for wanted in "pd")
    return Graph(outputs, parameters, data)


def numbers_for(leaves):
    """A number for each leaf: its own, any other, or none at all."""
    return st.tuples(*(st.just(x.data) | NUMBERS for x in leaves)).map(list)


def chain_of(n):
    w, x = Value(0.999), Value(0.5)
    y = w
    for i in range(n // 2):
        y = y * w + x if i % 2 else tanh(y)
    return y, [w], [x]
