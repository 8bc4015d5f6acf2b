"""The difference quotients accuse nobody, find what is wrong, and say where they know nothing."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tl
from tinygrad_lite import Value, primitive
from tinygrad_lite.checking.certificate import gradcheck
from tinygrad_lite.checking.report import GradcheckError

FEWER = settings(max_examples=settings().max_examples // 2)

# ── user-defined rows over math ───────────────────────────────────────────────────────────────────

NUMBERS = st.floats(0.01, 60.0) | st.floats(500.0, 5000.0) | st.floats(-5000.0, -0.01) | st.integers(1, 400).map(float)
GAUSS = 2 / math.sqrt(math.pi)
SMOOTH = {
    "sin": (math.sin, lambda x, y: math.cos(x), NUMBERS),
    "sin(10x)": (lambda x: math.sin(10 * x), lambda x, y: 10 * math.cos(10 * x), NUMBERS),
    "sin(x²)": (lambda x: math.sin(x * x), lambda x, y: 2 * x * math.cos(x * x), NUMBERS),
    "sin(x)/x": (lambda x: math.sin(x) / x, lambda x, y: (math.cos(x) - y) / x, NUMBERS),
    "erf": (math.erf, lambda x, y: GAUSS * math.exp(-x * x), st.floats(-4.0, 4.0)),
    "exp": (math.exp, lambda x, y: y, st.floats(-600.0, 600.0)),
    "tanh": (math.tanh, lambda x, y: 1 / math.cosh(x) ** 2, st.floats(-10.0, 10.0)),
    "sqrt": (math.sqrt, lambda x, y: 0.5 / y, st.floats(1e-12, 1e12)),
    "cbrt": (lambda x: math.copysign(math.pow(math.fabs(x), 1 / 3), x), lambda x, y: 1 / (3 * y * y), NUMBERS),
    "log": (math.log, lambda x, y: 1 / x, st.floats(1e-12, 1e12)),
    "hypot(x, 3)": (lambda x: math.hypot(x, 3), lambda x, y: x / y, NUMBERS),
}


def verdict(value, slope, x):
    """What is said of the slope of a row at x."""
    row = primitive("probe", value, slope)
    checks = gradcheck(row, x, raise_exception=False).checks
    return next(check.verdict for check in checks if check.what == "partial 1")


@pytest.mark.parametrize("name", SMOOTH)
def test_a_right_slope_is_not_accused_and_a_wrong_one_not_guarded(name):
    value, slope, numbers = SMOOTH[name]

    @FEWER
    @given(numbers)
    def judge(x):
        right = verdict(value, slope, x)
        assert right in ("guarded", "unchecked")
        expected = {"guarded": ("wrong", "unchecked") if not slope(x, value(x)) else ("wrong",)}
        assert verdict(value, lambda x, y: -slope(x, y), x) in expected.get(right, ("wrong", "unchecked"))
        assert verdict(value, lambda x, y: 1.01 * slope(x, y), x) in ("wrong", "unchecked")

    judge()


@pytest.mark.parametrize("x", [0.3, 50.0, 400.0, 4321.0])
def test_sine_is_guarded_and_its_wrong_sign_found(x):
    assert verdict(math.sin, lambda x, y: math.cos(x), x) == "guarded"
    assert verdict(math.sin, lambda x, y: -math.cos(x), x) == "wrong"


def test_a_complex_step_sees_what_differences_do_not():
    assert verdict(lambda x: math.exp(x) / x, lambda x, y: (y - y / x) * (1 + 1e-11), 1.5) == "wrong"
    # abs() of a complex number is its modulus: what such steps give does not agree with differences, and is left.
    assert verdict(lambda x: abs(x) * math.sin(x), lambda x, y: math.sin(x) + x * math.cos(x), 1.5) == "guarded"


@pytest.mark.parametrize(("slope", "said"), [(0.0, "guarded"), (1e-14, "unchecked"), (1e-9, "wrong")])
def test_a_slope_of_less_than_the_error_of_difference_quotients_is_not_guarded(slope, said):
    assert verdict(lambda x: math.fsum([x * x * x, 1.0]), lambda x, y: slope, 0.0) == said


JUMPS = {
    "floor": math.floor,
    "round": round,
    "three digits": lambda x: round(x, 3),
    "single precision": lambda x: (x + 2.0**29 * x) - 2.0**29 * x,
}


@pytest.mark.parametrize("name", JUMPS)
@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_a_step_function_is_unchecked(name, slope):
    @FEWER
    @given(NUMBERS | st.floats(1e6, 1e9))
    def judge(x):
        report = gradcheck(primitive("probe", lambda x: float(JUMPS[name](math.fabs(x))), lambda x, y: slope), x)
        assert str(report).splitlines()[0] == "gradcheck: ok, 2 of 4 numbers certified, 2 unchecked"

    judge()


@pytest.mark.parametrize("slope", [-1.0, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("x", [0.0, 2.0, 1e6])
def test_a_kink_is_unchecked(x, slope):
    assert verdict(lambda t: math.fabs(t - x), lambda t, y: slope, x) == "unchecked"


@FEWER
@given(st.floats(1.0, 100.0), st.floats(1e-6, 1e-2))
def test_beside_a_kink_the_slope_is_known(x, gap):
    assert verdict(lambda t: math.fabs(t - x - gap), lambda t, y: -1.0, x) == "guarded"
    assert verdict(lambda t: math.fabs(t - x - gap), lambda t, y: 1.0, x) == "wrong"


# ── numbers not connected to the inputs ───────────────────────────────────────────────────────────


@FEWER
@given(st.floats(30.0, 60.0))
def test_a_hole_is_found_where_the_function_oscillates(x):
    with pytest.raises(GradcheckError, match="not connected"):
        gradcheck(lambda x: tl.sin(x + 0.1) * Value(math.cos(x.data)) + 3 * tl.sin(x), x)


@settings(max_examples=30)
@given(st.lists(st.sampled_from([-50.55, 1.0, 37.1]) | st.floats(-60.0, 60.0), min_size=2, max_size=5))
def test_a_shift_that_cancels_is_right_with_ties_too(xs):
    def softmax(*xs):
        shift = max(x.data for x in xs)
        return tl.exp(xs[0] - shift) / sum(tl.exp(x - shift) for x in xs)

    assert gradcheck(softmax, *xs)
    assert gradcheck(softmax, *xs[:1] * 5)


def test_an_input_that_another_number_takes_the_place_of_is_no_crash():
    assert gradcheck(lambda a: tl.sin(a if a.data == 2 else Value(1.0)), 2.0)


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda x: tl.log(x - 2.9) * tl.log(3.1 - x) * Value(x.data), [3.0]),
        (lambda a, b: a * Value(a.data / b.data), [3.0, 2.0]),
        (lambda x: (x + 1) * Value(x.data + 2), [0.0]),
    ],
    ids=["in a narrow domain", "where a ratio counts", "at 0"],
)
def test_a_hole_is_found(f, inputs):
    with pytest.raises(GradcheckError, match="not connected"):
        gradcheck(f, *inputs)


def test_what_moves_is_found_input_by_input_where_all_leave_the_domain():
    def f(p, q, x):
        return tl.binary_cross_entropy(p, 0.0) + tl.binary_cross_entropy(q, 1.0) + x * Value(x.data)

    with pytest.raises(GradcheckError, match=r"input x = 3.0 is wrong: .* moves with them: 3.0 in mul; is \.data"):
        gradcheck(f, 0.0, 1.0, 3.0)


def test_whole_numbers_that_cannot_move_cost_no_difference_quotients_and_hide_no_hole():
    calls = 0

    def f(weights, classes):
        nonlocal calls
        calls += 1
        return sum(tl.take(weights, i) ** 2 for i in classes)

    weights = [i / 7 for i in range(1, 41)]
    assert gradcheck(f, weights, [3, 5, 3]).ok
    assert calls < 100  # as many as the 8 steps of some halves; a quotient for each weight would take 1,000
    with pytest.raises(GradcheckError, match=r"input weights\[0\] .* is \.data or float\(\) used\?"):
        gradcheck(lambda weights, classes: f(weights, classes) * weights[0].data, weights[:3], [2, 1, 2])


def test_an_edge_that_no_step_can_tell_of_is_unchecked():
    report = gradcheck(lambda x: x * abs(x.data - 3), 3.0)
    assert str(report).splitlines()[0] == "gradcheck: ok, 4 of 5 numbers certified, 1 unchecked"
    assert "moves with them: 0.0 in mul; difference quotients of neighbouring steps do not agree" in str(report)


def test_a_difference_quotient_knows_its_noise():
    def small_slope(x):
        shift = 1e6 + x.data
        return (1e-6 * x + shift) - shift

    assert gradcheck(small_slope, 3.0).ok


def test_a_difference_quotient_crosses_no_kink():
    def kinked(x):
        shift = x.data
        return (tl.relu(x - 1 + 1e-6) + shift) - shift

    assert gradcheck(kinked, 1.0).ok


# ── subnormal numbers ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("x", [-718.0, -740.25, -744.5])
def test_what_a_subnormal_number_inside_a_user_defined_row_has_lost_is_no_fault(x):
    """σ(x) is subnormal there, and the factor x magnifies the rounding of its last place."""
    swish = primitive(
        "swish", lambda x: x * tl.sigmoid(x), lambda x, y: tl.sigmoid(x) + x * tl.sigmoid(x) * tl.sigmoid(-x)
    )
    assert gradcheck(swish, x).ok


@pytest.mark.parametrize("x", [-718.0, -740.25])
def test_a_wrong_slope_of_a_user_defined_row_is_found_among_subnormal_numbers(x):
    wrong = primitive("swish", lambda x: x * tl.sigmoid(x), lambda x, y: tl.sigmoid(x) + y * tl.sigmoid(x))
    with pytest.raises(GradcheckError):
        gradcheck(wrong, x)
