"""The list of steps, and what `explain` makes of it."""

import itertools
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tl
from tinygrad_lite import Value, draw, explain, gradient, maximum, minimum, play, relu, sqrt
from tinygrad_lite.display.derivation import Derivation
from tinygrad_lite.engine.declaration import TABLE
from tinygrad_lite.engine.symbol import format_number
from tinygrad_lite.strategies import expressions

COURSE = """\
given     a = 3, b = 4, c = 5
forward   u = 2 · a = 2 · 3 = 6
          v = u + b = 6 + 4 = 10
          J = v · c = 10 · 5 = 50
backward  ∂J/∂J = 1
          ∂J/∂v += ∂J/∂J · ∂J/∂v = 1 · 5 = 5   (∂J/∂v = c)
          ∂J/∂c += ∂J/∂J · ∂J/∂c = 1 · 10 = 10   (∂J/∂c = v)
          ∂J/∂u += ∂J/∂v · ∂v/∂u = 5 · 1 = 5
          ∂J/∂b += ∂J/∂v · ∂v/∂b = 5 · 1 = 5
          ∂J/∂a += ∂J/∂u · ∂u/∂a = 5 · 2 = 10
gradient  ∂J/∂a = 10, ∂J/∂b = 5, ∂J/∂c = 10"""


def test_the_course_example_names_the_callers_variables():
    a, b, c = Value(3), Value(4), Value(5)
    u = 2 * a
    v = u + b
    J = v * c
    assert str(explain(J)) == COURSE
    assert a.grad == 0


def test_labels_come_first_and_the_nameless_are_numbered_in_order():
    _hidden = Value(2.0)
    v2 = Value(3.0)
    J = tl.exp(v2 * _hidden - 1).named("loss")
    assert str(explain(J)).splitlines()[:4] == [
        "given     v2 = 3, v1 = 2",
        "forward   v3 = v2 · v1 = 3 · 2 = 6",
        "          v4 = v3 − 1 = 6 − 1 = 5",
        "          loss = exp(v4) = exp(5) = 148.4",
    ]


def test_nodes_of_one_label_are_told_apart():
    a, b, taken = Value(3.0, "x"), Value(4.0, "x"), Value(5.0, "x_2")
    J = (a * b + taken).named("J")
    assert str(explain(J)).splitlines() == [
        "given     x_1 = 3, x_3 = 4, x_2 = 5",
        "forward   v1 = x_1 · x_3 = 3 · 4 = 12",
        "          J = v1 + x_2 = 12 + 5 = 17",
        "backward  ∂J/∂J = 1",
        "          ∂J/∂v1 += ∂J/∂J · ∂J/∂v1 = 1 · 1 = 1",
        "          ∂J/∂x_2 += ∂J/∂J · ∂J/∂x_2 = 1 · 1 = 1",
        "          ∂J/∂x_1 += ∂J/∂v1 · ∂v1/∂x_1 = 1 · 4 = 4   (∂v1/∂x_1 = x_3)",
        "          ∂J/∂x_3 += ∂J/∂v1 · ∂v1/∂x_3 = 1 · 3 = 3   (∂v1/∂x_3 = x_1)",
        "gradient  ∂J/∂x_1 = 4, ∂J/∂x_3 = 3, ∂J/∂x_2 = 1",
    ]
    assert (a.label, b.label) == ("x", "x")


def test_a_label_and_a_variable_of_one_name_are_told_apart():
    x = Value(2.0)
    y = x * Value(3.0, "x")
    assert "y = x_1 · x_2 = 2 · 3 = 6" in str(explain(y))


def test_contributions_of_a_node_used_twice_are_summed():
    x = Value(-3.0)
    y = x * x
    assert str(explain(y)).splitlines()[3:] == [
        "          ∂y/∂x += ∂y/∂y · ∂₁(x · x) = 1 · (−3) = −3   (∂₁(x · x) = x)",
        "          ∂y/∂x += ∂y/∂y · ∂₂(x · x) = 1 · (−3) = −3, sum −6   (∂₂(x · x) = x)",
        "gradient  ∂y/∂x = −6",
    ]


stopped = TABLE["stopped_"]
smooth = [tl.add, tl.sub, tl.mul, tl.div, tl.sigmoid, tl.tanh, tl.exp, tl.sin]
operations = st.sampled_from([*smooth, tl.maximum, tl.relu, stopped])


@given(st.lists(st.tuples(operations, st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_every_number_is_the_nodes_own(program):
    nodes = [Value(0.7), Value(-1.3), Value(2.1)]
    for operation, i, j in program:
        operands = [nodes[i % len(nodes)], nodes[j % len(nodes)]][: len(operation.partials)]
        try:
            nodes.append(operation(*operands))
        except ArithmeticError:
            nodes.append(operands[0] + 1)
    J = nodes[-1]
    J.backward()
    derivation = Derivation(J)
    gradients = {}
    for step in derivation.steps():
        node = derivation.nodes[step.node]
        if step.kind == "forward":
            assert step.value == node.data
        else:
            gradients[node] = step.total
    assert gradients == {x: x.grad for x in gradients}
    assert all(x in gradients for x in derivation.nodes if x.grad)


def test_the_numbers_are_those_of_the_moment():
    a = Value(3.0)
    J = a * a
    before = explain(J)
    a.data = 10.0
    assert "∂J/∂a = 6" in str(before)


def test_digits():
    x = Value(1 / 3)
    y = x * 1e-7
    assert "y = x · 1e−7 = 0.33333333 · 1e−7 = 3.3333333e−8" in str(explain(y, digits=8))


def test_a_slope_that_does_not_exist_is_written_down_without_an_error():
    x = Value(0.0)
    y = tl.sqrt(x)
    assert "∂y/∂x = nan" in str(explain(y))


def test_why_a_slope_does_not_exist_is_said():
    a = Value(0.0, "a")
    line = next(line for line in explain(a * 2 + a.sqrt()).lines() if "nan" in line)
    assert line.endswith("no slope of sqrt of 0.0 (node 'a'): division by zero")


def test_where_no_gradient_arrives_no_slope_is_asked_for():
    x, a = Value(0.0, "x"), Value(5.0, "a")
    y = (tl.stop_gradient(sqrt(x) * a) + x).named("y")
    assert str(explain(y)).splitlines()[5:] == [
        "backward  ∂y/∂y = 1",
        "          ∂y/∂v3 += ∂y/∂y · ∂y/∂v3 = 1 · 1 = 1",
        "          ∂y/∂x += ∂y/∂y · ∂(v3 + x)/∂x = 1 · 1 = 1",
        "          ∂y/∂v2 += ∂y/∂v3 · ∂v3/∂v2 = 1 · 0 = 0",
        "gradient  ∂y/∂x = 1, ∂y/∂a = 0",
    ]


def test_a_slope_that_is_0_everywhere_stops_an_infinite_gradient():
    x = Value(2.0, "x")
    y = (tl.stop_gradient(x) * math.inf).named("y")
    y.backward()
    assert x.grad == 0.0
    assert str(explain(y)).endswith("∞ · 0 = 0\ngradient  ∂y/∂x = 0")


def test_minus_zero_is_written_as_zero():
    a, b = Value(0.0, label="a"), Value(-2.0, label="b")
    assert "a · b = 0 · (−2) = 0" in str(explain(a * b))


def test_nan_is_no_sum():
    a = Value(float("nan"))
    y = a + 1
    assert "sum" not in str(explain(y))


def test_latex():
    w, x = Value(0.5), Value(-2.0)
    yhat = tl.sigmoid((w * x).named("z_1")).named("ŷ")
    J = tl.binary_cross_entropy(yhat, 1).named("the loss: 100%")
    lines = explain(J).latex().splitlines()
    assert lines[0] == r"\begin{aligned}"
    assert lines[1] == r"& \text{given} & w & = 0.5, \quad x = -2 \\[0.5em]"
    assert lines[2] == r"& \text{forward} & z_{1} & = w \cdot x = 0.5 \cdot (-2) = -1 \\[0.5em]"
    assert lines[3] == r"&  & \hat{y} & = \sigma\left(z_{1}\right) = \sigma\left(-1\right) = 0.2689 \\[0.5em]"
    assert r"\text{the loss: 100\%} & = \mathcal{L}\left(\hat{y}, 1\right)" in lines[4]
    slope = r" \qquad \left(\frac{\partial z_{1}}{\partial w} = x\right) \\[0.5em]"
    assert lines[-4].endswith(r"\frac{\partial z_{1}}{\partial w} = -0.7311 \cdot (-2) = 1.462" + slope)
    loss = r"\text{the loss: 100\%}"
    assert lines[-2] == (
        rf"& \text{{gradient}} & \frac{{\partial {loss}}}{{\partial w}} & = 1.462,"
        rf" \quad \frac{{\partial {loss}}}{{\partial x}} = -0.3655"
    )
    assert explain(J)._repr_markdown_() == f"$$\n{explain(J).latex()}\n$$"


def test_typeset_it_says_what_the_text_says():
    x, b = Value(0.0, "x"), Value(2.0, "b_100%")
    y = (x * x + tl.relu(x) + tl.sqrt(x) + b).named("y")
    b.data, b.grad, y.grad = 3.0, 2.0, 1.0
    with pytest.warns(RuntimeWarning, match="b_100%.data was changed after y"):
        explanation = explain(y)
    text, typeset = str(explanation).splitlines(), explanation.latex().splitlines()[1:-1]
    assert len(text) == len(typeset)
    for line, row in zip(text, typeset, strict=True):
        heading, remark = line[:10].strip(), re.search(r"   (computed|a kink|no slope|leaves).*", line)
        assert (rf"& \text{{{heading}}} &" if heading else "&  &") in row
        assert (", sum " in line) == (r",\; \text{sum }{" in row)
        assert bool(remark) == bool(re.search(r"\\qquad \\text{(computed|a kink|no slope|leaves)", row))
        numbers = re.findall(r" = ([\d.]+|nan)(?=,|   |$)", line)
        assert numbers == re.findall(r" = ([\d.]+|nan)(?=,| \\q| \\\\|$)", row.replace(r"\text{nan}", "nan"))
        assert numbers
    told = "\n".join(typeset)
    for remark in ("computed before b\\_100\\%.data was", "a kink: every slope from 0 to 1", "no slope of sqrt of 0.0"):
        assert remark in told


def test_many_leaves_are_typeset_a_few_to_a_row():
    leaves = [Value(float(i), f"x{i}") for i in range(9)]
    rows = explain(sum(leaves).named("y")).latex().splitlines()[1:-1]
    given = [row for row in rows if row.count("=") == 4 and "partial" not in row]
    assert len(given) == 2
    for i in range(9):
        assert f"x_{{{i}}}" in "".join(rows[:3])
        assert rf"\frac{{\partial y}}{{\partial x_{{{i}}}}}" in "".join(rows[-3:])


def test_a_notebook_typesets_as_much_as_the_prompt_shows():
    x = y = Value(1.0)
    for _ in range(500):
        y = y + x
    rows = explain(y)._repr_markdown_().splitlines()[2:-2]
    assert len(rows) == explain(y).SHOWN + 1
    assert rows[-1] == r"&  &  &\text{… (print() shows all of it; explain(J, fold=None) is shorter)}"


def test_powers_and_parentheses():
    x, n = Value(-2.0), Value(3.0)
    y = (x**3) ** 2 / (x - 1) - -x * x**n
    text = str(explain(y))
    assert "v1 = x³ = (−2)³ = −8" in text
    assert "v2 = v1² = (−8)² = 64" in text
    assert "x^n = (−2)³" in text
    assert "(∂v1/∂x = 3 · x²)" in text


def test_a_long_chain_is_explained_a_line_at_a_time():
    x = y = Value(1.0)
    for _ in range(50_000):
        y = y + x
    explanation = explain(y)
    assert list(itertools.islice(explanation.lines(), 2))[1] == "forward   v1 = x + x = 1 + 1 = 2"
    assert repr(explanation).endswith("… (print() shows all of it; explain(J, fold=None) is shorter)")
    assert len(repr(explanation).splitlines()) == explanation.SHOWN + 1


def test_an_explanation_of_just_as_many_lines_as_are_shown_is_whole(monkeypatch):
    explanation = explain(Value(2.0) * 3.0)
    lines = list(explanation.lines())
    for shown, more in ((len(lines), 0), (len(lines) - 1, 1)):
        monkeypatch.setattr(type(explanation), "SHOWN", shown)
        assert repr(explanation).splitlines()[:shown] == lines[:shown]
        assert len(repr(explanation).splitlines()) == shown + more


def test_only_values_are_explained():
    with pytest.raises(TypeError, match="explain takes a Value, not 'float'"):
        explain(3.0)


def test_a_slope_over_floats_is_shown_as_its_number():

    gain = tl.primitive("gain_of", math.sinh, lambda x, y: math.cosh(x))
    x = Value(0.0)
    y = gain(x)
    assert "∂y/∂x += ∂y/∂y · ∂y/∂x = 1 · 1 = 1\n" in str(explain(y))


@pytest.mark.parametrize(
    ("y", "slope"), [(lambda: 0 ** Value(0.0, "x"), "nan"), (lambda: tl.atan2(Value(0.0, "x"), 1e308), "1e−308")]
)
def test_a_slope_whose_formula_no_constant_can_be_put_into_is_shown_as_its_number(y, slope):
    """log 0 in that of 0^x at 0; the square of 1e308 in that of atan2, which as a number is known."""
    assert f"∂y/∂x += ∂y/∂y · ∂y/∂x = 1 · {slope} = {slope}" in str(explain(y().named("y")))


# ── remarks ───────────────────────────────────────────────────────────────────────────────────────


def test_a_graph_whose_numbers_have_changed_since_says_so():
    w = Value(2.0, "w")
    L = (w * w).named("L")
    assert "computed before" not in str(explain(L))
    w.data = 5
    line = next(line for line in changed(L).splitlines() if "L = w · w" in line)
    assert line.endswith("L = w · w = 5 · 5 = 4   computed before w.data was changed: now it would be 25")
    assert "computed before" not in str(explain((w * w).named("L")))
    x = Value(1.0, "x")
    root = sqrt(x).named("r")
    x.data = -1.0
    assert "computed before x.data was changed: now it would be nan" in changed(root)


def changed(output, **options):
    """The explanation of a graph some of whose numbers were changed."""
    with pytest.warns(RuntimeWarning, match="old and new numbers are mixed"):
        return str(explain(output, **options))


@pytest.mark.parametrize("fold", [(), None, "unnamed"])
@pytest.mark.parametrize("show", [explain, draw, play])
def test_a_number_that_was_changed_is_warned_of_however_the_graph_is_shown(show, fold):
    b = Value(3.0)
    L = (b - 1) ** 2
    L.backward()
    b.data -= 0.1 * b.grad
    message = "b.data was changed after v1 = b − 1 was computed: old and new numbers are mixed; compute L again"
    with pytest.warns(RuntimeWarning, match=f"^{re.escape(message)}$") as told:
        show(L, fold=fold)
    assert [warning.filename for warning in told] == [__file__]
    L = (b - 1) ** 2
    show(L, fold=fold)


def test_whose_number_was_changed_is_not_guessed():
    """u = 2a and J = u·a are as they are if a was changed, and if u and J were."""
    a = Value(3.0)
    u = 2 * a
    J = u * a
    a.data = 2.0
    assert changed(J).splitlines()[1:3] == [
        "forward   u = 2 · a = 2 · 2 = 6   computed before a.data or u.data was changed: now it would be 4",
        "          J = u · a = 6 · 2 = 18   computed before u.data or a.data was changed: now it would be 12",
    ]
    y = Value(1.0) * 0.0 + 2.0
    y.data = 3.0
    assert "computed before y.data was changed: now it would be 2" in changed(y)


def test_what_leaves_have_besides_the_derivative_is_said():
    a, b = Value(3.0), Value(4.0)
    J = a * a + b
    last = str(explain(J)).splitlines()[-1]
    b.grad = 7.0
    assert str(explain(J)).endswith(last)
    b.grad = 0.0
    J.backward()
    assert str(explain(J)).endswith(last)
    J.backward()
    explanation = explain(J)
    J.zero_grad()
    stored = "stored    a.grad = 12, b.grad = 2   leaves add up over calls of backward(), until zero_grad()"
    assert str(explanation).splitlines()[-2:] == [last, stored]


@pytest.mark.parametrize(
    ("y", "slopes"),
    [
        (lambda: relu(Value(0.0, "x")), "0 to 1"),
        (lambda: abs(Value(0.0, "x")), "−1 to 1"),
        (lambda: maximum(Value(1.0, "a"), Value(1.0, "b")), "0 to 1"),
        (lambda: minimum(Value(-2.0, "a"), -2), "0 to 1"),
    ],
)
def test_a_kink_is_named(y, slopes):
    told = str(explain(y().named("y")))
    assert told.count(f"a kink: every slope from {slopes} is right, this is the usual one") == len(
        [x for x in y().inputs if x.label]
    )
    assert "[" not in told  # [a > b] is 0 where they are equal, which is no reason for a slope of 0.5
    assert "a kink" not in str(explain(relu(Value(0.5, "x"))))


def test_a_label_that_is_no_string_is_an_error_that_says_so():
    v = Value(1.0)
    v.label = 5
    for show in (explain, draw):
        with pytest.raises(TypeError, match="a label is a string, not 'int'"):
            show(v * 2)
    v.label = None
    assert "v · 2 = 1 · 2 = 2" in str(explain(v * 2))


def test_an_error_names_the_variable_of_a_node_without_a_label():
    numerator, denominator = Value(1.0), Value(0.0)
    with pytest.raises(
        ZeroDivisionError, match=re.escape("div of 1.0 (node 'numerator') and 0.0 (node 'denominator')")
    ):
        numerator / denominator
    angle = Value(0.0)
    with pytest.raises(ZeroDivisionError, match=re.escape("slope of sqrt of 0.0 (node 'angle')")):
        sqrt(angle).backward()
    with pytest.raises(ZeroDivisionError, match=re.escape("slope of sqrt of 0.0 (node 'angle')")):
        gradient(sqrt(angle), [angle])
    angle.data = "0"
    with pytest.raises(TypeError, match="the data of node 'angle' must be a real number"):
        angle * 2


# ── one symbol, one number ────────────────────────────────────────────────────────────────────────

x, y = Value(3.0, "x"), Value(-2.0, "y")
TWICE = {
    "x·x": lambda: x * x,
    "x·x + x": lambda: x * x + x,
    "max(x, x)": lambda: maximum(x, x),
    "(x + x)·x": lambda: (x + x) * x,
    "x·y + (x + y)": lambda: x * y + (x + y),
    "x^x": lambda: x**x,
    "x1 and x_1": lambda: Value(1.0, "x1") * Value(2.0, "x_1"),
}


def said(derivation, style):
    """Every symbol that a derivation says to equal a number, with the numbers; sums in the making aside."""
    found, totals = [], {}
    for step in derivation.steps(style, digits=17):
        if step.kind == "forward":
            found += [(side, step.sides[-1]) for side in (step.left, step.sides[0])]
        else:
            totals[step.left] = step.total
        found += [(side, step.slope[-1]) for side in step.slope]
    root = derivation.names(style)[derivation.index[derivation.outputs[0]]]
    found += [(left, format_number(total, style, 17)) for left, total in totals.items()]
    assert root
    return found


def check_symbols(output):
    for style in ("plain", "latex"):
        numbers = {}
        for symbol, number in said(Derivation(output), style):
            assert numbers.setdefault(symbol, number) == number, (symbol, style)


@pytest.mark.parametrize("name", TWICE)
def test_a_symbol_is_one_number_where_an_operand_is_used_twice(name):
    check_symbols(TWICE[name]().named("J"))
    J = TWICE[name]().named("J")
    J.backward(2.0)
    check_symbols(J)
    J.zero_grad()


@given(expressions())
def test_a_symbol_is_one_number_in_any_graph_and_none_is_outdated(program):
    inputs = [Value(number, name) for number, name in zip(program.inputs, "abc", strict=False)]
    output = program(*inputs)
    check_symbols(output)
    assert Derivation(output).outdated == {}


def test_the_symbols_are_those_of_the_textbook():
    told = str(explain((x * x + x).named("y")))
    assert "∂y/∂x += ∂y/∂y · ∂(v1 + x)/∂x = 1 · 1 = 1" in told
    assert "∂y/∂x += ∂y/∂v1 · ∂₁(x · x) = 1 · 3 = 3, sum 4   (∂₁(x · x) = x)" in told
    assert r"\partial_2\left(x \cdot x\right)" in explain((x * x).named("y")).latex()


def test_a_label_with_an_operator_stands_in_parentheses_in_a_formula():
    n = Value(1.0, "x1*w1 + x2*w2")
    told = explain((n * 2).named("o"))
    assert "o = (x1*w1 + x2*w2) · 2 = 1 · 2 = 2" in str(told)
    assert str(told).endswith("gradient  ∂o/∂(x1*w1 + x2*w2) = 2")
    assert r"\frac{\partial o}{\partial (\text{x1*w1 + x2*w2})}" in told.latex()
    assert "o = w-1" not in str(explain((Value(1.0, "-1") * 2).named("o")))
