"""Real data: the neuron learns the published logistic regression of heart_disease.csv."""

import statistics
from functools import reduce
from operator import add, mul

import numpy as np
import pytest

from tests import heart_disease
from tests.heart_disease import PUBLISHED
from tinygrad_lite import Value, binary_cross_entropy_with_logits, gradient
from tinygrad_lite.nn import LogisticRegression


@pytest.fixture(scope="module")
def patients() -> tuple[list[list[float]], list[int]]:
    return heart_disease.patients()


@pytest.fixture(scope="module")
def theta(patients) -> list[float]:
    """Intercept and coefficients, learned from standardised columns and converted back to the columns' own units."""
    rows, labels = patients
    means = [statistics.fmean(column) for column in zip(*rows, strict=True)]
    deviations = [statistics.pstdev(column) for column in zip(*rows, strict=True)]
    standardised = [[(x - m) / s for x, m, s in zip(row, means, deviations, strict=True)] for row in rows]
    model = LogisticRegression().fit(standardised, labels)  # a ConvergenceWarning would fail the test
    weights = [float(w) / s for w, s in zip(model.coef_[0], deviations, strict=True)]
    return [float(model.intercept_[0]) - sum(map(mul, weights, means)), *weights]


def test_the_data_are_the_published_ones(patients) -> None:
    rows, labels = patients
    assert (len(rows), sum(labels)) == (462, 160)


def test_coefficients_of_the_published_table(theta) -> None:
    published = [coefficient for coefficient, _, _ in PUBLISHED.values()]
    assert [round(t, 3) for t in theta] == published


def test_standard_errors_and_z_of_the_published_table(patients, theta) -> None:
    """From the Hessian of the summed cross-entropy at the optimum: its rows are backward() through the gradient."""
    rows, labels = patients
    parameters = [Value(t) for t in theta]
    b, *w = parameters
    scores = [sum(map(mul, w, row), b) for row in rows]
    loss = reduce(add, map(binary_cross_entropy_with_logits, scores, labels))
    hessian = []
    for slope in gradient(loss, parameters):
        for p in parameters:
            p.grad = 0.0
        slope.backward()
        hessian.append([p.grad for p in parameters])
    np.testing.assert_allclose(hessian, np.transpose(hessian), rtol=1e-9)
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    assert [round(float(e), 3) for e in errors] == [error for _, error, _ in PUBLISHED.values()]
    assert np.divide(theta, errors) == pytest.approx([z for _, _, z in PUBLISHED.values()], abs=0.01)
