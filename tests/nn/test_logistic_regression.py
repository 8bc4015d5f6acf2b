"""Logistic regression: the optimum, the steps, settings, bad data, labels and weights."""

import functools
import inspect
import math
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
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import accuracy_score, log_loss

from tests.frame import Frame
from tests.project import python
from tinygrad_lite import Program, Value, nn
from tinygrad_lite.nn import LogisticRegression
from tinygrad_lite.nn.logistic_regression import bound_curvature

X = [[-2.0, 1.0], [-1.0, -1.0], [0.5, 0.0], [-0.5, 2.0], [1.5, 0.5], [2.0, -0.5]]
Y = [0, 0, 1, 1, 0, 1]
columns = st.integers(1, 3)
seeds = st.integers(0, 2**32)


def weights_of(m: int) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(0.1, 10.0), min_size=m, max_size=m)


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
    weights = draw.draw(st.none() | weights_of(len(data)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nn.ConvergenceWarning)
        losses = LogisticRegression(max_iter=15).fit(data, y, weights).loss_curve_
    assert all(after <= before * (1 + 1e-12) for before, after in pairwise(losses))


@given(arrays(float, st.tuples(st.integers(1, 8), columns), elements=st.floats(-1e3, 1e3)), st.data())
def test_curvature_is_a_bound_and_a_close_one(data: np.ndarray, draw: st.DataObject) -> None:
    weights = draw.draw(st.just([1.0] * len(data)) | weights_of(len(data)))
    augmented = np.c_[data, np.ones(len(data))]
    largest = np.linalg.eigvalsh(augmented.T @ np.diag(weights) @ augmented / (4 * len(data)))[-1]
    bound = bound_curvature(data.tolist(), weights)
    assert largest * (1 - 1e-9) <= bound <= largest * 4 ** (1 / 4) * (1 + 1e-9)


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
        (X, [1] * 6, "one class only, 1"),
        (X, [False] * 6, "one class only, False"),
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
    settings = {"learning_rate": None, "max_iter": 1000, "tol": 1e-3, "verbose": False, "exact": True}
    assert model.get_params() == settings
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
    assert re.search(rf"(^|\n){result} \(tol=1e-06\)\n$", out)
    assert ((" gradients" in out), err) == (installed, "")
    LogisticRegression().fit(X, Y)
    assert capsys.readouterr() == ("", "")


def test_fit_leaves_the_module_random_alone() -> None:
    state = random.getstate()
    LogisticRegression().fit(X, Y)
    assert random.getstate() == state


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


@given(seeds, st.integers(1, 4), st.integers(4, 200))
@settings(max_examples=15)
def test_either_executor_fits_the_same(seed, n, m):
    generator = np.random.default_rng(seed)
    weights = generator.integers(1, 5, m) if seed % 2 else None
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
                fits.append(model.fit(data, labels, weights))
    python, compiled = fits
    assert python.coef_ == pytest.approx(compiled.coef_, rel=1e-11, abs=1e-12)
    assert python.intercept_ == pytest.approx(compiled.intercept_, rel=1e-11, abs=1e-12)
    assert python.loss_curve_ == pytest.approx(compiled.loss_curve_, rel=1e-12)
    assert python.n_iter_ == compiled.n_iter_ == 30


def sigmoid_of(z):
    return 1 / (1 + np.exp(-z))


# ── labels ────────────────────────────────────────────────────────────────────────────────────────

whole = st.integers(-5, 5)
two_labels = (
    st.tuples(whole, whole)
    | st.tuples(st.text(max_size=3), st.text(max_size=3))
    | st.just((False, True))
    | st.tuples(whole.map(float), whole.map(float))
)


@given(seeds, two_labels, st.sampled_from([list, tuple, np.array, Frame, lambda y: np.array(y, object)]))
@settings(max_examples=60)
def test_any_two_labels_are_0_and_1_by_other_names(seed, pair, form):
    assume(pair[0] != pair[1] and "\0" not in f"{pair}")
    data, y = overlapping(seed, 2)
    assume(len(set(y)) == 2)
    reference = LogisticRegression(tol=1e-2).fit(data, y)
    names = sorted(pair)
    named = form([names[label] for label in y])
    model = LogisticRegression(tol=1e-2).fit(data, named)
    assert model.classes_.tolist() == names
    assert model.classes_.dtype == (named.__array__() if hasattr(named, "__array__") else np.array(names)).dtype
    assert (model.coef_ == reference.coef_).all()
    assert (model.predict_proba(data) == reference.predict_proba(data)).all()
    assert model.predict(data).tolist() == [names[label] for label in reference.predict(data)]
    assert model.score(data, named) == reference.score(data, y)


def test_labels_unknown_to_the_model_are_wrong_and_of_another_kind_an_error() -> None:
    model = LogisticRegression().fit(X, Y)
    assert model.score(X, [7] * 6) == 0.0
    with pytest.raises(ValueError, match=r"^label 0 of y is '0' \(str\), but another is 0: all must be text, or all"):
        model.score(X, list("001101"))


@pytest.mark.parametrize("form", [list, np.array, lambda y: list(np.array(y))])
def test_a_column_of_labels_is_taken_with_a_warning(form) -> None:
    reference = LogisticRegression().fit(X, Y)
    told = "^A column-vector y was passed when a 1d array was expected"
    with pytest.warns(DataConversionWarning, match=told) as caught:
        model = LogisticRegression().fit(X, form([[label] for label in Y]))
    assert [warning.filename for warning in caught] == [__file__]
    assert (model.coef_ == reference.coef_).all()
    with pytest.warns(DataConversionWarning, match=told) as caught:
        assert model.score(X, form([[label] for label in Y])) == reference.score(X, Y)
    assert [warning.filename for warning in caught] == [__file__]


@given(seeds)
@settings(max_examples=20)
def test_logarithms_of_probabilities(seed) -> None:
    data, y = overlapping(seed, 2)
    model = LogisticRegression(tol=1e-2).fit(data, y)
    np.testing.assert_allclose(model.predict_log_proba(data), np.log(model.predict_proba(data)), rtol=1e-12)
    far = data * 1e5 / abs(data).min(axis=1, keepdims=True)  # where probabilities are 0.0
    z = model.decision_function(far)
    np.testing.assert_allclose(model.predict_log_proba(far).min(axis=1), -abs(z), rtol=1e-12)


# ── weights ───────────────────────────────────────────────────────────────────────────────────────


@given(seeds, columns)
@settings(max_examples=12)
def test_weights_have_the_optimum_of_scikit_learn(seed: int, n: int) -> None:
    data, y = overlapping(seed, n)
    weights = np.random.default_rng(seed).uniform(0.2, 5, 60)
    ours = LogisticRegression(tol=1e-7).fit(data, y, weights)
    theirs = linear_model.LogisticRegression(C=np.inf, tol=1e-9, max_iter=1000).fit(data, y, weights)
    assert ours.coef_ == pytest.approx(theirs.coef_, abs=1e-4)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=1e-4)
    assert ours.loss_curve_[-1] == pytest.approx(log_loss(y, ours.predict_proba(data), sample_weight=weights))
    assert ours.score(data, y, weights) == pytest.approx(accuracy_score(y, ours.predict(data), sample_weight=weights))


@given(seeds)
@settings(max_examples=20)
def test_a_weight_is_how_often_a_sample_counts(seed: int) -> None:
    data, y = overlapping(seed, 2)
    times = np.random.default_rng(seed).integers(0, 4, 60)
    repeated = [np.repeat(part, times, axis=0) for part in (data, y)]
    weighted = LogisticRegression(tol=1e-3).fit(data, y, times)
    counted = LogisticRegression(tol=1e-3).fit(*repeated)
    assert weighted.coef_ == pytest.approx(counted.coef_, rel=1e-9)
    assert weighted.loss_curve_ == pytest.approx(counted.loss_curve_, rel=1e-9)
    assert weighted.score(data, y, times) == pytest.approx(counted.score(*repeated))


@given(seeds, st.floats(1e-300, 1e308), st.sampled_from([list, np.array, Frame, lambda weights: weights[0]]))
@settings(max_examples=20)
def test_equal_weights_are_no_weights_to_the_last_bit(seed: int, weight: float, form) -> None:
    data, y = overlapping(seed, 2)
    plain, weighted = LogisticRegression(tol=1e-3).fit(data, y), LogisticRegression(tol=1e-3)
    weighted.fit(data, y, sample_weight=form([weight] * 60))
    assert weighted.loss_curve_ == plain.loss_curve_
    assert (weighted.coef_ == plain.coef_).all()
    assert weighted.score(data, y, form([weight] * 60)) == plain.score(data, y)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1] * 5, "sample_weight should be a 1d array, a list of 6 numbers, one for each row of X: 5 numbers given"),
        ({}, "sample_weight should be a 1d array, a list of 6 numbers, .*: 'dict' given"),
        ([1, 2, 3, -1, 1, 1], r"sample_weight\[3\] is -1\.0: it must not be negative"),
        ([0] * 6, "sample_weight is zero for every row"),
        ([1, 1, "2", 1, 1, 1], r"sample_weight\[2\] is '2' \(str\), text"),
        ([1, 1, 1, 1, 1, math.inf], r"sample_weight\[5\] is inf"),
        (np.ones((6, 1)), r"sample_weight\[0\] is \[1\.0\] \(list\)"),
        (Y, "y holds one class only, 1, where weights are positive"),
    ],
)
def test_bad_weights(weights, message) -> None:
    with pytest.raises(ValueError, match=message):
        LogisticRegression().fit(X, Y, sample_weight=weights)


def test_without_numpy_and_scikit_learn_labels_and_weights_are_lists() -> None:
    program = f"""
import sys, warnings
sys.modules["numba"] = sys.modules["numpy"] = sys.modules["sklearn"] = None
from tinygrad_lite.nn import LogisticRegression
with warnings.catch_warnings(record=True) as caught:
    model = LogisticRegression().fit({X}, [["ab"[label]] for label in {Y}], [1, 2, 1, 2, 1, 2])
print(*(f"{{w.category.__module__}}.{{w.category.__name__}}" for w in caught))
print(model.classes_, model.predict({X}), model.predict_log_proba({X}), model.score({X}, list("aabbab"), 3))
"""
    warned, results = python("-c", program).stdout.splitlines()
    model = LogisticRegression().fit(X, ["ab"[label] for label in Y], [1, 2, 1, 2, 1, 2])
    assert warned == "tinygrad_lite.nn.data.DataConversionWarning"
    assert results == "{} {} {} {}".format(
        ["a", "b"], model.predict(X).tolist(), model.predict_log_proba(X).tolist(), model.score(X, list("aabbab"))
    )
