"""`math.exp(v)` drops the graph: a warning where what it gave comes back into one."""

import cmath
import math
import statistics
import warnings
from math import sin

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value


def test_a_number_that_comes_back_is_warned_of_at_the_line_where_it_does():
    a = Value(3.25, "a")
    with pytest.warns(RuntimeWarning, match=r"math\.exp took a Value .* Write exp of tinygrad_lite") as caught:
        y = a * math.exp(a)
    assert [warning.filename for warning in caught] == [__file__]
    assert y.data == a.data * math.exp(a.data)
    with pytest.warns(RuntimeWarning, match=r"math\.sin"):
        sin(a * 2) + a
    with pytest.warns(RuntimeWarning, match=r"math\.log"):
        Value(math.log(a))
    with pytest.warns(RuntimeWarning, match=r"math\.sqrt"):
        tl.maximum(math.sqrt(a), a)


def test_it_is_noticed_where_no_source_is_kept_and_over_several_lines():
    prompt = {"a": Value(3.25), "math": math, "sin": sin}
    for line in ("y = math.exp(\n    a\n)", "y = [sin(x) for x in [a, a]][0]", "y = math.log(*[a])"):
        exec(compile(line, "<stdin>", "single"), prompt)
        with pytest.warns(RuntimeWarning, match=r"math\.(exp|sin|log) took a Value"):
            exec(compile("a * y", "<stdin>", "single"), prompt)


def test_no_warning_where_a_number_was_wanted():
    a = Value(3.25, "a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(a) == 3.25
        print(
            math.exp(a), f"{math.sqrt(a):.2f}", cmath.exp(a), statistics.fmean([a, a]), math.floor(a), math.isfinite(a)
        )
        y = a * math.exp(a.data + 1)
        z = a * float(a)
        assert [round(float(x), 2) for x in (y, z)] == [227.84, 10.56]
        assert max(a, y) is y
        assert Value(round(math.sin(a), 3)).data == -0.108
        assert (a * math.cos(Value(0.0))).data == 3.25  # a whole number may come from anywhere


def test_a_number_that_the_function_did_not_make_is_not_warned_of():
    a = Value(3.25, "a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        math.hypot(a, 1.0), math.log(a, 10), math.fabs(a)
        assert [(a + x).data for x in (3.25, math.log(3.25))] == [6.5, 3.25 + math.log(3.25)]


def test_what_math_raises_is_raised():
    with pytest.raises(ValueError, match=r"math domain error|expected a"):
        math.log(Value(-1.0))
    with pytest.raises(OverflowError):
        math.exp(Value(1000.0))


@pytest.mark.parametrize(
    "differentiate",
    [tl.grad, tl.value_and_grad, tl.hessian, tl.jacobian, lambda f: lambda x: tl.jvp(f, (x,), (1.0,))],
    ids=["grad", "value_and_grad", "hessian", "jacobian", "jvp"],
)
def test_a_derivative_of_what_lost_its_graph_is_warned_of(differentiate):
    def likelihood(p):
        return -(3 * math.log(p) + 2 * math.log(1 - p))

    with pytest.warns(RuntimeWarning, match="returned 3.46.* depends on no argument.* write log of tinygrad_lite"):
        differentiate(likelihood)(0.5)
    with pytest.warns(RuntimeWarning, match="returned 0.25"):
        differentiate(lambda p: p.data**2)(0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        differentiate(lambda p: p * 0.0)(0.5)
        tl.jacobian(lambda p: [p, 1.0])(0.5)
