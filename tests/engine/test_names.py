"""What nodes are called that have no label of their own."""

import math
import sys
import weakref

import pytest

from tinygrad_lite import Value, explain, gradcheck
from tinygrad_lite.engine.names import latex_name, latex_names, variables

GLOBAL = Value(7.0)


def names(*outputs):
    return variables(sys._getframe(1), outputs)


def test_a_variable_of_the_innermost_function_comes_first_then_the_module_s_then_its_callers():
    def inner(weight):
        GLOBAL_ALIAS = GLOBAL
        return names()[weight], names()[GLOBAL_ALIAS], names().get(only_above)

    slope, only_above = Value(1.0), Value(2.0)
    assert inner(slope) == ("weight", "GLOBAL_ALIAS", "only_above")
    assert names()[slope] == "slope"
    assert names()[GLOBAL] == "GLOBAL"


def test_an_argument_is_no_name_for_the_output_that_it_was_given():
    def show(output, *more, **named):
        return explain(output)

    a = Value(3.0)
    J = a * 2
    assert "J = a · 2 = 3 · 2 = 6" in str(show(J))
    assert "v1 = a · a" in str(show(a * a))
    assert "v1 = a · a" in str((lambda *outputs: explain(outputs[0]))(a * a))
    assert "v1 = a · a" in str((lambda **named: explain(named["y"]))(y=a * a))
    assert "v1 = a · a" in str((lambda first, second, third, *, y: explain(y))(1, 2, 3, y=a * a))

    def square(x):
        y = x * x
        return str(explain(y))

    assert "y = x · x" in square(a)


def test_entries_of_lists_and_dicts_have_their_place_as_a_name():
    logits, p = [Value(1.0), Value(2.0)], {"w": Value(3.0), 'a"b': Value(4.0), 5: Value(5.0), None: Value(6.0)}
    W = ([Value(7.0)], [Value(8.0)])
    first = logits[0]
    found = names()
    assert [found[x] for x in logits] == ["first", "logits[1]"]
    assert [found.get(x) for x in p.values()] == ['p["w"]', """p['a"b']""", "p[5]", None]
    assert [found[row[0]] for row in W] == ["W[0][0]", "W[1][0]"]
    assert first is logits[0]


def test_data_are_not_looked_through_and_do_not_hide_what_is_short():
    X, w = [0.0] * 1_000_000, [Value(1.0)]
    itself = [w]
    itself.append(itself)
    assert names()[w[0]] == "w[0]"
    assert X
    assert variables(sys._getframe()).get(w[0]) == "w[0]"


def test_the_variables_of_the_package_itself_name_nothing():
    found = []

    def square(*_given):
        found.append(names().get(_given[0]))
        return _given[0] * _given[0]

    gradcheck(square, 3.0)
    assert set(found) == {None}


def test_names_are_read_and_the_graph_is_not_held():
    x = Value(1.5)
    y = x * 2
    below = weakref.ref(x)
    assert "y = x · 2" in str(explain(y))
    assert math.exp(y) > 1
    del x, y
    assert below() is None


def test_the_variables_that_a_function_asked_for_stay_as_it_has_them():
    x = Value(1.5)
    mine = locals()
    assert names()[x] == "x"
    assert mine["x"] is x


def test_names_with_an_underscore_in_front_do_not_count():
    _hidden = [Value(1.0)]
    found = names()
    assert _hidden[0] not in found


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("logits[0]", r"\text{logits}_{0}"),
        ("W[0][12]", "W_{0,12}"),
        ('p["w1"]', "p_{w_{1}}"),
        ('θ["learning rate"]', r"\theta_{\text{learning rate}}"),
        ("x1[0]", r"\text{x1[0]}"),
        ("f[", r"\text{f[}"),
        ("[0]", r"\text{[0]}"),
        ("x", "x"),
        ("w12", "w_{12}"),
        ("b_3", "b_{3}"),
        ("θ", r"\theta"),
        ("theta2", r"\theta_{2}"),
        ("ŷ", r"\hat{y}"),
        ("x̄", r"\bar{x}"),
        ("ŷ_1", r"\hat{y}_{1}"),
        ('p["权重"]', r"p_{\text{权重}}"),
        ("x₁", "x_{1}"),
        ("θ₁₂", r"\theta_{12}"),
        ("xᵢ₋₁", "x_{i-1}"),
        ("x²", "{x^{2}}"),
        ("ŷ₁⁻¹⁰", r"{\hat{y}_{1}^{-10}}"),
        ("x′", "x'"),
        ("x''", "x''"),
        ("x₁′", "x'_{1}"),
        ("x′₁²", "{x'_{1}^{2}}"),
        ("weight₁", r"\text{weight}_{1}"),
        ("w₁[0]", r"\text{w₁[0]}"),
        ("x1₂", r"\text{x1₂}"),
        ("x²[0]", "{x^{2}}_{0}"),
        ("xᵦ", r"\text{xᵦ}"),
        ("a'b", r"\text{a'b}"),
        ("₁", r"\text{₁}"),
        ("loss", r"\text{loss}"),
        ("a_b", r"\text{a\_b}"),
        ("{}%&$#", r"\text{\{\}\%\&\$\#}"),
        ("梯度", r"\text{梯度}"),
        ("", r"\text{}"),
    ],
)
def test_names_in_latex(name, latex):
    assert latex_name(name) == latex


def test_two_names_are_not_one_in_latex():
    assert latex_names(["x1", "x_1", "x[1]", "x1"]) == ["x_{1}", r"\text{x\_1}", r"\text{x[1]}", "x_{1}"]
    assert latex_names(["x1", "x₁", "x′₁", "x₁′"]) == ["x_{1}", r"\text{x₁}", "x'_{1}", r"\text{x₁′}"]
    assert len(set(latex_names(["a b", "a\nb", "a_1", "a1"]))) == 4
