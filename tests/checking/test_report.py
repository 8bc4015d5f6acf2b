"""What a report says first, and what it does not say."""

import math

import tinygrad_lite as tl
from tinygrad_lite import Value, gradcheck, primitive

CULPRIT = "the derivative in argument 1 of doubled_slope at (6.0) is wrong: a factor of 1/2 is missing"


def wrong():
    faulty = primitive("doubled_slope", lambda x: x * x, lambda x, y: 4 * x)
    return gradcheck(lambda a, b: faulty(a * b) + a, 2.0, 3.0, raise_exception=False)


def test_the_verdict_comes_first_then_the_culprit_and_the_hint():
    text = str(wrong()).splitlines()
    assert text[:2] == ["gradcheck: WRONG, 12 of 13 numbers certified", CULPRIT]
    assert text[4] == "  gradcheck(lambda a: doubled_slope(a), 6.0)"
    typeset = wrong()._repr_markdown_().split("\n\n")
    assert typeset[:2] == ["**gradcheck: WRONG**, 12 of 13 numbers certified", CULPRIT.replace("_", r"\_")]
    assert "    gradcheck(lambda a: doubled_slope(a), 6.0)" in typeset[2].splitlines()
    assert next(line for line in typeset[4].splitlines() if "WRONG" in line).startswith(
        r"| partial 1 of doubled\_slope |"
    )


def test_what_is_not_known_has_no_column():
    typeset = wrong()._repr_markdown_()
    assert "| input | at | gradient |\n" in typeset
    unreferenced = gradcheck(lambda a: primitive("my_sinh", math.sinh, lambda x, y: math.cosh(x))(a), 2.0)
    for report in (wrong(), unreferenced):
        assert "nan" not in report._repr_markdown_()
    assert "| value of my\\_sinh | 3.62686 | – | – | unchecked |" in unreferenced._repr_markdown_()
    everything = gradcheck(tl.exp, 1.0)._repr_markdown_()
    assert "| exact | ULP | digits lost |\n| --- | ---: | ---: | ---: | ---: | ---: |\n" in everything


def test_of_a_wrong_gradient_no_digits_are_said_to_be_lost():
    saturated = primitive("saturated", lambda x: tl.tanh(x), lambda x, t: 1 - t * t)
    report = gradcheck(saturated, 20.0, raise_exception=False)
    assert "digits lost" not in str(report)
    assert "digits lost" not in report._repr_markdown_()


def test_what_difference_quotients_give_is_not_called_a_reference():
    over_math = primitive("over_math", lambda x: math.exp(x) * x, lambda x, y: y)
    for f in (over_math, lambda x: x * Value(x.data)):
        text = str(gradcheck(f, 1.5, raise_exception=False))
        recorded = next(line for line in text.splitlines() if "recorded" in line)
        assert "difference quotients" in recorded
        assert "reference" not in recorded
    assert "write its formula with functions of tinygrad_lite, exp for math.exp" in str(
        gradcheck(over_math, 1.5, raise_exception=False)
    )


def test_names_are_shown_as_they_are():
    report = gradcheck(lambda a: tl.exp(a), Value(2.0, "|x|\n<b>*y*$"))
    rows = [line for line in report._repr_markdown_().splitlines() if "x" in line and "y" in line]
    assert rows[0].startswith(r"| \|x\| \<b\>\*y\*\$ | 2 |")
    assert len(rows) == 2
