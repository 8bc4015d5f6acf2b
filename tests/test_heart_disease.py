"""Real data: the neuron learns the published logistic regression of heart_disease.csv.

Reference: Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning* (2nd edition, 2009), table 4.2.
"""

import csv
import statistics
from functools import reduce
from operator import add, mul
from pathlib import Path

import numpy as np
import pytest

from tinygrad_lite import Value, binary_cross_entropy_with_logits, gradient
from tinygrad_lite.nn import LogisticRegression

DATA = Path(__file__).parent.parent / "notebooks" / "data" / "heart_disease.csv"

PUBLISHED = {  # coefficient, standard error, Z
    "(intercept)": (-4.130, 0.964, -4.285),
    "sbp": (0.006, 0.006, 1.023),
    "tobacco": (0.080, 0.026, 3.034),
    "ldl": (0.185, 0.057, 3.219),
    "famhist": (0.939, 0.225, 4.178),
    "obesity": (-0.035, 0.029, -1.187),
    "alcohol": (0.001, 0.004, 0.136),
    "age": (0.043, 0.010, 4.184),
}
COLUMNS = list(PUBLISHED)[1:]


@pytest.fixture(scope="module")
def patients() -> tuple[list[list[float]], list[int]]:
    """The seven columns in their own units, family history as 1 for Present, and the labels."""
    with DATA.open(newline="", encoding="utf-8") as file:
        rows = [{**row, "famhist": row["famhist"] == "Present"} for row in csv.DictReader(file)]
    return [[float(row[name]) for name in COLUMNS] for row in rows], [int(row["chd"]) for row in rows]


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
