"""scikit-learn's conventions, without scikit-learn: settings, checked data, predictions, tags.

As in the chapter "Developing scikit-learn estimators" of its user guide. NumPy and scikit-learn are used
where the caller has imported them, and are not needed.
"""

import math
import operator
import sys
from collections.abc import Iterable
from typing import Any, Self

from ..engine.arguments import is_real, to_array, to_lists
from ..engine.primitives import sigmoid


class NotFittedError(ValueError, AttributeError):
    """A model was used before `fit`; scikit-learn's own of this name, once that has been imported."""


class ConvergenceWarning(UserWarning):
    """`fit` ended before the gradient was within the tolerance."""


class LinearClassifier:
    """P(y = 1) = σ(w·x + b), apart from how w and b are found.

    A subclass has `fit`, and a constructor whose arguments are keyword-only, have defaults, and are stored
    under their names. Methods raise ValueError for data that is not as said.
    """

    coef_: Any
    intercept_: Any
    n_features_in_: int

    def decision_function(self, X: Any) -> Any:
        """w·x + b, the logarithm of the odds of y = 1, for each row x of X, of shape (m, n_x)."""
        if not self.__sklearn_is_fitted__():
            exceptions = sys.modules.get("sklearn.exceptions")
            error = exceptions.NotFittedError if exceptions else NotFittedError
            raise error(f"this {type(self).__name__} has learned nothing yet: call fit first")
        rows = samples(X)
        if len(rows[0]) != self.n_features_in_:
            expecting = f"{type(self).__name__} is expecting {self.n_features_in_} features as input"
            raise ValueError(f"X has {len(rows[0])} features, but {expecting}: the columns that it was fitted to")
        given, fitted = column_names(X), list(getattr(self, "feature_names_in_", []))
        if given and fitted and given != fitted:
            should = "The feature names should match those that were passed during fit"
            raise ValueError(f"{should}, in that order: {', '.join(fitted)}; X has {', '.join(given)}")
        [w], [b] = to_lists(self.coef_), to_lists(self.intercept_)
        return to_array([sum(map(operator.mul, w, x), b) for x in rows])

    def predict_proba(self, X: Any) -> Any:
        """The probabilities of y = 0 and y = 1 for each row of X: of shape (m, 2)."""
        return to_array([[sigmoid(-z), sigmoid(z)] for z in to_lists(self.decision_function(X))])

    def predict(self, X: Any) -> Any:
        """1 for each row of X where the probability of y = 1 is at least 0.5, else 0."""
        return to_array([int(p >= 0.5) for _, p in to_lists(self.predict_proba(X))])

    def score(self, X: Any, y: Any) -> float:
        """The accuracy: for which part of the rows of X the prediction is the label in y."""
        predictions: list[int] = to_lists(self.predict(X))
        right: int = sum(map(operator.eq, predictions, labels(y, len(predictions))))
        return right / len(predictions)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings by name."""
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **params: Any) -> Self:
        """Change settings by name; ValueError for a name that is none of them, and then none is changed."""
        if unknown := sorted(params.keys() - self._defaults()):
            raise ValueError(f"{unknown[0]!r} is no setting of {self!r}: those are {', '.join(self._defaults())}")
        vars(self).update(params)
        return self

    def _defaults(self) -> dict[str, Any]:
        defaults: dict[str, Any] = vars(type(self))["__init__"].__kwdefaults__
        return defaults

    def __repr__(self) -> str:
        changed = [f"{name}={x!r}" for name, x in self.get_params().items() if x != self._defaults()[name]]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coef_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, Tags, TargetTags

        return Tags("classifier", TargetTags(required=True), classifier_tags=ClassifierTags(multi_class=False))


def column_names(X: Any) -> list[str]:
    """The names of a data frame's columns, if all are text; else none."""
    names = list(getattr(X, "columns", []))
    return names if all(isinstance(name, str) for name in names) else []


def samples(X: Any, name: str = "X") -> list[list[float]]:
    """X of shape (m, n) as a list of rows; ValueError, with its name, where it is not finite numbers in this shape."""
    rows = to_lists(X)
    rows = [to_lists(row) for row in rows] if isinstance(rows, (list, tuple)) else [rows]
    for i, row in enumerate(rows):
        if not isinstance(row, (list, tuple)):
            shape = f"two-dimensional list or array, not sparse: [[x] for x in {name}] for one column"
            raise ValueError(f"{name} must be a {shape}")
        if len(row) != len(rows[0]):
            raise ValueError(f"row {i} of {name} has {len(row)} columns, but row 0 has {len(rows[0])}")
    if not rows or not rows[0]:
        raise ValueError(f"{name} is empty: at least one row and one column are needed")
    for i, row in enumerate(rows):
        if not all(type(x) is float and math.isfinite(x) for x in row):
            rows[i] = [number(x, f"row {i}, column {j} of {name}") for j, x in enumerate(row)]
    return rows


def labels(y: Any, m: int) -> list[int]:
    """y as a list of m labels; ValueError where it is not m times 0 or 1."""
    values = to_lists(y)
    if not isinstance(values, (list, tuple)) or len(values) != m:
        given = f"{len(values)} labels" if isinstance(values, (list, tuple)) else f"{type(values).__name__!r}"
        raise ValueError(f"y must be a list of {m} labels, one for each row of X: {given} given")
    for i, label in enumerate(values):
        if not is_real(label) or label not in (0, 1):
            raise ValueError(f"label {i} of y is {label!r}: it must be a plain 0 or 1")
    return [int(label) for label in values]


def number(x: Any, name: str, positive: bool = False) -> float:
    """x as a float; ValueError, saying what `name` is, where it is not finite, real and, if asked, positive."""
    if not is_real(x) or not math.isfinite(x) or (positive and x <= 0):
        raise ValueError(f"{name} is {x!r}: it must be a finite {'positive ' * positive}number, not NaN or inf")
    return float(x)


def progress(n: int, verbose: bool) -> Iterable[int]:
    """The numbers 0 to n − 1, with a progress bar if that is wanted and tqdm is installed."""
    if verbose:
        try:
            from tqdm import tqdm
        except ImportError:
            return range(n)
        bar: Iterable[int] = tqdm(range(n), desc="gradient descent", unit=" gradients")
        return bar
    return range(n)


def curvature(rows: list[list[float]]) -> float:
    """L: no eigenvalue of the Hessian Σ σ′(z) x xᵀ / m of the mean cross-entropy is above it (x has a 1 for b).

    σ′ ≤ 1/4, so none is above the largest of G = Σ x xᵀ / 4m, nor that above ‖G²‖^½, with the Frobenius norm.
    """
    columns = [*zip(*rows, strict=True), (1.0,) * len(rows)]
    half = [[sum(map(operator.mul, a, b)) / (4 * len(rows)) for b in columns[: i + 1]] for i, a in enumerate(columns)]
    gram = [[half[max(i, j)][min(i, j)] for j in range(len(half))] for i in range(len(half))]
    norm = math.hypot(*(sum(map(operator.mul, a, b)) for a in gram for b in gram))
    if not math.isfinite(norm):
        raise ValueError("X holds numbers that are too large: standardise its columns")
    return math.sqrt(norm)
