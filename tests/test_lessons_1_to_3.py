"""The numbers of lessons 1 to 3, each found by another route: scikit-learn, NumPy or a closed form."""

import csv

import notebook
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

with (notebook.LESSONS / "data" / "heart_disease.csv").open(newline="", encoding="utf-8") as file:
    PATIENTS = list(csv.DictReader(file))
AGE, SBP, BMI = (np.array([float(p[name]) for p in PATIENTS]) for name in ("age", "sbp", "obesity"))
Y = np.array([int(p["chd"]) for p in PATIENTS])


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


class TestNeuron:
    def test_stored(self, neuron) -> None:
        neuron.check_stored()

    def test_the_first_patient_with_guessed_weights(self, neuron) -> None:
        assert neuron["[x1, x2]"] == [AGE[0], SBP[0]]
        z = 0.06 * 52 + 0.01 * 160 - 5
        assert neuron["[w1 * x1 + w2 * x2 - 5, sigmoid(w1 * x1 + w2 * x2 - 5)]"] == pytest.approx([z, 1 / (1 + np.exp(-z))])

    def test_shapes_and_guessed_classes(self, neuron) -> None:
        assert neuron["[shape(X), shape(w), shape(z)]"] == [[2, 462], [1, 2], [1, 462]]
        assert neuron["right"] == np.sum((0.06 * AGE + 0.01 * SBP - 5 >= 0) == Y)

    def test_learned_weights(self, neuron) -> None:
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
