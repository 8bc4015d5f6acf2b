"""Logistic regression inside scikit-learn: its checks, pipelines, searches, ensembles and metadata routing."""

import copy
import pickle
import re
import warnings

import numpy as np
import pytest
import sklearn
from sklearn import linear_model
from sklearn.base import clone
from sklearn.ensemble import AdaBoostClassifier
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted

from tests.nn.test_logistic_regression import overlapping
from tinygrad_lite.nn import LogisticRegression


class Mine(LogisticRegression):
    """Inherits its constructor."""


def test_checks_of_scikit_learn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # separable data
        results = check_estimator(LogisticRegression(max_iter=100), on_fail=None, on_skip=None)
    by_status = {
        status: {r["check_name"]: str(r["exception"]) for r in results if r["status"] == status}
        for status in ("passed", "skipped", "failed")
    }
    assert by_status["failed"] == {}
    assert len(by_status["passed"]) > 50
    absent = re.compile("pandas is not installed|SCIPY_ARRAY_API is not set")
    assert [reason for reason in by_status["skipped"].values() if not absent.match(reason)] == []


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


# ── subclasses ────────────────────────────────────────────────────────────────────────────────────


class Scaled(LogisticRegression):
    """Has arguments of its own, one of them without default."""

    def __init__(self, factor, *, offsets=(0.0, 0.0), tol=1e-3, **kwargs):
        super().__init__(tol=tol)
        self.factor, self.offsets = factor, offsets


class Loose(LogisticRegression):
    """Says nothing of its settings."""

    def __init__(self, *args):
        super().__init__()


def test_a_subclass_has_the_settings_of_its_constructor() -> None:
    data, y = overlapping(5, 1)
    assert Mine().get_params() == LogisticRegression().get_params()
    assert repr(Mine(tol=0.5)) == "Mine(tol=0.5)"
    assert repr(clone(Mine(tol=1e-5).set_params(max_iter=7))) == "Mine(max_iter=7, tol=1e-05)"
    assert (cross_val_score(Mine(), data, y) == cross_val_score(LogisticRegression(), data, y)).all()
    assert Scaled(2).get_params() == {"factor": 2, "offsets": (0.0, 0.0), "tol": 1e-3}
    assert repr(clone(Scaled(2, offsets=np.ones(2)))) == "Scaled(factor=2, offsets=array([1., 1.]))"
    with pytest.raises(
        ValueError, match=r"'verbose' is no setting of Scaled\(factor=3\): those are factor, offsets, tol"
    ):
        Scaled(3).set_params(verbose=True)
    with pytest.raises(RuntimeError, match=r"^Loose\.__init__ takes \*args: each setting must be an argument"):
        Loose().get_params()


# ── weights and labels ────────────────────────────────────────────────────────────────────────────


def test_ada_boost() -> None:
    data, y = overlapping(7, 2)
    names = np.array(["no", "yes"])[y]
    ours, theirs = (
        AdaBoostClassifier(model, n_estimators=3).fit(data, names)
        for model in (LogisticRegression(tol=1e-7), linear_model.LogisticRegression(C=np.inf, tol=1e-9))
    )
    assert len(ours.estimators_) == len(theirs.estimators_) == 3
    for a, b in zip(ours.estimators_, theirs.estimators_, strict=True):
        assert a.coef_ == pytest.approx(b.coef_, abs=1e-3)
    assert (ours.predict(data) == theirs.predict(data)).all()


def test_metadata_routing() -> None:
    data, y = overlapping(8, 2)
    weights = np.random.default_rng(8).uniform(0.2, 5, 60)
    with sklearn.config_context(enable_metadata_routing=True):
        scores = []
        for model in (LogisticRegression(tol=1e-7), linear_model.LogisticRegression(C=np.inf, tol=1e-9)):
            with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
                cross_val_score(model, data, y, params={"sample_weight": weights})
            asking = model.set_fit_request(sample_weight="w").set_score_request(sample_weight=True)
            assert asking is model
            for twin in (model, clone(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
                scores.append(cross_val_score(twin, data, y, params={"w": weights, "sample_weight": weights}))
            weighted_fit = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
            scores.append(cross_val_score(weighted_fit, data, y, params={"w": weights, "sample_weight": weights}))
        assert scores == [pytest.approx(scores[0])] * 10
        unweighted = cross_val_score(LogisticRegression(tol=1e-7), data, y)
        assert scores[0] != pytest.approx(unweighted)
