"""Logistic regression against scikit-learn's, and inside scikit-learn."""

import functools
import inspect
import math
import pickle
import random
import re
import sys
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import linear_model
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted

from tests.project import python
from tinygrad_lite import Program, Value, nn
from tinygrad_lite.nn import LogisticRegression
from tinygrad_lite.nn.logistic_regression import bound_curvature

X = [[-2.0, 1.0], [-1.0, -1.0], [0.5, 0.0], [-0.5, 2.0], [1.5, 0.5], [2.0, -0.5]]
Y = [0, 0, 1, 1, 0, 1]
columns = st.integers(1, 3)
seeds = st.integers(0, 2**32)


def overlapping(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """60 samples, correlated columns, labels of odds that the columns set in part."""
    generator = np.random.default_rng(seed)
    data = generator.normal(size=(60, n)) @ (np.eye(n) + 0.3)
    return data, (generator.random(60) < 1 / (1 + np.exp(0.3 - data.sum(axis=1)))).astype(int)


@given(seeds, columns)
@settings(max_examples=12)
def test_same_optimum_as_scikit_learn(seed: int, n: int) -> None:
    data, y = overlapping(seed, n)
    ours = LogisticRegression(tol=1e-7).fit(data, y)
    theirs = linear_model.LogisticRegression(C=np.inf, tol=1e-9, max_iter=1000).fit(data, y)
    assert ours.coef_ == pytest.approx(theirs.coef_, abs=1e-4)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=1e-4)
    assert (ours.coef_.shape, ours.intercept_.shape) == (theirs.coef_.shape, theirs.intercept_.shape)
    new = overlapping(seed + 1, n)[0]
    assert ours.decision_function(new) == pytest.approx(theirs.decision_function(new), abs=1e-3)
    assert ours.predict_proba(new) == pytest.approx(theirs.predict_proba(new), abs=1e-3)
    assert ours.score(data, y) == theirs.score(data, y)
    probabilities = ours.predict_proba(data)[:, 1]
    assert list(ours.predict(data)) == [int(probability >= 0.5) for probability in probabilities]
    assert ours.loss_curve_[0] == pytest.approx(math.log(2))
    assert ours.loss_curve_[-1] == pytest.approx(log_loss(y, probabilities))
    assert ours.n_iter_ == len(ours.loss_curve_) - 1
    slope = np.c_[data, np.ones(60)].T @ (probabilities - y) / 60
    assert np.abs(slope).max() <= 1.001e-7


@given(arrays(float, st.tuples(st.integers(2, 8), columns), elements=st.floats(-1e3, 1e3)), st.data())
@settings(max_examples=60)
def test_every_step_descends_on_any_data(data: np.ndarray, draw: st.DataObject) -> None:
    y = draw.draw(st.lists(st.integers(0, 1), min_size=len(data), max_size=len(data)))
    assume(len(set(y)) == 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nn.ConvergenceWarning)
        losses = LogisticRegression(max_iter=15).fit(data, y).loss_curve_
    assert all(after <= before * (1 + 1e-12) for before, after in pairwise(losses))


@given(arrays(float, st.tuples(st.integers(1, 8), columns), elements=st.floats(-1e3, 1e3)))
def test_curvature_is_a_bound_and_a_close_one(data: np.ndarray) -> None:
    augmented = np.c_[data, np.ones(len(data))]
    largest = np.linalg.eigvalsh(augmented.T @ augmented / (4 * len(data)))[-1]
    assert largest * (1 - 1e-9) <= bound_curvature(data.tolist()) <= largest * 4 ** (1 / 4) * (1 + 1e-9)


def test_a_tie_is_class_1() -> None:
    model = LogisticRegression().fit([[-1], [1], [-1], [1]], [0, 0, 1, 1])
    assert (model.n_iter_, list(model.predict([[0], [1]]))) == (0, [1, 1])


def test_probabilities_far_out() -> None:
    model = LogisticRegression().fit([[-1], [1], [1], [-1], [1]], [0, 0, 1, 1, 1])
    for side, z in ((1, -100), (0, 100)):
        [probabilities] = model.predict_proba([[z / model.coef_[0][0]]])
        assert 0.0 < probabilities[side] < 1e-30  # not 1 − 1.0
        assert probabilities[1 - side] == 1.0


def replaced(i: int, j: int, x: object) -> list[list[object]]:
    return [[x if (k, m) == (i, j) else v for m, v in enumerate(row)] for k, row in enumerate(X)]


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (replaced(3, 1, math.nan), Y, "row 3, column 1 of X is nan"),
        (replaced(0, 0, -math.inf), Y, "row 0, column 0 of X is -inf"),
        (np.array(replaced(5, 0, math.nan)), Y, "row 5, column 0 of X is nan"),
        (replaced(2, 1, "tall"), Y, "row 2, column 1 of X is 'tall'"),
        (replaced(2, 1, None), Y, "row 2, column 1 of X is None"),
        (replaced(2, 1, 1j), Y, "row 2, column 1 of X is 1j"),
        (replaced(2, 1, [1.0]), Y, r"row 2, column 1 of X is \[1.0\]"),
        (replaced(2, 1, Value(1.0)), Y, "row 2, column 1 of X is Value"),
        ([1.0, 2.0, 3.0], [0, 1, 1], "two-dimensional"),
        (np.arange(3.0), [0, 1, 1], "two-dimensional"),
        (3.0, [0, 1, 1], "two-dimensional"),
        (["ab", "cd"], [0, 1], "two-dimensional"),
        ([[1.0, 2.0], [3.0], [4.0, 5.0]], [0, 1, 1], "row 1 of X has 1 columns, but row 0 has 2"),
        ([], [], "X is empty"),
        ([[], []], [0, 1], "X is empty"),
        (np.empty((0, 2)), [], "X is empty"),
        (X, Y[:4], "a list of 6 labels.*: 4 labels given"),
        (X, None, "a list of 6 labels.*: 'NoneType' given"),
        (X, [0, 1, 2, 1, 0, 1], "label 2 of y is 2"),
        (X, [0, 1, -1, 1, 0, 1], "label 2 of y is -1"),
        (X, [0, 1, 0.5, 1, 0, 1], "label 2 of y is 0.5"),
        (X, [0, 1, math.nan, 1, 0, 1], "label 2 of y is nan"),
        (X, list("011010"), "label 0 of y is '0'"),
        (X, np.array(Y).reshape(-1, 1), r"label 0 of y is \[0\]"),
        (X, list(np.array(Y).reshape(-1, 1)), r"label 0 of y is array\(\[0\]\)"),
        (X, [1] * 6, "one class only, 1"),
        (X, [False] * 6, "one class only, 0"),
        (replaced(1, 0, 1e200), Y, "too large: standardise"),
    ],
)
def test_bad_data(X, y, message) -> None:
    model = LogisticRegression()
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not model.__sklearn_is_fitted__()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"max_iter": 0}, "max_iter is 0"),
        ({"max_iter": 10.0}, "max_iter is 10.0"),
        ({"tol": 0.0}, "tol is 0.0"),
        ({"tol": "small"}, "tol is 'small'"),
    ],
)
def test_bad_settings_are_told_by_fit(settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        LogisticRegression(**settings).fit(X, Y)


def test_other_columns_than_fitted() -> None:
    model = LogisticRegression().fit(X, Y)
    for method in (model.predict, model.predict_proba, model.decision_function, lambda new: model.score(new, [0])):
        with pytest.raises(ValueError, match=r"X has 3 features.* expecting 2"):
            method([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="a list of 6 labels"):
        model.score(X, Y[:-1])


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_not_fitted(method) -> None:
    with pytest.raises(NotFittedError, match="call fit first"):
        getattr(LogisticRegression(), method)(X)


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        ([[1000 * a, b] for a, b in X], {}, "standardise X, or raise max_iter"),
        ([[label + a / 10] for (a, _), label in zip(X, Y, strict=True)], {}, "X separates the classes"),
        (X, {"learning_rate": 1e-6}, "leave learning_rate at None"),
    ],
)
def test_a_warning_where_max_iter_comes_first(data, settings, message) -> None:
    model = LogisticRegression(max_iter=np.int64(20), **settings)
    with pytest.warns(nn.ConvergenceWarning, match=message) as caught:
        model.fit(data, Y)
    assert caught[0].filename == __file__
    assert model.n_iter_ == 20
    assert len(model.loss_curve_) == 21
    model.predict(data)


def test_settings_by_name() -> None:
    model = LogisticRegression(tol=1e-3)
    assert model.get_params() == {"learning_rate": None, "max_iter": 1000, "tol": 1e-3, "verbose": False}
    assert repr(model) == "LogisticRegression(tol=0.001)"
    assert model.set_params(max_iter=5, tol=1e-6) is model
    assert repr(model) == "LogisticRegression(max_iter=5)"
    with pytest.raises(ValueError, match=r"'alpha' is no setting .*max_iter"):
        model.set_params(max_iter=7, alpha=1.0)
    assert model.max_iter == 5
    with pytest.raises(TypeError):
        LogisticRegression(0.1)


@pytest.mark.parametrize("installed", [True, False])
def test_verbose(installed, monkeypatch, capsys) -> None:
    if not installed:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    model = LogisticRegression(verbose=True).fit(X, Y)
    out, err = capsys.readouterr()
    result = rf"loss {model.loss_curve_[-1]:.6f} after {model.n_iter_} steps, largest gradient component \d\.\de-07"
    assert re.fullmatch(rf"{result} \(tol=1e-06\)\n", out)
    assert (" gradients" in err) == installed
    LogisticRegression().fit(X, Y)
    assert capsys.readouterr() == ("", "")


def test_fit_leaves_the_module_random_alone() -> None:
    state = random.getstate()
    LogisticRegression().fit(X, Y)
    assert random.getstate() == state


class Frame:
    """Data that say how to become an array, as data frames do; iterating over them gives column names."""

    def __init__(self, data: object) -> None:
        self.data = np.array(data)

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self.data

    def __iter__(self):
        return iter("names")


def test_columns_in_another_order_are_refused() -> None:
    frame, other, nameless = Frame(X), Frame(X), Frame(X)
    frame.columns, other.columns = ["age", "dose"], ["dose", "age"]
    model = LogisticRegression().fit(frame, Y)
    assert list(model.feature_names_in_) == ["age", "dose"]
    assert (model.predict(frame) == model.predict(nameless)).all()
    with pytest.raises(ValueError, match=r"should match .* during fit, in that order: age, dose; X has dose, age"):
        model.predict(other)
    model.fit(nameless, Y)
    assert not hasattr(model, "feature_names_in_")
    model.predict(other)


@pytest.mark.parametrize("convert", [np.array, Frame, tuple, lambda data: list(np.array(data))])
def test_containers(convert) -> None:
    reference = LogisticRegression().fit(X, Y)
    model = LogisticRegression().fit(convert(X), convert(Y))
    assert (model.coef_ == reference.coef_).all()
    assert (model.predict_proba(convert(X)) == reference.predict_proba(X)).all()
    assert model.score(convert(X), convert(Y)) == reference.score(X, Y) == np.mean(reference.predict(X) == np.array(Y))


def test_lists_where_there_is_no_numpy() -> None:
    program = f"""
import sys
sys.modules["numba"] = sys.modules["numpy"] = sys.modules["sklearn"] = sys.modules["tqdm"] = None
from tinygrad_lite.nn import LogisticRegression
model = LogisticRegression(verbose=True)
try:
    model.predict({X})
except ValueError as error:
    print(type(error).__module__, isinstance(error, AttributeError), error)
model.fit({X}, {Y})
print([type(x) is list for x in (model.coef_, model.coef_[0], model.intercept_, model.classes_)])
print(model.predict_proba({X}))
print(model.predict({X}), model.score({X}, {Y}))
"""
    done = python("-c", program)
    not_fitted, _, lists, probabilities, labels = done.stdout.splitlines()
    model = LogisticRegression().fit(X, Y)
    raised = "True this LogisticRegression has learned nothing yet: call fit first"
    assert not_fitted == f"tinygrad_lite.nn.logistic_regression {raised}"
    assert lists == str([True] * 4)
    assert probabilities == str(model.predict_proba(X).tolist())
    assert labels == f"{model.predict(X).tolist()} {model.score(X, Y)}"


# ── in scikit-learn ───────────────────────────────────────────────────────────────────────────────


def test_checks_of_scikit_learn() -> None:
    words = "the message is our own: it names the row, the column or the label"
    labels = "labels are 0 and 1, nothing else"
    expected = {
        "check_estimators_dtypes": labels,
        "check_classifier_data_not_an_array": labels,
        "check_classifiers_classes": labels,
        "check_fit2d_1feature": labels,
        "check_supervised_y_2d": "labels have one dimension",
        "check_dtype_object": words,
        "check_complex_data": words,
        "check_estimators_empty_data_messages": words,
        "check_classifiers_regression_target": words,
        "check_classifier_not_supporting_multiclass": words,
        "check_fit2d_predict1d": words,
        "check_requires_y_none": words,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # separable data, and checks that do not apply
        check_estimator(LogisticRegression(max_iter=100), expected_failed_checks=expected)


@pytest.mark.parametrize("scoring", [None, "accuracy", "roc_auc", "f1", "neg_log_loss"])
def test_pipeline_and_cross_validation(scoring) -> None:
    data, y = overlapping(3, 2)
    far = 1e4 + 50 * data
    for pairs in ((far, y), (far.tolist(), y.tolist())):
        ours, theirs = (
            cross_val_score(make_pipeline(StandardScaler(), model), *pairs, cv=4, scoring=scoring)
            for model in (LogisticRegression(tol=1e-7), linear_model.LogisticRegression(C=np.inf, tol=1e-9))
        )
        assert ours == pytest.approx(theirs, abs=1e-3)


def test_lists_straight_into_cross_validation() -> None:
    data, y = overlapping(4, 2)
    scores = cross_val_score(LogisticRegression(), data.tolist(), y.tolist(), cv=3, scoring="roc_auc")
    assert scores == pytest.approx(cross_val_score(LogisticRegression(), data, y, cv=3, scoring="roc_auc"))


def test_clone_and_search() -> None:
    data, y = overlapping(5, 1)
    model = LogisticRegression(tol=1e-5).fit(data, y)
    check_is_fitted(model)
    twin = clone(model)
    assert repr(twin) == "LogisticRegression(tol=1e-05)"
    with pytest.raises(NotFittedError):
        check_is_fitted(twin)
    restored = pickle.loads(pickle.dumps(model))
    assert (restored.predict_proba(data) == model.predict_proba(data)).all()
    search = GridSearchCV(LogisticRegression(), {"tol": [1e-1, 1e-5]}, cv=3).fit(data, y)
    assert search.cv_results_["split0_test_score"][1] == cross_val_score(model, data, y, cv=3)[0]
    assert (search.predict(data) == LogisticRegression(**search.best_params_).fit(data, y).predict(data)).all()


@given(seeds, st.integers(1, 4), st.integers(4, 200))
@settings(max_examples=15)
def test_either_executor_fits_the_same(seed, n, m):
    generator = np.random.default_rng(seed)
    data = generator.normal(size=(m, n))
    labels = (generator.random(m) < sigmoid_of(data.sum(axis=1))).astype(int)
    labels[:2] = 0, 1
    fits = []
    for executor in ("python", "compiled"):
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(
                inspect.getmodule(LogisticRegression.fit), "Program", functools.partial(Program, executor=executor)
            )
            model = LogisticRegression(max_iter=30, tol=1e-300)
            with pytest.warns(nn.ConvergenceWarning):
                fits.append(model.fit(data, labels))
    python, compiled = fits
    assert python.coef_ == pytest.approx(compiled.coef_, rel=1e-11, abs=1e-12)
    assert python.intercept_ == pytest.approx(compiled.intercept_, rel=1e-11, abs=1e-12)
    assert python.loss_curve_ == pytest.approx(compiled.loss_curve_, rel=1e-12)
    assert python.n_iter_ == compiled.n_iter_ == 30


def sigmoid_of(z):
    return 1 / (1 + np.exp(-z))
