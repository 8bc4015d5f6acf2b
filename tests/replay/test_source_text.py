"""The text of a program: readable, valid whatever nodes are called, and run by Python it gives the numbers."""

import keyword
import math
import re

import numpy as np
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.replay.graphs import bits, eager, graphs, numbers_for, outcome
from tinygrad_lite import Program, Value, exp, log, sigmoid, tanh
from tinygrad_lite.engine.declaration import TABLE


def run(program, theta, sample=()):
    """The program's text, run by Python with nothing but the table's functions."""
    names = {**TABLE, "inf": math.inf, "nan": math.nan}
    exec(program.source, names)
    outputs, gradients, _ = names["program"](list(theta), list(sample))
    return outputs, gradients


def test_the_text_of_the_course_example():
    a, b, c = Value(3.0), Value(4.0), Value(5.0)
    u = 2 * a
    v = u + b
    J = v * c
    program = Program(J, parameters=[a, b, c])
    assert program.source == str(program)
    assert program.source == (
        "def program(theta, sample):\n"
        "    [a, b, c] = theta\n"
        "    # forward\n"
        "    u = 2.0 * a\n"
        "    v = u + b\n"
        "    J = v * c\n"
        "    # backward: dx is the gradient with respect to x\n"
        "    dJ = 1.0\n"
        "    dv = dJ * c\n"
        "    du = dv\n"
        "    da = du * 2.0\n"
        "    db = dv\n"
        "    dc = dJ * v\n"
        "    return [J], [[da, db, dc]], 0.0  # outputs, gradients, check\n"
    )
    assert run(program, [3, 4, 5]) == ([50.0], [[10.0, 5.0, 10.0]])


def test_the_text_of_a_neuron():
    w, b, x = Value(0.5), Value(0.0), Value(-2.0)
    p = sigmoid(w * x + b)
    text = Program(p, [w, b], [x]).source
    assert "    [w, b] = theta\n    [x] = sample\n" in text
    assert re.search(r"^    (\w+) = w \* x \+ b\n    p = sigmoid\(\1\)$", text, re.MULTILINE)
    assert re.search(r"^    return \[p\], \[\[dw, db\]\], ", text, re.MULTILINE)


@given(graphs(), st.data())
def test_any_text_run_by_python_gives_the_numbers(graph, draw):
    theta, sample = draw.draw(numbers_for(graph.parameters)), draw.draw(numbers_for(graph.data))
    wanted = outcome(eager, graph.outputs, graph.parameters, graph.data, theta, sample)
    assume(not isinstance(wanted[0], type) and "nan" not in wanted[0] + wanted[1])
    outputs, gradients = run(graph.program("python"), theta, sample)
    # A gradient begins with 0.0 +, which the text leaves out: that only turns −0.0 into 0.0.
    assert [bits(outputs), bits(np.ravel(gradients) + 0.0)] == wanted


TAKEN = "dv d1 v4 v5 v6 v7 v8 v9 dv9 ddv theta sample check program inf nan call_0 print float ﬁ fi ŷ σ x' 2x # \" \\"
name_parts = st.sampled_from([*TABLE, *keyword.kwlist, *keyword.softkwlist, *TAKEN.split(), "x y", "w\n"])


@given(st.lists(st.one_of(name_parts, name_parts.map("d{}".format), st.text(min_size=1)), min_size=5, max_size=5))
@example(["exp", "exp", "exp", "log", "tanh"])
@example(["x", "dx", "ddx", "dddx", "x"])
@example(["dx", "x", "dx", "x", "x_"])
@example(["x" * 200, "a", "b", "c", "y" * 200])
def test_the_text_is_valid_whatever_nodes_are_called(names):
    a, b, x = (Value(n, label) for n, label in zip((0.5, 0.75, 0.25), names[:3], strict=True))
    product = (a * x).named(names[3])
    output = (exp(product) * b + tanh(product) - log(b)).named(names[4])
    wanted = outcome(eager, [output], [a, b], [x], [0.5, 0.75], [0.25])
    program = Program(output, [a, b], [x], executor="python")
    assert [*map(bits, run(program, [0.5, 0.75], [0.25]))] == wanted
    assert outcome(program, [0.5, 0.75], [[0.25]]) == wanted


def test_nodes_of_one_label_are_numbered_and_so_are_their_gradients():
    w, h = Value(0.5, "w"), Value(1.0, "h")
    for _ in range(3):
        h = (w * h).named("h")
    text = Program(h, [w], executor="python").source
    assert "    h = w\n    h_2 = w * h\n    h_3 = w * h_2\n" in text
    assert "    dh_3 = 1.0\n    dh_2 = dh_3 * w\n    dh = dh_2 * w\n" in text
    assert "    dw = dh_3 * h_2 + dh_2 * h + dh\n" in text


def test_lines_stay_short_where_one_label_is_used_often():
    w = h = Value(1.0)
    for _ in range(2000):
        h = (w * h).named("h")
    assert max(map(len, Program(h, [w], executor="python").source.splitlines()[:4000])) < 60


def test_a_name_that_python_keeps_for_itself():
    x = Value(2.0, label="__debug__")
    assert run(Program(x * x, [x]), [3.0]) == ([9.0], [[6.0]])


def test_a_label_that_can_be_a_name_is_kept():
    ŷ, y2 = Value(0.5, label="ŷ"), Value(2.0, label="y_2")
    text = Program((ŷ * y2).named("loss"), [ŷ, y2]).source
    assert "    loss = ŷ * y_2\n" in text
    assert "dŷ = " in text
