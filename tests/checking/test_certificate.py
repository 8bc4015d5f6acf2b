"""`gradcheck`: what it certifies, what it names, what it leaves alone."""

import copy
import math
import pickle

import pytest
from hypothesis import given, settings

import tinygrad_lite as tl
from tests.checking import rigorous
from tests.checking.mutants import partial
from tests.project import python
from tinygrad_lite import Value, primitive
from tinygrad_lite.checking import reference
from tinygrad_lite.checking.certificate import gradcheck
from tinygrad_lite.checking.report import GradcheckError
from tinygrad_lite.engine import derivatives
from tinygrad_lite.engine.declaration import TABLE, Interval, Kink
from tinygrad_lite.strategies import expressions


def failure(f, *inputs):
    with pytest.raises(GradcheckError) as caught:
        gradcheck(f, *inputs)
    return caught.value


# ── the correct engine ────────────────────────────────────────────────────────────────────────────


@given(expressions())
def test_no_false_alarm(program):
    report = gradcheck(program, *program.inputs)
    assert {check.verdict for check in report.checks} == {"certified"}


@given(expressions())
def test_no_false_alarm_by_rigorous_enclosures(program):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "compute", rigorous.compute)
        report = gradcheck(program, *program.inputs)
    assert {check.verdict for check in report.checks} == {"certified"}


@settings(max_examples=50)
@given(expressions())
def test_second_derivatives_are_certified_where_they_exist(program):
    def curvature(*xs):
        y = program(*xs)
        return tl.gradient(y, list(xs))[0] + 0.0 * xs[0]

    try:
        report = gradcheck(curvature, *program.inputs)
    except (ArithmeticError, ValueError):
        return
    assert report.ok


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (tl.tanh, 20.0),
        (tl.sigmoid, 40.0),
        (tl.sigmoid, -745.0),
        (tl.exp, -1000.0),
        (lambda z: tl.binary_cross_entropy_with_logits(z, 1), 40.0),
        (lambda p: tl.binary_cross_entropy(p, 0), 0.0),
        (lambda x: x**0, 0.0),
        (lambda x: x**1, 0.0),
        (lambda x: x**2, 0.0),
        (lambda x: x**2, -2.0),
        (tl.relu, 0.0),
        (abs, -0.0),
        (lambda x: tl.maximum(x, x), 1.5),
        (lambda x: tl.sin(x), 1e300),
        (lambda x: tl.log1p(x), 5e-324),
        (lambda x: 1e-6 * x, 3.0),
        (lambda n: tl.pow(4.929885959420261e-303, n), 1.0645504753557224),
    ],
)
def test_edges_are_certified(f, x):
    assert gradcheck(f, x).ok


def test_what_the_engine_refuses_is_refused():
    with pytest.raises(ZeroDivisionError):
        gradcheck(tl.sqrt, 0.0)
    with pytest.raises(ValueError, match="outside the domain"):
        gradcheck(tl.log, -1.0)


def test_a_sum_out_of_range_on_the_way_is_left_unchecked():
    report = gradcheck(lambda x: 1e308 * x - 0.9e308 * x, 0.5)
    assert [check.subject for check in report.checks if check.verdict != "certified"] == ["gradient of x, through mul"]


def test_a_derivative_as_a_graph_that_is_out_of_range_on_its_way_accuses_nobody():
    assert gradcheck(tl.grad(tl.cbrt), 1e308).ok


@pytest.mark.parametrize("slope", [math.nan, math.inf])
def test_a_slope_that_is_no_number_is_wrong(slope):
    probe = primitive("probe", lambda x: x * 2.0**-1060, lambda x, y: slope)
    J = probe(Value(3.0))
    J.grad = 1.0
    assert [check.subject for check in gradcheck(J, raise_exception=False).failures] == ["partial 1 of probe"]


def test_a_slope_out_of_range_is_right_where_the_exact_one_is():
    J = TABLE["pow_slope"](Value(1.0), 1e200)
    J.grad = 1.0
    assert [check.subject for check in gradcheck(J, raise_exception=False).failures] == []


def test_an_infinite_constant_is_left_unchecked():
    report = gradcheck(lambda x: 1 / (x + math.inf), 2.0)
    assert "unchecked" in {check.verdict for check in report.checks}
    report = gradcheck(lambda x: x * math.inf - x * math.inf, 2.0)
    assert {check.verdict for check in report.checks if check.what == "gradient"} == {"certified", "unchecked"}


# ── what is wrong is named ────────────────────────────────────────────────────────────────────────


def test_the_error_names_operation_argument_point_numbers_and_line():
    primitive("square", lambda x: x * x, lambda x, y: x)
    error = failure(lambda x: 2 * TABLE["square"](x).named("s"), 3.0)
    assert error.check.operation == "square"
    assert (error.check.what, error.check.recorded, error.check.reference) == ("partial 1", 3.0, 6.0)
    assert error.check.ulps == 3.0 / math.ulp(6.0)
    for part in ("square", "(3.0)", "(node 's')", "recorded 3.0, reference 6.0", "ULP", "relative error 0.5"):
        assert part in str(error)
    assert "a factor of 2 is missing" in str(error)
    assert error.check.rebuild == "gradcheck(lambda a: square(a), 3.0)"
    with pytest.raises(GradcheckError) as again:
        eval(error.check.rebuild, {"gradcheck": gradcheck, "square": TABLE["square"]})
    assert str(again.value).splitlines()[1:] == str(error).splitlines()[1:]


def test_the_second_argument_is_told_from_the_first():
    primitive("scaled", lambda a, b: a * b, lambda a, b, y: b, lambda a, b, y: -a)
    error = failure(TABLE["scaled"], 2.0, 5.0)
    assert error.check.what == "partial 2"
    assert "the sign is wrong" in str(error)


@pytest.mark.parametrize(
    ("slope", "remark"),
    [
        (lambda x, y: 3 * x, "is wrong: a factor of 2/3 is missing"),
        (lambda x, y: -2 * x, "is wrong: the sign is wrong"),
        (lambda x, y: 2.123 * x, "at (0.7) is wrong\n"),
        (
            lambda x, y: 2 * x + 0.1,
            "is wrong: the right one is 0.9333 times this one here, but 0.9667 times at (1.45)",
        ),
    ],
)
def test_a_factor_is_named_only_if_it_is_a_simple_one(slope, remark):
    assert remark in str(failure(primitive("squared", lambda x: x * x, slope), 0.7))


@pytest.mark.parametrize(
    ("value", "slope", "x", "remark"),
    [
        (lambda x: x**3, lambda x, y: 3 * x, 2.0, "a factor of x is missing"),
        (lambda x: x**3, lambda x, y: 3 * y, 0.7, "a factor of 1/x is missing"),
        (lambda x: x**4, lambda x, y: 2 * x, 0.5, "a factor of 2 * x**2 is missing"),
        (
            lambda x: tl.tanh(5 * x) ** 2,
            lambda x, y: 10 * tl.tanh(5 * x) ** -1 * (1 - y),
            0.2,
            "a factor of y is missing",
        ),
        (lambda x: tl.maximum(0, 1 - x), lambda x, y: 1, 0.5, "the sign is wrong"),  # with a kink at 1, not declared
        (
            lambda x: x * x * tl.exp(x),
            lambda x, y: 2 * x * tl.exp(x),
            1.5,
            "the right one is 1.75 times this one here, but 2.125 times at (2.25)",
        ),
        (
            lambda x: x**3,
            lambda x, y: 3 * x * x + 1,
            1.0,
            "the right one is 0.75 times this one here, but 0.9018 times at (1.75)",
        ),
    ],
)
def test_a_factor_of_one_point_is_not_sold_as_the_law(value, slope, x, remark):
    assert failure(primitive("slipped", value, slope), x).check.remark == remark


def test_an_argument_y_is_not_confused_with_the_result():
    row = primitive("grown", lambda x, y: x * tl.exp(y), lambda x, y, _: tl.exp(y), lambda x, y, _: 1.0)
    assert failure(row, 2.0, 3.0).check.remark == "a factor of grown(x, y) is missing"


def test_other_points_are_in_the_domain():
    def root(x):
        points.append(x)
        return x**0.5

    points = []
    row = primitive("positive_root", root, lambda x, y: 1 / y, domain=(tl.Interval(0.0, math.inf),))
    assert failure(row, 2.0).check.remark == "a factor of 1/2 is missing"
    assert min(x for x in points if type(x) is float) >= 0


def test_where_there_are_no_other_points_a_factor_is_missing_here():
    def only_at_one(x):
        if x != 1:
            raise ValueError
        return x * x

    assert (
        failure(primitive("pointed", only_at_one, lambda x, y: x), 1.0).check.remark == "here a factor of 2 is missing"
    )


def branching():
    """Rows that compare for equality, each with a point, and the slope there."""
    kept = primitive(
        "kept",
        lambda x, keep: x if keep == 1 else 0.0,
        lambda x, keep, y: 1 if keep == 1 else 0,
        lambda x, keep, y: 0,
    )
    sinc = primitive(
        "sinc",
        lambda x: tl.sin(x) / x if x != 0 else 1.0,
        lambda x, y: (tl.cos(x) - y) / x if x else 0.0,
    )
    clipped = primitive("clipped", lambda x: x if -1 <= x <= 1 else 0 * x + 1.0, lambda x, y: 1 if x == y else 0)
    return {
        "kept": (lambda x: kept(x, 1.0), 3.0, 1.0),
        "dropped": (lambda x: kept(x, 0.0), 3.0, 0.0),
        "sinc at 0": (sinc, 0.0, 0.0),
        "sinc": (sinc, math.pi, -1 / math.pi),
        "inside": (clipped, 0.5, 1.0),
        "outside": (clipped, 1.5, 0.0),
    }


@pytest.mark.parametrize("name", ["kept", "dropped", "sinc at 0", "sinc", "inside", "outside"])
def test_a_row_that_asks_whether_numbers_are_equal(name):
    f, at, slope = branching()[name]
    x = Value(at)
    y = f(x)
    y.backward()
    assert x.grad == pytest.approx(slope)
    assert tl.Program(y, [x], executor="python")([at])[1] == pytest.approx([slope])
    report = gradcheck(f, at)
    assert {check.verdict for check in report.checks} == {"certified"}


def test_a_row_of_more_than_two_arguments():
    fma = primitive("fma", lambda a, b, c: a * b + c, lambda a, b, c, y: b, lambda a, b, c, y: a, lambda a, b, c, y: 1)
    assert gradcheck(fma, 2.0, 3.0, 0.1).ok
    assert gradcheck(lambda a, c: fma(a, 3.0, c), 2.0, 0.1).ok


def test_two_operations_fail_with_two_types():
    primitive("one", lambda x: x, lambda x, y: 2)
    primitive("two", lambda x: x, lambda x, y: 2)
    assert type(failure(TABLE["one"], 1.0)) is not type(failure(TABLE["two"], 1.0))
    assert type(failure(TABLE["one"], 1.0)) is type(failure(TABLE["one"], 2.0))


def test_a_slope_at_a_kink_is_one_of_clarke_s():
    step = Kink(lambda x: x, Interval(0.25, 1.0))
    leaky = {"value": lambda x: x if x > 0 else 0.25 * x, "kink": step}
    for slope, right in [(0.25, True), (0.5, True), (1.0, True), (0.2, False), (1.1, False)]:
        row = primitive("leaky", leaky["value"], lambda x, y, s=slope: s, kink=step)
        assert gradcheck(row, 0.0, raise_exception=False).ok is right
    row = primitive("leaky", leaky["value"], lambda x, y: 1.0 if x > 0 else 0.25, kink=step)
    assert all(gradcheck(row, x) for x in (-2.0, 0.0, 3.0))


def test_the_slopes_of_a_tie_sum_to_one():
    row = primitive(
        "larger", max, lambda a, b, y: float(a >= b), lambda a, b, y: float(b >= a),
        kink=TABLE["maximum"].kink, definition=TABLE["maximum"],
    )  # fmt: skip
    assert gradcheck(row, 1.0, 2.0).ok
    assert "sum to 1" in str(failure(row, 2.0, 2.0))
    assert gradcheck(lambda a: row(a, 2.0), 2.0).ok


@pytest.mark.parametrize("error", [-1e-9, 1e-9])
def test_a_derivative_as_a_graph_that_is_not_what_backward_gives_is_wrong(monkeypatch, error):
    exact = derivatives.gradient
    monkeypatch.setattr(derivatives, "gradient", lambda y, xs: [slope + error for slope in exact(y, xs)])
    assert failure(lambda x: x * x, 3.0).check.what == "derivative"


# ── user-defined rows ─────────────────────────────────────────────────────────────────────────────


def test_a_row_over_math_without_reference_is_guarded_by_differences():
    slope = 2 / math.sqrt(math.pi)
    row = primitive("error", math.erf, lambda x, y: slope * math.exp(-x * x))
    report = gradcheck(row, 0.3)
    assert [check.verdict for check in report.checks if check.what == "partial 1"] == ["guarded"]
    assert "no reference" in str(report)
    row = primitive("error", math.erf, lambda x, y: slope * math.exp(-x * x) * 1.001)
    assert failure(row, 0.3).check.operation == "error"


def test_a_row_over_math_may_state_its_reference():
    exact = (lambda x: 2 * x, lambda x, y: 2 * x / x)
    row = primitive("double", lambda x: math.ldexp(x, 1), lambda x, y: 2.0 + 1e-12, reference=exact)
    assert failure(row, 0.3).check.reference == 2.0


def test_a_row_with_a_branch_works_as_it_is():
    row = primitive("leak", lambda x: x if x > 0 else 0.1 * x, lambda x, y: 1.0 if x > 0 else 0.1)
    assert {check.verdict for check in gradcheck(row, -0.7).checks} == {"certified"}


def test_a_slope_with_a_zero_may_cancel_near_it():
    """swish′ = σ(x)(1 + x·σ(−x)) is 0 near −1.278, where no formula in floats keeps eight ULP."""
    row = primitive(
        "swish", lambda x: x * tl.sigmoid(x), lambda x, y: tl.sigmoid(x) * (1 + x * tl.sigmoid(-x)),
        definition=lambda x: x * tl.sigmoid(x),
    )  # fmt: skip
    assert all(gradcheck(row, -1.278464542761074 + k * 1e-13) for k in range(-20, 20))
    wrong = primitive("swash", row.value, lambda x, y: row.partials[0](x, y) + 1e-12, definition=row.definition)
    assert failure(wrong, -1.278464542761074).check.operation == "swash"


# ── an existing graph ─────────────────────────────────────────────────────────────────────────────


def graph():
    x = Value(3.0, label="x")
    return x, x * x + tl.tanh(x)


def test_a_graph_is_certified_as_backward_left_it():
    x, J = graph()
    J.backward(2.0)
    report = gradcheck(J)
    assert report.ok
    assert report.inputs[0].name == "x"
    assert x.grad == report.inputs[0].analytic


def test_a_gradient_tampered_with_is_found():
    x, J = graph()
    J.backward()
    x.grad -= 1e-13
    assert "the gradient of Value(3.0, label='x'" in str(failure(J))


def test_a_second_backward_without_zero_grad_is_found():
    _, J = graph()
    J.backward()
    J.backward()
    assert "zero_grad" in str(failure(J))


def test_a_graph_without_backward_is_refused():
    with pytest.raises(ValueError, match="backward"):
        gradcheck(graph()[1])


def test_gradients_of_others_are_as_before():
    w = Value(2.0)
    (w * 5).backward()
    assert gradcheck(lambda x: w * x, 3.0).ok
    assert w.grad == 5.0


# ── missing edges ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * Value(x.data),
        lambda x: x + 2 * float(x),
        lambda x: Value(x.data) + 1,
        lambda x: x * math.sin(x.data),
        lambda x: tl.relu(x) * Value(x.data),
    ],
)
def test_a_detached_node_is_found(f):
    error = failure(f, 3.0)
    assert error.check.what == "edge"
    assert "not connected" in str(error)
    assert str(error).startswith("the gradient of input x = 3.0 is wrong")


def test_a_detached_shift_that_cancels_is_right():
    def log_sum_exp(a, b):
        shift = max(a.data, b.data)
        return tl.log(tl.exp(a - shift) + tl.exp(b - shift)) + shift

    assert gradcheck(log_sum_exp, 1.0, 3.0).ok


def test_a_function_that_returns_no_value_is_refused():
    with pytest.raises(TypeError, match="graph was lost"):
        gradcheck(lambda x: x.data, 3.0)


def test_a_function_of_chance_is_refused():
    numbers = iter(range(1000))
    with pytest.raises(ValueError, match="each time"):
        gradcheck(lambda x: x * next(numbers), 3.0)


def test_inputs_may_be_lists():
    def neuron(w, x, b):
        return tl.sigmoid(sum(wi * xi for wi, xi in zip(w, x[0], strict=True)) + b)

    report = gradcheck(neuron, [0.5, Value(-1.0)], ([2.0, 3.0],), Value(0.25, "bias"))
    assert [x.name for x in report.inputs] == ["w[0]", "w[1]", "x[0][0]", "x[0][1]", "bias"]
    slope = 1 / (1 + math.exp(1.75)) / (1 + math.exp(-1.75))
    assert [x.analytic / slope for x in report.inputs] == pytest.approx([2, 3, 0.5, -1, 1])


def test_a_detached_number_in_a_list_is_found():
    error = failure(lambda w: w[0] * Value(w[1].data), [2.0, 3.0])
    assert "gradient of input w[1] = 3.0 is wrong: not connected" in str(error)


@pytest.mark.parametrize("x", ["1", None, 1j, {1.0}, [1.0, "2"]])
def test_an_input_that_is_no_number_is_refused(x):
    with pytest.raises(TypeError, match=r"^gradcheck: w(\[1\])? must be a number, a Value or a list of them, not '"):
        gradcheck(lambda w: w, x)


def test_an_input_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="finite"):
        gradcheck(tl.exp, math.nan)


# ── the report ────────────────────────────────────────────────────────────────────────────────────


def test_the_report():
    report = gradcheck(lambda a, b: tl.tanh(a * b), 0.5, Value(0.25, label="rate"))
    assert report
    assert [x.name for x in report.inputs] == ["a", "rate"]
    assert report.value == math.tanh(0.125)
    assert "9 of 9 numbers certified" in str(report)
    verdict, first, second = report._repr_markdown_().split("\n\n")
    assert verdict == "**gradcheck: ok**, 9 of 9 numbers certified"
    assert [line.count("|") for line in first.splitlines()] == [7] * 4
    assert [line.split("|")[1].strip() for line in second.splitlines()[2:]] == [
        "gradient of tanh = 0.1244",
        "value of tanh",
        "partial 1 of tanh",
        "gradient of mul = 0.125, through tanh",
        "value of mul",
        "partial 1 of mul",
        "partial 2 of mul",
        "gradient of rate, through mul",
        "gradient of a, through mul",
    ]


def test_digits_lost_to_conditioning_are_told_and_are_no_error():
    report = gradcheck(lambda x: tl.log((x + 1) - 1), 1e-10)
    assert report.ok
    assert 5 < report.inputs[0].digits_lost < 10
    assert gradcheck(tl.exp, 1.0).inputs[0].digits_lost < 1


@pytest.mark.parametrize("x", [1e-20, 1e-200, 1e-300])
@pytest.mark.parametrize("f", [tl.log1p, tl.expm1])
def test_digits_lost_to_underflow_on_the_way_are_told(f, x):
    """f(x) and x agree in all digits, and the quotient's two slopes, ±1/x, in more: their sum is 0.0, and not ½."""
    report = gradcheck(lambda x: tl.sin(x / f(x)), x)
    assert report.ok
    assert report.inputs[0].analytic == 0.0
    assert abs(report.inputs[0].reference) == pytest.approx(math.cos(1) / 2)
    assert report.inputs[0].digits_lost > 15


def test_digits_lost_are_told_of_an_input_whose_gradient_is_zero():
    assert gradcheck(lambda a, b: tl.tanh(a) + tl.relu(b), 1.0, -1.0).inputs[1].digits_lost == 0.0
    assert gradcheck(lambda x: tl.sin(x) - tl.sin(x), 1.0).inputs[0].digits_lost == 0.0
    assert "digits lost unknown" in str(gradcheck(lambda x: tl.cos(tl.sqrt(((x + 1e16) - 1e16) - 1.5)), 1.2))


def test_a_failed_check_can_be_returned():
    x, J = graph()
    J.backward()
    x.grad = 0.0
    report = gradcheck(J, raise_exception=False)
    assert not report.ok
    assert len(report.failures) == 1


def fail():
    gradcheck(lambda x: 2 * tl.add(x, TABLE["faulty"](x)).named("s"), 3.0)


@pytest.mark.parametrize(
    "carry",
    [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_an_error_can_be_pickled_and_copied(carry):
    primitive("faulty", lambda x: x * x, lambda x, y: x)
    error = failure(lambda x: 2 * TABLE["faulty"](x).named("s"), 3.0)
    error.add_note("at night")
    again = carry(error)
    assert (type(again), str(again), again.__notes__) == (type(error), str(error), ["at night"])
    assert str(again.report) == str(error.report)
    assert again.check in again.report.failures
    assert again.check.operation == "faulty"


def test_an_error_comes_back_from_a_process_pool():
    """In a process of its own: this one may have threads, which a fork would not like."""
    program = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from tinygrad_lite import GradcheckError, gradcheck, primitive

faulty = primitive("faulty", lambda x: x * x, lambda x, y: x)

def fail():
    gradcheck(lambda x: faulty(x), 3.0)

with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
    error = pool.submit(fail).exception()
print(isinstance(error, GradcheckError), error.check.operation, error.report.ok)
"""
    assert python("-c", program).stdout == "True faulty False\n"


def test_the_core_needs_no_hypothesis():
    code = "import sys; sys.modules['hypothesis'] = None; from tinygrad_lite import tanh\n"
    code += "from tinygrad_lite.checking.certificate import gradcheck; gradcheck(tanh, 1.0)\n"
    code += "import tinygrad_lite.strategies"
    done = python("-c", code, check=False)
    assert done.stderr.splitlines()[-1] == (
        "ImportError: tinygrad_lite.strategies needs Hypothesis: `pip install '.[check]'` in tinygrad_lite's checkout"
    )


def test_a_slope_that_is_wrong_where_results_are_subnormal_is_named():
    """What such a result has lost excuses some of its last places, and not the whole slope."""
    with partial("exp", 0, lambda x, y: 2 * y)():
        assert failure(tl.exp, -740.0).check.operation == "exp"


@pytest.mark.parametrize(("factor", "remark"), [(12, "a factor of 1/12 is missing"), (13, "")])
def test_a_factor_is_told_where_it_is_a_simple_one(factor, remark):
    with partial("exp", 0, lambda x, y: factor * y)():
        assert failure(tl.exp, 1.0).check.remark == remark


@pytest.mark.parametrize(
    ("written", "digits"), [(0.33, 2), (0.3333, 4), (0.3334, 4), (0.333333333333, 12), (0.3333333333333, 0), (0.35, 0)]
)
def test_a_number_that_a_person_has_rounded_is_told(written, digits):
    remark = f"it looks rounded to {digits} digits, where all 16 count: write the formula, or compare by math.isclose"
    x = Value(1.0)
    J = x / 3
    J.backward()
    x.grad = written
    assert failure(J).check.remark == "its uses pass on 0.3333333333333333" + f"; {remark}" * bool(digits)
    error = failure(primitive("third", lambda x: x / 3, lambda x, y: written), 1.0)
    assert error.check.remark == (remark if digits else "")


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        (5.0, "; here a factor of 2 is missing"),
        (-10.0, "; here the sign is wrong"),
        (9.99, ""),
        (10.000000001, ""),
        (20.0, "; leaves add up over calls of backward(): was zero_grad() forgotten?"),
        (23.7, "; leaves add up over calls of backward(): was zero_grad() forgotten?"),
    ],
)
def test_of_a_gradient_that_is_no_sum_of_several_it_is_not_said(written, hint):
    a, c = Value(3.0), Value(5.0)
    J = 2 * a * c
    J.backward()
    a.grad = written
    assert failure(J).check.remark == f"its uses pass on 10.0{hint}"


def test_a_value_whose_operands_were_changed_is_no_fault_of_the_operation():
    b, c = Value(3.0), Value(2.0, "c")
    for J, changed in (((b - 1) ** 2, "the leaf 2.6"), (2 * b * c, "c")):
        J.backward()
        (c if changed == "c" else b).data -= 0.4
        check = failure(J).check
        assert check.what == "value"
        assert check.remark.startswith(f"was it computed before the .data of {changed} was changed?")
    x = Value(3.0, "x")
    J = x.exp()
    J.backward()
    x.data = 800.0
    assert failure(J).check.remark.startswith("was it computed before the .data of x was changed?")


def test_what_is_left_where_the_gradient_is_0_was_there_before():
    x = Value(1.0)
    J = x * 0.0
    J.backward()
    x.grad = 0.5
    assert "was zero_grad() forgotten?" in str(failure(J))


@pytest.mark.parametrize(
    ("chosen", "remark"),
    [
        (-2.0, "its slope jumps here, from 2 to -2: declare kink=Kink(gap, Interval(-2, 2))"),
        (1.0, "its slope jumps here, from 2 to -2: declare kink=Kink(gap, Interval(-2, 2))"),
        (-2.5, ""),
    ],
)
def test_a_kink_that_a_row_does_not_declare_is_told(chosen, remark):
    def slope(x, y):
        return chosen if x == 0 else math.copysign(2, -x) * (1 + abs(x)) ** -3

    columns = ("peak", lambda x: (1 + abs(x)) ** -2, slope)
    peak = primitive(*columns)
    assert gradcheck(peak, 0.5).ok
    assert failure(peak, 0.0).check.remark == remark
    declared = primitive(*columns, kink=Kink(lambda x: x, Interval(-2.0, 2.0)))
    assert gradcheck(declared, 0.0, raise_exception=False).ok == (remark != "")


def test_a_kink_in_the_second_argument_is_told():
    row = primitive("times", lambda a, x: a * abs(x), lambda a, x, y: abs(x), lambda a, x, y: 1.0)
    remark = "its slope jumps here, from -3 to 3: declare kink=Kink(gap, Interval(-3, 3))"
    assert failure(row, 3.0, 0.0).check.remark == remark
