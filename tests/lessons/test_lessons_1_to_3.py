"""The numbers of lessons 1 to 3, each found by another route: scikit-learn, NumPy or a closed form."""

import re

import numpy as np
import pytest
from nbclient.exceptions import CellExecutionError
from sklearn.linear_model import LogisticRegression

from tests import heart_disease
from tests.lessons import notebook
from tests.lessons.notebook import output

PATIENTS, Y = map(np.array, heart_disease.patients())
AGE, SBP, BMI = (PATIENTS[:, heart_disease.COLUMNS.index(name)] for name in ("age", "sbp", "obesity"))


@pytest.fixture(scope="module")
def neuron():
    with notebook.run("1_logistic_regression_is_a_neuron") as lesson:
        yield lesson


def maximum_likelihood(*columns: np.ndarray) -> LogisticRegression:
    """scikit-learn's answer, without penalty, from columns in their own units."""
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
    return model.fit(np.transpose(columns), Y)


def prose(lesson: notebook.Lesson) -> str:
    return "\n".join(cell.source for cell in lesson.stored.cells if cell.cell_type == "markdown")


def picture(lesson: notebook.Lesson, cell: str) -> str:
    """What a drawing says, in text."""
    return output(lesson, cell)[0]["data"]["text/plain"]


def numbers(lesson: notebook.Lesson, cell: str) -> list[float]:
    """The numbers that a cell prints."""
    printed = "".join(o.get("text", "") for o in output(lesson, cell))
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", printed.replace("−", "-"))]


@pytest.fixture(scope="module")
def cross_entropy():
    with notebook.run("2_where_cross_entropy_comes_from") as lesson:
        yield lesson


@pytest.fixture(scope="module")
def descent():
    with notebook.run("3_gradient_descent") as lesson:
        yield lesson


class TestNeuron:
    def test_stored(self, neuron) -> None:
        neuron.check_stored()

    def test_the_first_patient_with_guessed_weights(self, neuron) -> None:
        assert neuron["[x1, x2]"] == [AGE[0], SBP[0]]
        yhat = 1 / (1 + np.exp(-(0.06 * 52 + 0.01 * 160 - 5)))
        assert f"ŷ = σ(z) = σ(−0.28) = {yhat:.4f}" in picture(neuron, "draw-neuron")

    def test_shapes_and_guessed_classes(self, neuron) -> None:
        assert neuron["[shape(X), shape(w), shape(z)]"] == [[2, 462], [1, 2], [1, 462]]
        right = (0.06 * AGE + 0.01 * SBP - 5 >= 0) == Y
        assert numbers(neuron, "all-patients")[-3:] == [right.sum(), 462, round(100 * right.mean(), 1)]

    def test_learned_weights(self, neuron) -> None:
        standardised = np.array(neuron["standardised"])
        np.testing.assert_allclose([standardised.mean(axis=0), standardised.std(axis=0)], [[0, 0], [1, 1]], atol=1e-12)
        reference = maximum_likelihood(AGE, SBP)
        assert neuron["w"][0] == pytest.approx(reference.coef_[0], rel=1e-3)
        assert neuron["b"] == pytest.approx(reference.intercept_[0], rel=1e-3)
        assert neuron["accuracy"] == reference.score(np.transpose([AGE, SBP]), Y)
        assert f"{neuron['accuracy']:.0%}" in prose(neuron)

    def test_the_thick_line_is_the_boundary(self, neuron) -> None:
        points = np.array(neuron["half.get_paths()[0].vertices"])
        assert np.ptp(points[:, 1]) > 120  # from the bottom of the plot to its top
        probabilities = maximum_likelihood(AGE, SBP).predict_proba(points)[:, 1]
        assert probabilities == pytest.approx(0.5, abs=1e-3)

    def test_probabilities_are_of_the_groups_size(self, neuron) -> None:
        reference = maximum_likelihood(AGE, SBP).predict_proba(np.transpose([AGE, SBP]))[:, 1]
        assert neuron["yhat"] == pytest.approx(reference, abs=1e-4)
        last = (reference >= 0.6) & (reference < 0.8)
        assert neuron["[len(group), predicted, ill]"] == pytest.approx(
            [last.sum(), reference[last].mean(), Y[last].mean()], abs=1e-4
        )

    def test_solution(self, neuron) -> None:
        neuron.solve()
        reference = maximum_likelihood(AGE, SBP, BMI)
        weights = neuron["[w_j / s_j for w_j, s_j in zip(model3.coef_[0], s3)]"]
        assert weights == pytest.approx(reference.coef_[0], abs=1e-5)
        [risk] = reference.predict_proba([[60, 160, 30]])[:, 1]
        assert neuron["risk"] == pytest.approx(risk, abs=1e-5)
        yhat = reference.predict_proba(np.transpose([AGE, SBP, BMI]))[:, 1]
        loss = -np.mean(np.log(np.where(Y == 1, yhat, 1 - yhat)))
        assert neuron["model3.loss_curve_[-1]"] == pytest.approx(loss, rel=1e-9)
        assert abs(neuron["model.loss_curve_[-1]"] - loss) < 1e-5
        told = [f"{x:.4f}".replace("-", "−") for x in reference.coef_[0]] + [f"{risk:.3f}"]
        assert [number for number in told if number not in prose(neuron)] == []
        before = maximum_likelihood(AGE, SBP).predict_proba(np.transpose([AGE, SBP]))[:, 1]
        crossed = (before >= 0.5) != (yhat >= 0.5)
        assert [*((before >= 0.5) == Y)[crossed]] == [True]  # one patient, who was told rightly


class TestCrossEntropy:
    def test_stored(self, cross_entropy) -> None:
        cross_entropy.check_stored()

    def test_the_likelihood_is_largest_at_the_fraction_of_ones(self, cross_entropy) -> None:
        """p³(1 − p)², whose derivative p²(1 − p)(3 − 5p) is 0 at 3/5."""
        assert cross_entropy["likelihood(0.6)"] == pytest.approx(108 / 3125)
        ps = np.array([0.5, 0.6, 0.7])
        assert cross_entropy["slopes"] == pytest.approx(ps**2 * (1 - ps) * (3 - 5 * ps), abs=1e-15)

    def test_a_product_underflows_and_its_logarithm_does_not(self, cross_entropy) -> None:
        assert numbers(cross_entropy, "underflow") == [0, round(-1100 * np.log(2), 2)]

    def test_the_cost_is_the_mean_negative_log_likelihood(self, cross_entropy) -> None:
        expected = -np.log([0.6**3 * 0.4**2, 0.8**3 * 0.2**2]) / 5
        assert cross_entropy["[J(0.6), J(0.8)]"] == pytest.approx(expected)

    def test_the_drawn_loss_and_its_derivative(self, cross_entropy) -> None:
        assert cross_entropy["[loss, yhat.grad]"] == pytest.approx([np.log(1.25), -1.25])
        assert "∂L/∂ŷ = −1.25" in picture(cross_entropy, "draw-loss")

    def test_the_library_s_loss_is_right_at_its_ends(self, cross_entropy) -> None:
        """0 log 0 is 0 there; the formula, as the lesson writes it, is an error."""
        assert cross_entropy["[binary_cross_entropy(1.0, 1), binary_cross_entropy(0.0, 0)]"] == [0, 0]
        with pytest.raises(CellExecutionError, match=r"log of 0\.0"):
            cross_entropy.run("L(1, 1.0)")

    def test_ten_times_less_probable_costs_another_log_10(self, cross_entropy) -> None:
        ps = np.array([0.9, 0.1, 0.01, 0.001])
        table = np.reshape(numbers(cross_entropy, "confident-table"), (4, 3))
        np.testing.assert_allclose(table, np.transpose([ps, -np.log(ps), (1 - ps) ** 2]), atol=6e-4)

    def test_slopes_with_respect_to_z(self, cross_entropy) -> None:
        z = np.linspace(-8, 8, 81)
        yhat = 1 / (1 + np.exp(-z))
        curves = cross_entropy["[line.get_ydata() for line in ax.lines]"]
        np.testing.assert_allclose(curves, [yhat - 1, 2 * (yhat - 1) * yhat * (1 - yhat)], atol=1e-12)
        p = 1 / (1 + np.exp(6))
        assert numbers(cross_entropy, "slopes-plot") == [-6, round(p - 1, 4), round(2 * (p - 1) * p * (1 - p), 4)]

    def test_solution(self, cross_entropy) -> None:
        """J(0.7) is the entropy of a coin that shows 1 seven times in ten."""
        cross_entropy.solve()
        entropy = -(0.7 * np.log(0.7) + 0.3 * np.log(0.3))
        cost = -(0.7 * np.log(0.8) + 0.3 * np.log(0.2))
        assert cross_entropy["[J(0.7), J(0.8), slope]"] == pytest.approx([entropy, cost, 0], abs=1e-14)
        assert f"J(0.8) = {cost:.4f}$. The smallest is $J(0.7) = {entropy:.4f}$" in prose(cross_entropy)


STANDARDISED = (AGE - AGE.mean()) / AGE.std()


def cost_and_slopes(w: float, b: float, x: np.ndarray) -> tuple[float, np.ndarray]:
    """J and (∂J/∂w, ∂J/∂b), by the formulas of the course."""
    z = w * x + b
    cost = np.mean(np.logaddexp(0, z) - Y * z)
    error = 1 / (1 + np.exp(-z)) - Y
    return cost, np.array([np.mean(error * x), np.mean(error)])


def curvatures(x: np.ndarray) -> np.ndarray:
    """The eigenvalues of the Hessian of J at its minimum, the smaller one first."""
    yhat = maximum_likelihood(x).predict_proba(x[:, None])[:, 1]
    inputs = np.stack([x, np.ones_like(x)])
    return np.linalg.eigvalsh(inputs * (yhat * (1 - yhat)) @ inputs.T / len(x))


class TestGradientDescent:
    def test_stored(self, descent) -> None:
        descent.check_stored()

    def test_the_taylor_line_is_the_tangent(self, descent) -> None:
        assert descent["[value, slope]"] == [4, 4]
        delta = np.array([-1, -0.1, -0.01])
        assert descent["[f(3 + d) - line(3 + d) for d in (-1, -0.1, -0.01)]"] == pytest.approx(delta**2)

    def test_the_cost_and_its_gradient_at_the_origin(self, descent) -> None:
        cost, slopes = cost_and_slopes(0, 0, STANDARDISED)
        assert cost == pytest.approx(np.log(2))
        assert descent["[J(0, 0), w.grad, b.grad]"] == pytest.approx([cost, *slopes])
        assert descent["[grad(J)(0, 0), *grad(J, argnums=(0, 1))(0, 0)]"] == pytest.approx([slopes[0], *slopes])

    def test_one_patient(self, descent) -> None:
        """∂loss/∂w = (ŷ − y)x = (0.5 − 1) · 0.63 for the first patient, who is ill."""
        assert descent["[w1.grad, b1.grad, loss]"] == pytest.approx([-0.315, -0.5, np.log(2)])

    def test_no_direction_is_steeper_than_minus_the_gradient(self, descent) -> None:
        _, (slope_w, slope_b) = cost_and_slopes(0, 0, STANDARDISED)
        angle = np.degrees(np.arctan2(-slope_b, -slope_w))
        assert descent["steepest"] == pytest.approx(angle)
        assert descent["v"] == pytest.approx([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        assert abs(descent["best"] - angle) <= 0.5
        changes, predicted = descent["[changes, predicted]"]
        assert len(changes) == 360
        assert min(changes) == pytest.approx(-0.01 * np.hypot(slope_w, slope_b), rel=0.01)
        np.testing.assert_allclose(changes, predicted, atol=2e-5)

    def test_the_parabola_multiplies_the_distance(self, descent) -> None:
        """By 1 − 2η: 0.9, 0.2 and −1.1, eight times."""
        ends = 1 + 2 * np.array([0.9, 0.2, -1.1]) ** 8
        assert descent["[path[-1] for path in paths.values()]"] == pytest.approx(ends)

    @pytest.mark.parametrize("eta", [0.2, 2, 12])
    def test_the_paths_on_the_surface(self, descent, eta) -> None:
        theta, path = np.array([-1.5, -2.5]), []
        for _ in range(26):
            cost, slopes = cost_and_slopes(*theta, STANDARDISED)
            path.append([*theta, cost])
            theta = theta - eta * slopes
        np.testing.assert_allclose(descent[f"descents[{eta}]"], path, rtol=1e-9)

    def test_where_the_paths_end(self, descent) -> None:
        reference = maximum_likelihood(STANDARDISED)
        lowest = np.array([reference.coef_[0][0], reference.intercept_[0]])
        assert descent["[w_min, b_min]"] == pytest.approx(lowest, abs=1e-4)
        short, right, jumping = (np.array(descent[f"descents[{eta}]"])[:, :2] for eta in (0.2, 2, 12))
        assert np.linalg.norm(short[-1] - lowest) > 1
        assert np.linalg.norm(right[-1] - lowest) < 0.01
        assert np.linalg.norm(jumping[-1] - jumping[-2]) > 3
        np.testing.assert_allclose(jumping[-1], jumping[-3], atol=1e-6)

    def test_the_map_shows_the_cost(self, descent) -> None:
        for level in (0, 2, 5):
            points = np.array(descent[f"levels.get_paths()[{level}].vertices"])
            costs = [cost_and_slopes(*point, STANDARDISED)[0] for point in points]
            np.testing.assert_allclose(costs, descent[f"levels.levels[{level}]"], atol=0.002)

    def test_the_limit_of_the_step_size(self, descent) -> None:
        largest = curvatures(STANDARDISED)[1]
        assert descent["largest"] == pytest.approx(largest, rel=1e-4)
        assert 2 < 2 / largest < 12

    def test_solution(self, descent) -> None:
        round_ratio, long_ratio = (c[1] / c[0] for c in map(curvatures, (STANDARDISED, AGE / 10)))
        descent.solve(round(long_ratio), round(round_ratio))
        steps = descent["[standardised.n_iter_, decades.n_iter_]"]
        for x, model in [(STANDARDISED, "standardised"), (AGE / 10, "decades")]:
            w, b = descent[f"[{model}.coef_[0][0], {model}.intercept_[0]]"]
            assert max(abs(cost_and_slopes(w, b, x)[1])) <= 0.01
        told = prose(descent)
        far, lowest = descent["decades.coef_[0][0]"], maximum_likelihood(AGE / 10).coef_[0][0]
        assert f"$w$ is {far:.2f}, where the minimum has {lowest:.2f}" in told
        assert f"{steps[0]} steps and {steps[1]}." in told
        assert f"curved {long_ratio:.0f} times as strongly" in told
        assert f"ratio is {round_ratio:.0f}." in " ".join(told.split())
