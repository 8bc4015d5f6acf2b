"""Lessons 4 to 6, executed: what they compute against the course, the published table, closed forms and SciPy."""

import math
import re
from importlib.util import find_spec
from statistics import fmean

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from tests import heart_disease
from tests.heart_disease import PUBLISHED
from tests.lessons import notebook
from tests.lessons.notebook import printed


def executed(number):
    @pytest.fixture(scope="module")
    def lesson():
        with notebook.run(f"{number}_") as lesson:
            yield lesson

    return lesson


graph, training, checking = map(executed, (4, 5, 6))


@pytest.mark.parametrize("name", ["graph", "training", "checking"])
def test_the_lesson_is_stored_as_it_runs(name, request):
    """But for what PyTorch says, which is stored, and need not be installed."""
    request.getfixturevalue(name).check_stored(of_one_run={"torch"})


def said(lesson, part):
    """The texts of a lesson's outputs that contain `part`."""
    outputs = [output for cell in lesson.executed.cells for output in cell.get("outputs", [])]
    found = [output.get("text") or output["data"].get("text/markdown", "") for output in outputs]
    return [text for text in found if part in text]


# ── 4 ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_course_s_example(graph):
    assert graph["[J, v, u]"] == [50.0, 10.0, 6.0]
    assert graph["[x.grad for x in (v, u, a, b, c)]"] == [5.0, 5.0, 10.0, 5.0, 10.0]
    assert graph["formula(3, 4, 5)"] == 50


def test_contributions_add_up(graph):
    assert graph["[y, x.grad]"] == [9.0, 6.0]


def test_the_derivative_of_the_last_step_is_not_that_of_the_whole(graph):
    """s = t² + t at 3: 12, 2t + 1 = 7; and a step of 0.001 adds 0.001 to the quotient."""
    assert graph["[s, t.grad, s.op.partials[1](9.0, 3.0, 12.0)]"] == [12.0, 7.0, 1.0]
    assert printed(graph, "whole-nudge") == "7.001\n"
    [drawing] = [cell.outputs[0].data for cell in graph.executed.cells if cell.id == "whole"]
    for line in ("∂(v1 + t)/∂t = 1", "∂₁(t · t) = t = 3", "∂₂(t · t) = t = 3", "∂s/∂t = 7"):
        assert line in drawing["image/svg+xml"]


def test_pytorch_gives_the_same_numbers_over_the_same_graph(graph):
    """(2a + b)c is a product of a sum of a product; its leaves are a, b and c."""
    operations = ["MulBackward0", "AddBackward0", "MulBackward0"]
    history = [*operations, *["AccumulateGrad"] * 3]
    [[stored]] = [cell.outputs for cell in graph.stored.cells if cell.id == "torch"]
    numbers, *lines = stored.text.splitlines()
    assert numbers.split() == ["50.0", "10.0", "5.0", "10.0"]
    assert [line.strip() for line in lines] == history
    assert [(len(line) - len(line.lstrip())) // 4 for line in lines] == [0, 1, 2, 3, 2, 1]  # each below its user
    [source] = [cell.source for cell in graph.stored.cells if cell.id == "torch"]
    without = graph.run(f"import sys\nsys.modules['torch'] = None\n{source}")
    assert without.startswith("PyTorch is not installed")
    assert printed(graph, "torch") == (stored.text if find_spec("torch") else without)


def test_wrong_orders_give_wrong_gradients_and_the_right_one_the_right(graph):
    """r = 4p. Passing on at once: 1 + 1 and then 2 + 2; only at the first visit: 1 + 1."""
    assert graph["[at_once, on_first_visit, p.grad]"] == [6.0, 2.0, 4.0]


def test_the_lesson_s_backward_needs_its_plus(graph):
    """With = in place of += the last use alone would count: 3 for x · x at 3."""
    [source] = [cell.source for cell in graph.stored.cells if "def backward(output)" in cell.source]
    overwriting = source.replace("x.grad +=", "x.grad =").replace("def backward(", "def overwriting(")
    assert graph.run(f"{overwriting}\noverwriting(y)\nprint(x.grad)\nbackward(y)\nprint(x.grad)").split()[-2:] == [
        "3.0",
        "6.0",
    ]


def test_a_player_is_embedded_and_an_animation_beside_it(graph):
    outputs = [output.get("data", {}) for cell in graph.executed.cells for output in cell.get("outputs", [])]
    [frame] = [html for data in outputs if (html := data.get("text/html", "")).startswith("<iframe")]
    assert len(frame) < 60_000
    assert sum("@keyframes" in data.get("image/svg+xml", "") for data in outputs) == 1


def test_walking_every_path_is_right_and_slow(graph):
    """2¹⁰ paths, and 1 + 2 + 4 + … + 2¹⁰ calls, where the order has 11 nodes."""
    assert graph.solve().split() == ["1024.0", str(2**11 - 1), "11"]


# ── 5 ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def patients():
    """The columns, standardised, and the labels."""
    X, y = map(np.array, heart_disease.patients())
    return (X - X.mean(0)) / X.std(0), X, y


def test_one_patient(training):
    """ŷ = ½: −1/ŷ = −2, and ŷ − y = −½."""
    drawing, *_ = [output for cell in training.executed.cells for output in cell.get("outputs", [])]
    derivation = drawing["data"]["text/plain"]
    for line in ("∂J/∂ŷ += ∂J/∂J · ∂J/∂ŷ = 1 · (−2) = −2", "∂J/∂z += ∂J/∂ŷ · ∂ŷ/∂z = −2 · 0.25 = −0.5"):
        assert line in derivation
    assert "∂J/∂w = −1, ∂J/∂x = −0.25, ∂J/∂b = −0.5" in derivation


def test_formulas_and_graph_agree(training):
    assert training["len(points)"] == 1000
    assert 0 < training["largest_difference"] < 1e-10
    assert training["difference(0.5, 2.0, -1.0, 1)"] == 0.0


def test_the_check_sees_digits_that_cancel(training):
    """With σ(z) − 1 in place of −σ(−z), right on paper, the neuron does not pass."""
    cell = "check_gradients(lambda w, x, b: neuron(w, x, b, 1), max_examples=40)"
    naive = f"error, exact = (lambda z, y: sigmoid(z) - y), error\ntry:\n    {cell}\nexcept AssertionError as caught:\n"
    told = training.run(f"{naive}    print(caught.check.operation)\nfinally:\n    error = exact")
    assert told == "neuron\n"
    [source] = [cell.source for cell in training.stored.cells if cell.id == "cell-11"]
    assert "max_examples=40" in source


def test_training_ends_at_scikit_learn_s_optimum(training, patients):
    standardised, _, y = patients
    reference = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(standardised, y)
    assert training["right"] == pytest.approx([*reference.intercept_, *reference.coef_[0]], abs=1e-5)
    assert training["curve[0]"] == pytest.approx(math.log(2), abs=1e-14)
    assert training["largest_slope"] < 1e-6


def test_training_by_formula_follows_the_graph(training):
    assert training["curve"] == pytest.approx(training["right_curve"], abs=1e-12)


def test_the_published_table(training):
    estimates, errors = training["theta"], training["errors"]
    coefficients, standard_errors, z = zip(*PUBLISHED.values(), strict=True)
    assert [round(t, 3) for t in estimates] == list(coefficients)
    assert [round(e, 3) for e in errors] == list(standard_errors)
    assert np.divide(estimates, errors) == pytest.approx(z, abs=0.01)
    [table] = said(training, "famhist | ")
    for name, (coefficient, error, _) in PUBLISHED.items():
        [row] = re.findall(rf"\| {re.escape(name)} \|(.*)\|", table.replace("−", "-").replace("*", ""))
        assert list(map(float, row.split("|")))[:4] == [coefficient, coefficient, error, error]


def test_the_hessian_is_the_closed_form(training, patients):
    """Σ ŷ(1 − ŷ) x xᵀ, with 1 for the intercept's x; and its inverse is one."""
    _, X, _ = patients
    X = np.column_stack([np.ones(len(X)), X])
    p = 1 / (1 + np.exp(-X @ training["theta"]))
    H = (X.T * p * (1 - p)) @ X
    np.testing.assert_allclose(training["H"], H, rtol=1e-9)
    np.testing.assert_allclose(training["inverse(H)"], np.linalg.inv(H), rtol=1e-6, atol=1e-12)


def test_the_wrong_formula_trains_and_descends_on_the_squared_error(training, patients):
    standardised, _, y = patients
    X = np.column_stack([np.ones(len(y)), standardised])
    best = minimize(lambda theta: fmean((1 / (1 + np.exp(-X @ theta)) - y) ** 2), np.zeros(8), tol=1e-12)
    assert training["long_run"] == pytest.approx(best.x, abs=2e-3)
    assert np.max(np.abs(np.subtract(training["long_run"], training["right"]))) > 0.02
    assert all(np.diff(training["wrong_curve"]) < 0)  # and yet its loss falls in every step
    assert training["wrong_curve[-1] - right_curve[-1]"] < 0.001


def test_the_wrong_formula_is_caught(training):
    """σ(1) − 1 = −0.26894 is right, and a factor σ(1)σ(−1) = 0.19661 is too much."""
    assert training["[found.operation, found.what, found.node.inputs[0]]"] == ["wrong_neuron", "partial 1", 1.0]
    assert training["found.reference"] == pytest.approx(-1 / (1 + math.e), rel=1e-12)
    assert training["found.recorded / found.reference"] == pytest.approx(math.e / (1 + math.e) ** 2, rel=1e-12)
    assert said(training, "the derivative in argument 1 of wrong_neuron at (1.0, 1.0) is wrong")


def test_newton_needs_few_steps(training, patients):
    """And gradient descent, on standardised columns, has summed slopes, Σ (ŷ − y) xᵀ, that are larger in the end."""
    standardised, _, y = patients
    X = np.column_stack([np.ones(len(y)), standardised])
    slopes = (1 / (1 + np.exp(-X @ training["right"])) - y) @ X
    descent = training["len(curve)"], float(f"{np.max(np.abs(slopes)):.0e}")
    lines = [line.split() for line in training.solve(*descent).splitlines()]
    assert [int(step) for step, _ in lines] == list(range(6))
    assert float(lines[-1][1]) <= 1e-6 < float(lines[-2][1])
    assert descent[1] > 1e-6
    assert [round(t, 3) for t in training["newton"]] == [coefficient for coefficient, _, _ in PUBLISHED.values()]


# ── 6 ─────────────────────────────────────────────────────────────────────────────────────────────

Z = 0.5 * 2 + 0.25  # of the lesson's neuron; its loss is log(1 + exp(−z)), and x = 2
SIGMA = 1 / (1 + math.exp(-Z))
FIRST, SECOND, THIRD = (
    (SIGMA - 1) * 2,
    SIGMA * (1 - SIGMA) * 4,
    SIGMA * (1 - SIGMA) * (1 - 2 * SIGMA) * 8,
)


def test_the_slope_is_the_closed_form(checking):
    assert checking["slope"] == pytest.approx(FIRST, rel=1e-14)


def test_truncation_as_taylor_says(checking):
    """Where h is large, the errors are h/2 · f″ and h²/6 · f‴."""
    for h in (1e-3, 1e-4):
        assert checking[f"forward({h}) - slope"] == pytest.approx(h / 2 * SECOND, rel=0.01)
        assert checking[f"central({h}) - slope"] == pytest.approx(h**2 / 6 * THIRD, rel=0.01)


def test_both_curves_are_a_v(checking):
    steps, forward, central = checking["steps"], checking["forward_errors"], checking["central_errors"]
    assert (max(steps), min(steps)) == pytest.approx((0.1, 1e-15))
    for errors, low, high, digits in ((forward, 1e-9, 1e-7, 8), (central, 1e-7, 1e-4, 11)):
        best = min(range(len(steps)), key=errors.__getitem__)
        assert low < steps[best] < high
        # one lucky step may hit more digits; the third best tells what the bottom is like
        assert 10 ** -(digits + 2) < sorted(errors)[2] < 10**-digits
        assert min(errors[:9]) > 1e3 * errors[best] < min(errors[-9:])


def test_a_step_across_the_kink(checking):
    """(1.1e−5 − 0) / 2e−5."""
    assert checking["quotient"] == pytest.approx(0.55)
    assert said(checking, "quotient 0.55, gradient 1.0")
    assert said(checking, "True True")


def test_the_guarded_logarithm_passes_the_tolerance_and_not_the_certificate(checking):
    assert checking["abs(analytic - numeric)"] == pytest.approx(1e-8, rel=0.05)
    assert checking["guarded_log.partials[0](1e-8, 0.0)"] == pytest.approx(0.5e8)
    assert said(checking, "the derivative in argument 1 of guarded_log at (1.0) is wrong")


def test_the_wrong_operation_is_shrunk(checking):
    """At 1, where 1 / (1 + |x|) is ½ and its square ¼."""
    assert checking["[fault.operation, fault.what]"] == ["softsign", "partial 1"]
    assert checking["[fault.node.inputs[0], fault.recorded, fault.reference]"] == [1.0, 0.5, 0.25]
    assert printed(checking, "cell-25") == "certified\n"


def test_a_fault_of_second_order_is_found_there(checking):
    """(−2x exp(−x²))′ = (4x² − 2) exp(−x²): 2/e at 1, where the forgotten product rule gives −2/e."""
    first, second, *numbers = printed(checking, "second").splitlines()
    assert first == "order 1: certified"
    assert second.startswith("order 2: the derivative in argument 1 of gauss_slope at (1.0) is wrong")
    assert [float(x) for x in re.findall(r"-?\d\.\d{5,}", numbers[0])] == pytest.approx([-2 / math.e, 2 / math.e])
    assert printed(checking, "second-right") == "order 2: certified\n"


def test_a_missing_plus_is_found_by_random_programs(checking):
    """The shortest program that shows it uses a number twice; with the plus, all pass."""
    told = printed(checking, "engine")
    assert "is there an = where += is meant?" in " ".join(told.split())
    assert re.search(r"lambda a: a [+*] a, ", told)
    [source] = [cell.source for cell in checking.stored.cells if cell.id == "engine"]
    mended = source.replace("x.grad = ", "x.grad += ")
    assert mended != source
    assert checking.run(f"{mended}\nprint('passed')") == "passed\n"


def test_the_certified_neuron(checking):
    [report] = said(checking, "| w | 0.5 |")
    slope = float(re.findall(r"\| w \| 0.5 \| (\S+)", report)[0])
    sigma = 1 / (1 + math.exp(-0.75))
    assert slope == pytest.approx(2 * sigma * (1 - sigma), rel=1e-5)


def test_one_minus_t_squared(checking):
    """tanh is within 2⁻⁵⁴ of 1, half an ULP below it, from (log(2⁵⁵ − 1))/2 = 19.06 on."""
    from_there_on = 20
    assert math.tanh(from_there_on) == 1
    assert 1 - math.tanh(from_there_on - 1) > 0
    wrong, *_, right = checking.solve(round(math.tanh(4), 4), from_there_on, 0).splitlines()
    assert wrong.startswith("the derivative in argument 1 of squash at (4.0)")
    assert right == "certified"
