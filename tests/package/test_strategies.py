"""The strategies: what they draw, how they shrink, and `check_gradients`."""

import functools
import math
from collections import Counter

import pytest
from hypothesis import Phase, example, find, given, settings
from hypothesis import strategies as st

import tinygrad_lite as tl
from tests.project import python
from tinygrad_lite import Value, primitive
from tinygrad_lite.checking.certificate import gradcheck
from tinygrad_lite.checking.report import GradcheckError
from tinygrad_lite.engine.declaration import TABLE, Interval
from tinygrad_lite.engine.value import topological_order
from tinygrad_lite.strategies import Expression, check_gradients, expressions, points, values

PUBLIC = [row for row in TABLE.values() if not row.hidden]


def drawn(strategy, times):
    """Many draws; Hypothesis itself complains if anything is filtered."""
    found = []

    @settings(max_examples=times, phases=[Phase.generate])
    @given(strategy)
    def collect(x):
        found.append(x)

    collect()
    return found


@functools.cache
def thousand_programs():
    return drawn(expressions(), 1_000)


def test_every_row_is_drawn_in_a_thousand_programs():
    """But perhaps one: acosh of less than 1 becomes a sum, and what is drawn depends on the constants in the code."""
    used = {name for program in thousand_programs() for name, *_ in program.operations}
    every = {row.name for row in PUBLIC} | {"take"}
    assert used <= every
    assert len(every - used) <= 1


@given(*[st.floats(-9.0, 9.0)] * 3)
def test_take_is_of_two_by_the_sign_of_a_third(c, a, b):
    choice = Expression((c, a, b), (("take", 3, 2, 1),))
    y = choice(Value(c), second := Value(a), third := Value(b))
    y.backward()
    chosen = float(c > 0)
    assert (y.data, second.grad, third.grad) == ((a, b)[c > 0], 1 - chosen, chosen)
    # the sign of a zero as well, on which atan2 depends
    constant = Expression((a,), (("take", c, 1, b),))
    assert repr(y.data) == repr(choice(c, a, b)) == repr(constant(a)) == repr(constant(Value(a)).data)


def test_programs_share_nodes_and_use_them_twice():
    programs = thousand_programs()
    assert sum(len(line) > 2 and line[1] == line[2] for program in programs for line in program.operations) > 50
    assert any(isinstance(x, float) for program in programs for line in program.operations for x in line[1:])
    shared = 0
    for program in programs:
        order = topological_order(program(*map(Value, program.inputs)))
        shared += max(Counter(x for node in order for x in node.inputs).values(), default=0) > 1
    assert shared > 200


# Rows share their domains: one operand of each.
OPERANDS = {domain: (row, i) for row in PUBLIC for i, domain in enumerate(row.domain)}


@pytest.mark.parametrize(("row", "i"), OPERANDS.values(), ids=map(str, OPERANDS))
def test_values_of_a_row_are_in_its_domain_and_on_its_edges(row, i):
    found, domain = drawn(values(row, i), 150), row.domain[i]
    assert all(x in domain for x in found)
    texts = set(map(repr, found))
    for edge in (0.0, -0.0, 1.0, -1.0, domain.low, domain.high):
        if edge in domain and math.isfinite(edge):
            assert repr(edge) in texts


@pytest.mark.parametrize("row", PUBLIC, ids=lambda row: row.name)
def test_points_of_a_row_have_a_value_and_slopes(row):
    found = drawn(points(row), 40)
    for x in found:
        row(*map(Value, x)).backward()
    if row.kink:
        assert any(row.kink.gap(*x) == 0 for x in found)
    assert len(set(found)) > 16


TOTAL = [TABLE[name] for name in ("neg", "add", "sub", "sin", "cos", "tanh", "maximum", "minimum", "abs")]


@given(expressions(*TOTAL), st.data())
def test_a_program_stays_valid_when_lines_are_deleted(program, data):
    """Rows without an end to their domain: what is deleted leaves the others computed, and in their order."""
    keep = data.draw(st.lists(st.booleans(), min_size=len(program.operations), max_size=len(program.operations)))
    kept = tuple(line for line, stays in zip(program.operations, keep, strict=True) if stays)
    for inputs in (program.inputs, program.inputs[:1]):
        nodes = [Value(x) for x in inputs]
        for n in range(1, len(kept) + 1):
            y = Expression(inputs, kept[:n])(*nodes)
            assert y.op is TABLE[kept[n - 1][0]]
            assert len(set(topological_order(y)) - set(nodes)) <= 3 * n


@given(expressions())
def test_a_program_is_rebuilt_by_its_repr(program):
    again = eval(repr(program), {"Expression": Expression})
    assert repr(again(*map(Value, again.inputs))) == repr(program(*map(Value, program.inputs)))


def test_a_program_can_be_pasted_under_example():
    seen = []

    @example(Expression(inputs=(20.0,), operations=(("tanh", 1), ("mul", 1, 2))))
    @settings(max_examples=1, phases=[Phase.explicit])
    @given(expressions())
    def certify(program):
        seen.append(program)
        assert gradcheck(program, *program.inputs)

    certify()
    assert seen[0].operations == (("tanh", 1), ("mul", 1, 2))


def test_a_user_defined_row_is_drawn_too():
    primitive("cube", lambda x: x * x * x, lambda x, y: 3 * x * x)
    assert any("cube" in repr(program) for program in drawn(expressions(), 200))


# ── check_gradients ───────────────────────────────────────────────────────────────────────────────

UNIT = Interval(0.0, 1.0)
WRONG = {
    "a wrong sign": (lambda x: -x, [lambda x, y: 1.0], {}),
    "a forgotten factor": (lambda x: x * x, [lambda x, y: x], {}),
    "a forgotten inner derivative": (lambda x: tl.exp(3 * x), [lambda x, y: y], {}),
    "tanh′ = 1 − t²": (math.tanh, [lambda x, y: 1 - y * y], {"definition": TABLE["tanh"]}),
    "an epsilon": (
        math.log, [lambda x, y: 1 / (x + 1e-8)], {"definition": TABLE["log"], "domain": TABLE["log"].domain},
    ),
    "a threshold": (
        tl.softplus, [lambda x, y: 1.0 if x > 20 else tl.sigmoid(x)], {"definition": TABLE["softplus"]},
    ),
    "a constant for a slope": (tl.sin, [lambda x, y: 1.0], {}),
    "arguments swapped": (
        lambda a, b: a / b, [lambda a, b, y: -y / b, lambda a, b, y: 1 / b], {"domain": (UNIT, Interval(1.0, 9.0))},
    ),
    "the second argument forgotten": (lambda a, b: a * b, [lambda a, b, y: b, lambda a, b, y: 0], {}),
    "off by 1e−12": (math.cos, [lambda x, y: -math.sin(x) * (1 + 1e-12)], {"definition": TABLE["cos"]}),
    "a tie that counts twice": (
        max, [lambda a, b, y: float(a >= b), lambda a, b, y: float(b >= a)],
        {"definition": TABLE["maximum"], "kink": TABLE["maximum"].kink},
    ),
    "wrong over math, without reference": (math.erf, [lambda x, y: math.exp(-x * x)], {}),
}  # fmt: skip


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_user_defined_row_is_named(fault):
    value, partials, columns = WRONG[fault]
    row = primitive("own", value, *partials, **columns)
    with pytest.raises(GradcheckError) as caught:
        check_gradients(row, max_examples=500)
    assert caught.value.check.operation == "own"
    notes = "\n".join(caught.value.__notes__)
    assert f"paste: @example({', '.join(repr(x.data) for x in caught.value.check.node.inputs)})" in notes


def test_a_right_function_passes():
    check_gradients(lambda w, b: tl.sigmoid(2 * w + b) - tl.tanh(w), values(), values(), max_examples=50)
    check_gradients(lambda x, y: tl.sin(x) + tl.cos(y), max_examples=20)
    check_gradients(tl.pow, max_examples=100)
    check_gradients(abs, max_examples=20)


def test_arguments_with_a_default_keep_it():
    seen = set()

    def f(x, scale=2.0, *, shift=0.5):
        seen.add((scale, shift))
        return scale * tl.sin(x) + shift

    check_gradients(f, max_examples=5)
    check_gradients(lambda *xs: tl.tanh(sum(xs)), values(), values(), max_examples=5)
    assert seen == {(2.0, 0.5)}


@pytest.mark.parametrize("f", [lambda x, *, scale: scale * x, lambda x=1.0: tl.sin(x), lambda *xs: sum(xs)])
def test_a_function_whose_inputs_cannot_be_told_is_refused(f):
    with pytest.raises(
        TypeError, match=r"cannot tell the inputs of f\(.*(scale|x=1.0|\*xs)\): give a strategy for each"
    ):
        check_gradients(f)


def test_the_simplest_inputs_are_reported():
    with pytest.raises(GradcheckError) as caught:
        check_gradients(lambda x: x * Value(x.data), values(Interval(-4.0, 4.0)))
    assert "paste: @example(1.0)" in caught.value.__notes__ or "paste: @example(2.0)" in caught.value.__notes__


def test_check_gradients_leaves_no_folder_behind(tmp_path):
    code = (
        "from tinygrad_lite.strategies import *; from tinygrad_lite import tanh; check_gradients(tanh, max_examples=9)"
    )
    python("-c", code, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_hypothesis_draws_values():  # through the entry point
    assert isinstance(find(st.from_type(Value), lambda v: v.data >= 0), Value)
