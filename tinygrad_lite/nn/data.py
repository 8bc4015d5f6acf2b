"""What a model is given: samples, labels, weights, settings; checked, and named where they are wrong."""

import reprlib
import sys
import warnings
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from math import isfinite
from numbers import Complex, Real
from typing import Any

from ..engine.arguments import is_real, to_lists


class DataConversionWarning(UserWarning):
    """Data were taken in another shape than given; scikit-learn's own of this name, once that has been imported."""


SHORT = reprlib.Repr()
SHORT.maxother = SHORT.maxstring = 60


def prefer_scikit_learn(own: type) -> Any:
    """scikit-learn's exception or warning of this name, once that has been imported, else `own`."""
    return getattr(sys.modules.get("sklearn.exceptions"), own.__name__, own)


def read_lists(data: Any, name: str) -> Any:
    """`data` as (nested) lists; ValueError for sparse matrices, and for dates, of which NumPy makes whole numbers."""
    if hasattr(data, "toarray"):
        raise ValueError(f"{name} is a sparse {type(data).__name__}: pass {name}.toarray()")
    array = data.__array__() if hasattr(data, "__array__") else data
    if is_time(array):
        kind = getattr(array, "dtype", type(array).__name__)
        raise ValueError(f"{name} holds dates or durations ({kind}): convert them to numbers, such as days")
    return to_lists(array)


def is_time(x: Any) -> bool:
    """Whether x is a date or a duration, of Python or NumPy, or an array of these."""
    return isinstance(x, (date, timedelta)) or getattr(getattr(x, "dtype", None), "kind", None) in ("m", "M")


def check_samples(X: Any, name: str = "X") -> list[list[float]]:
    """X of shape (m, n) as a list of rows; the errors of `check_number`, and ValueError for another shape."""
    rows = read_lists(X, name)
    nested = isinstance(rows, (list, tuple))
    rows = [read_lists(row, name) for row in rows] if nested else [rows]
    for i, row in enumerate(rows):
        if not isinstance(row, (list, tuple)):
            given = f"{f'row {i}' if nested else 'it'} is {SHORT.repr(row)} ({type(row).__name__})"
            advice = f"one sample x is [x] or x.reshape(1, -1), as in {name}[:1]; one column x is x.reshape(-1, 1)"
            advice = f". Reshape your data: {advice}" if is_real(row) else ""
            raise ValueError(f"{name} must be a two-dimensional list or array, but {given}{advice}")
        if len(row) != len(rows[0]):
            raise ValueError(f"row {i} of {name} has {len(row)} columns, but row 0 has {len(rows[0])}")
    if not rows or not rows[0]:
        size = f"0 feature(s) (shape=({len(rows)}, 0))" if rows else "0 sample(s)"
        raise ValueError(f"{name} is empty: {size} while a minimum of 1 is required.")
    for i, row in enumerate(rows):
        if not all(type(x) is float and isfinite(x) for x in row):
            rows[i] = [check_number(x, f"row {i}, column {j} of {name}") for j, x in enumerate(row)]
    return rows


def check_list(given: Any, m: int, name: str, kind: str) -> Sequence[Any]:
    """What is given, as a list or tuple of m parts; ValueError, saying its `name` and the parts' `kind`, for others."""
    parts = read_lists(given, name)
    if not isinstance(parts, (list, tuple)) or len(parts) != m:
        given = f"{len(parts)} {kind}" if isinstance(parts, (list, tuple)) else f"{type(parts).__name__!r}"
        raise ValueError(f"{name} should be a 1d array, a list of {m} {kind}, one for each row of X: {given} given")
    return parts


def check_labels(y: Any, m: int, known: Sequence[Any] = ()) -> list[Any]:
    """y as a list of m labels, all text or all whole numbers, as those `known` are.

    Warns: DataConversionWarning for a column, of shape (m, 1). Raises: ValueError where y is neither.
    """
    labels = [read_lists(label, "y") for label in check_list(y, m, "y", "labels")]
    if all(isinstance(label, (list, tuple)) and len(label) == 1 for label in labels):
        told = "A column-vector y was passed when a 1d array was expected: make its shape (m,), as y.ravel() does"
        warnings.warn(told, prefer_scikit_learn(DataConversionWarning), stacklevel=3)
        labels = [label for [label] in labels]
    first = known[0] if known else labels[0]
    for i, label in enumerate(labels):
        given = f"label {i} of y is {SHORT.repr(label)} ({type(label).__name__})"
        if isinstance(label, (list, tuple)):
            raise ValueError(f"y should be a 1d array, but {given}")
        if not isinstance(label, str) and not (is_real(label) and label % 1 == 0):
            kind = "continuous" if is_real(label) and isfinite(label) else "unknown"
            raise ValueError(f"Unknown label type: {kind}: {given}, neither text nor a whole number")
        if isinstance(label, str) != isinstance(first, str):
            raise ValueError(f"{given}, but another is {SHORT.repr(first)}: all must be text, or all numbers")
    return labels


def check_classes(labels: Sequence[Any], weights: Sequence[float]) -> list[Any]:
    """The two classes among the labels, sorted; ValueError where there are more, or fewer of positive weight."""
    first, *others = dict.fromkeys(labels)
    if len(others) > 1:
        third = f"label {labels.index(others[1])} of y is {others[1]!r}, a third besides {first!r} and {others[0]!r}"
        raise ValueError(f"Only binary classification is supported. The type of the target is multiclass: {third}")
    classes = {label for label, weight in zip(labels, weights, strict=True) if weight}
    if len(classes) == 1:
        raise ValueError(f"y holds one class only, {classes.pop()!r}, where weights are positive: two are needed")
    return sorted(classes)


def check_weights(sample_weight: Any, m: int) -> list[float]:
    """m weights, or one number for all, or None, made to have the mean 1; ValueError where they are not as said.

    Equal ones become 1.0 to the last bit.
    """
    given = 1.0 if sample_weight is None else sample_weight
    given = [given] * m if is_real(given) else check_list(given, m, "sample_weight", "numbers")
    weights = [check_number(to_lists(weight), f"sample_weight[{i}]") for i, weight in enumerate(given)]
    if min(weights) < 0:
        raise ValueError(f"sample_weight[{weights.index(min(weights))}] is {min(weights)!r}: it must not be negative")
    if not any(weights):
        raise ValueError("sample_weight is zero for every row: a row of positive weight is needed")
    largest = max(weights)
    parts = [weight / largest for weight in weights]  # their sum is finite
    total = sum(parts)
    return [part * m / total for part in parts]


def read_column_names(X: Any) -> list[str]:
    """The names of a data frame's columns, if all are text; else none."""
    names = list(getattr(X, "columns", []))
    return names if all(isinstance(name, str) for name in names) else []


def check_number(x: Any, name: str, positive: bool = False) -> float:
    """x as a float.

    Raises: ValueError, saying what `name` is, where it is not finite, real and, if asked, positive; TypeError where
        it is no number, text or list at all.
    """
    if is_real(x):
        try:
            number = float(x)
        except OverflowError:
            raise ValueError(f"{name} is a whole number beyond the range of floats") from None
        if isfinite(number) and not (positive and number <= 0):
            return number
        raise ValueError(f"{name} is {x!r}: it must be a finite {'positive ' * positive}number, not NaN or inf")
    given = f"{name} is {SHORT.repr(x)} ({type(x).__name__})"
    if x is None or type(x).__name__ == "NAType":  # of pandas
        raise ValueError(f"{given}, a missing value: fill it in, or leave its row out")
    if is_time(x):
        raise ValueError(f"{given}, a date or a duration: convert it to a number, such as days")
    if isinstance(x, (str, bytes)):
        raise ValueError(f"{given}, text: convert it by float(), or code categories as numbers")
    if isinstance(x, (list, tuple)) or getattr(x, "ndim", False):
        raise ValueError(f"{given}: one number is needed in its place")
    if isinstance(x, Complex) and not isinstance(x, Real):
        raise ValueError(f"{given}: Complex data not supported")
    if hasattr(x, "__float__"):
        raise ValueError(f"{given}: convert it by float()")
    raise TypeError(f"{given}: float's argument must be a string or a real number")


def choose(given: Any, known: dict[str, Any], kind: str) -> Any:
    """What is known by the name `given`, or the function that it is itself; ValueError for another name."""
    if not callable(given) and not (isinstance(given, str) and given in known):
        raise ValueError(f"unknown {kind} {given!r}: use a function, or one of {', '.join(known)}")
    return given if callable(given) else known[given]


def show_progress(n: int, verbose: bool) -> Iterable[int]:
    """The numbers 0 to n − 1, with a progress bar if that is wanted and tqdm is installed.

    It is written where results are: what comes by the way of errors is red in a notebook.
    """
    if verbose:
        try:
            from tqdm import tqdm
        except ImportError:
            return range(n)
        bar: Iterable[int] = tqdm(range(n), desc="gradient descent", unit=" gradients", file=sys.stdout)
        return bar
    return range(n)
