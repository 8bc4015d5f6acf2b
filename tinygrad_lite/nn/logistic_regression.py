"""Logistic regression by scikit-learn's conventions, without scikit-learn.

As in the chapter "Developing scikit-learn estimators" of its user guide. NumPy and scikit-learn are used
where the caller has imported them, and are not needed.
"""

import inspect
import math
import operator
import warnings
from typing import Any, Self

from ..engine.arguments import check_count, to_array, to_lists
from ..engine.primitives import binary_cross_entropy_with_logits, sigmoid, softplus
from ..engine.value import Value
from ..replay.program import Program
from .data import (
    check_classes,
    check_labels,
    check_number,
    check_samples,
    check_weights,
    prefer_scikit_learn,
    read_column_names,
    show_progress,
)
from .network import Neuron
from .optimizers import SGD
from .training import prepare_batch


class NotFittedError(ValueError, AttributeError):
    """A model was used before `fit`; scikit-learn's own of this name, once that has been imported."""


class ConvergenceWarning(UserWarning):
    """`fit` ended before the gradient was within the tolerance."""


class LogisticRegression:
    """P(y = 1) = σ(w·x + b): a linear neuron that descends on its mean cross-entropy, without penalty.

    By scikit-learn's conventions, in its pipelines and searches too. Results are NumPy arrays once NumPy has
    been imported, else lists. ValueError is raised for data and settings that are not as said, TypeError for
    what is no data at all. The labels are any two whole numbers or strings; y = 1 stands for the greater one.

    Args:
        learning_rate: η; None for 1/L, where L bounds the curvature of the loss: then every step descends.
        max_iter: the largest number of steps; with standardised columns it takes fewest.
        tol: `fit` is done when no component of the gradient is larger in absolute value.
        verbose: True shows a progress bar (if tqdm is installed) and the result.
        exact: False for the vector functions of the platform, as `Program` says.

    Attributes:
        coef_, intercept_: w, of shape (1, n_x), and b, of shape (1,).
        classes_: the two labels, sorted.
        n_features_in_: n_x.
        feature_names_in_: the columns' names, where X was a data frame with names.
        n_iter_: the number of steps.
        loss_curve_: the loss at first and after each step.
    """

    def __init__(
        self,
        *,
        learning_rate: float | None = None,
        max_iter: int = 1000,
        tol: float = 1e-6,
        verbose: bool = False,
        exact: bool = True,
    ) -> None:
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.exact = exact

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from X, of shape (m, n_x), and m labels y; ConvergenceWarning where max_iter comes first.

        The loss is the mean weighted by the m numbers sample_weight, none negative; None for equal ones.
        """
        rows = check_samples(X)
        labels, weights = check_labels(y, len(rows)), check_weights(sample_weight, len(rows))
        classes = check_classes(labels, weights)
        targets = [classes.index(label) for label in labels]
        tol, max_iter = check_number(self.tol, "tol", positive=True), check_count(self.max_iter, "max_iter")
        neuron = Neuron(len(rows[0]), nonlin=False, seed=0)
        neuron.w = [Value(0.0) for _ in neuron.w]
        rate = 1 / bound_curvature(rows, weights) if self.learning_rate is None else self.learning_rate
        optimizer = SGD(neuron.parameters(), rate)
        program, batch = record_loss(neuron, rows, targets, weights, self.exact)
        self.loss_curve_: list[float] = []
        for step in show_progress(max_iter + 1, self.verbose):
            mean, gradient = program([p.data for p in optimizer.parameters], batch)
            self.loss_curve_.append(mean)
            slope = max(map(abs, gradient))
            if slope <= tol or step == max_iter:
                break
            optimizer.step(gradient)
        self.coef_, self.intercept_ = to_array([[w.data for w in neuron.w]]), to_array([neuron.b.data])
        self.classes_, self.n_features_in_, self.n_iter_ = to_array(classes), len(rows[0]), step
        if hasattr(y, "__array__"):
            self.classes_ = self.classes_.astype(y.__array__().dtype)
        vars(self).pop("feature_names_in_", None)
        if names := read_column_names(X):
            self.feature_names_in_ = to_array(names)
        state = f"loss {mean:.6f} after {step} steps, largest gradient component {slope:.1e} (tol={tol:g})"
        if self.verbose:
            print(state)
        if slope > tol:
            advice = "standardise X" if self.learning_rate is None else "leave learning_rate at None"
            scores = to_lists(self.decision_function(rows))
            if all((z > 0) == t for z, t in zip(scores, targets, strict=True)):
                advice = "X separates the classes, so that larger weights are always better"
            warnings.warn(f"{state}: {advice}, or raise max_iter or tol", ConvergenceWarning, stacklevel=2)
        return self

    def decision_function(self, X: Any) -> Any:
        """w·x + b, the logarithm of the odds of y = 1, for each row x of X, of shape (m, n_x)."""
        if not self.__sklearn_is_fitted__():
            unfitted = f"this {type(self).__name__} has learned nothing yet: call fit first"
            raise prefer_scikit_learn(NotFittedError)(unfitted)
        rows = check_samples(X)
        if len(rows[0]) != self.n_features_in_:
            expecting = f"{type(self).__name__} is expecting {self.n_features_in_} features as input"
            raise ValueError(f"X has {len(rows[0])} features, but {expecting}: the columns that it was fitted to")
        given, fitted = read_column_names(X), list(getattr(self, "feature_names_in_", []))
        if given and fitted and given != fitted:
            should = "The feature names should match those that were passed during fit"
            raise ValueError(f"{should}, in that order: {', '.join(fitted)}; X has {', '.join(given)}")
        [w], [b] = to_lists(self.coef_), to_lists(self.intercept_)
        return to_array([sum(map(operator.mul, w, x), b) for x in rows])

    def predict_proba(self, X: Any) -> Any:
        """The probabilities of y = 0 and y = 1 for each row of X: of shape (m, 2)."""
        return to_array([[sigmoid(-z), sigmoid(z)] for z in to_lists(self.decision_function(X))])

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithms of these probabilities, exact where a probability is too small for a float."""
        return to_array([[-softplus(z), -softplus(-z)] for z in to_lists(self.decision_function(X))])

    def predict(self, X: Any) -> Any:
        """The label for each row of X: that of y = 1 where its probability is at least 0.5."""
        indices = [int(p >= 0.5) for _, p in to_lists(self.predict_proba(X))]
        return to_array([self.classes_[i] for i in indices])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy: for which part of the rows of X the prediction is the label in y; weighted by sample_weight."""
        predictions = to_lists(self.predict(X))
        labels = check_labels(y, len(predictions), to_lists(self.classes_))
        weights = check_weights(sample_weight, len(predictions))
        right: float = sum(map(operator.mul, weights, map(operator.eq, predictions, labels)))
        return right / sum(weights)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings by name."""
        return {name: getattr(self, name) for name in self._read_defaults()}

    def set_params(self, **params: Any) -> Self:
        """Change settings by name; ValueError for a name that is none of them, and then none is changed."""
        known = self._read_defaults()
        if unknown := sorted(params.keys() - known):
            raise ValueError(f"{unknown[0]!r} is no setting of {self!r}: those are {', '.join(known)}")
        for name, x in params.items():
            setattr(self, name, x)
        return self

    @classmethod
    def _read_defaults(cls) -> dict[str, Any]:
        """The default of each argument that the class's constructor names."""
        _, *arguments = inspect.signature(cls.__init__).parameters.values()
        if any(argument.kind is argument.VAR_POSITIONAL for argument in arguments):
            raise RuntimeError(f"{cls.__name__}.__init__ takes *args: each setting must be an argument of its name")
        return {argument.name: argument.default for argument in arguments if argument.kind is not argument.VAR_KEYWORD}

    def __repr__(self) -> str:
        defaults = self._read_defaults()
        changed = [f"{name}={x!r}" for name, x in self.get_params().items() if repr(x) != repr(defaults[name])]
        return f"{type(self).__name__}({', '.join(changed)})"

    def set_fit_request(self, *, sample_weight: bool | str | None) -> Self:
        """For scikit-learn's metadata routing: whether `fit` is handed the sample_weight, or by which other name."""
        return self._set_request("fit", sample_weight)

    def set_score_request(self, *, sample_weight: bool | str | None) -> Self:
        """For scikit-learn's metadata routing, as `set_fit_request`: whether `score` is handed the sample_weight."""
        return self._set_request("score", sample_weight)

    def _set_request(self, method: str, alias: bool | str | None) -> Self:
        self._metadata_request = self.get_metadata_routing()  # the name under which scikit-learn's `clone` copies it
        getattr(self._metadata_request, method).add_request(param="sample_weight", alias=alias)
        return self

    def get_metadata_routing(self) -> Any:
        """For scikit-learn's metadata routing: which methods are to be handed the sample_weight."""
        from sklearn.utils.metadata_routing import MetadataRequest

        if not hasattr(self, "_metadata_request"):
            request = MetadataRequest(owner=type(self).__name__)
            for method in (request.fit, request.score):
                method.add_request(param="sample_weight", alias=None)
            return request
        return self._metadata_request

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coef_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, Tags, TargetTags

        return Tags("classifier", TargetTags(required=True), classifier_tags=ClassifierTags(multi_class=False))


def record_loss(
    neuron: Neuron, rows: list[list[float]], targets: list[int], weights: list[float], exact: bool
) -> tuple[Program, Any]:
    """The mean cross-entropy as a program, and its samples; with a column of weights only if they are not all 1."""
    inputs, target, weight = [Value(x) for x in rows[0]], Value(targets[0]), Value(1.0)
    loss, data = binary_cross_entropy_with_logits(neuron(inputs), target), [*inputs, target]
    table = [[*row, t] for row, t in zip(rows, targets, strict=True)]
    if any(v != 1 for v in weights):
        loss, data = weight * loss, [*data, weight]
        table = [[*row, v] for row, v in zip(table, weights, strict=True)]
    program = Program(loss, neuron.parameters(), data, exact=exact)
    return program, prepare_batch(program, table)


def bound_curvature(rows: list[list[float]], weights: list[float]) -> float:
    """L: no eigenvalue of the Hessian Σ v σ′(z) x xᵀ / m of the mean cross-entropy is above it (x has a 1 for b).

    v are the weights. σ′ ≤ 1/4, so none is above the largest of G = Σ v x xᵀ / 4m, nor that above ‖G²‖^½, with
    the Frobenius norm.
    """
    columns = [*zip(*rows, strict=True), (1.0,) * len(rows)]
    weighted = [[*map(operator.mul, weights, column)] for column in columns]
    half = [[sum(map(operator.mul, a, b)) / (4 * len(rows)) for b in columns[: i + 1]] for i, a in enumerate(weighted)]
    gram = [[half[max(i, j)][min(i, j)] for j in range(len(half))] for i in range(len(half))]
    norm = math.hypot(*(sum(map(operator.mul, a, b)) for a in gram for b in gram))
    if not math.isfinite(norm):
        raise ValueError("X holds numbers that are too large: standardise its columns")
    return math.sqrt(norm)
