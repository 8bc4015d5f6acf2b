"""What a model is given: samples, labels, settings; checked, and named where they are wrong."""

import math
from collections.abc import Iterable
from typing import Any

from ..engine.arguments import is_real, to_lists


def check_samples(X: Any, name: str = "X") -> list[list[float]]:
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
            rows[i] = [check_number(x, f"row {i}, column {j} of {name}") for j, x in enumerate(row)]
    return rows


def check_labels(y: Any, m: int) -> list[int]:
    """y as a list of m labels; ValueError where it is not m times 0 or 1."""
    values = to_lists(y)
    if not isinstance(values, (list, tuple)) or len(values) != m:
        given = f"{len(values)} labels" if isinstance(values, (list, tuple)) else f"{type(values).__name__!r}"
        raise ValueError(f"y must be a list of {m} labels, one for each row of X: {given} given")
    for i, label in enumerate(values):
        if not is_real(label) or label not in (0, 1):
            raise ValueError(f"label {i} of y is {label!r}: it must be a plain 0 or 1")
    return [int(label) for label in values]


def read_column_names(X: Any) -> list[str]:
    """The names of a data frame's columns, if all are text; else none."""
    names = list(getattr(X, "columns", []))
    return names if all(isinstance(name, str) for name in names) else []


def check_number(x: Any, name: str, positive: bool = False) -> float:
    """x as a float; ValueError, saying what `name` is, where it is not finite, real and, if asked, positive."""
    if not is_real(x) or not math.isfinite(x) or (positive and x <= 0):
        raise ValueError(f"{name} is {x!r}: it must be a finite {'positive ' * positive}number, not NaN or inf")
    return float(x)


def choose(given: Any, known: dict[str, Any], kind: str) -> Any:
    """What is known by the name `given`, or the function that it is itself; ValueError for another name."""
    if not callable(given) and not (isinstance(given, str) and given in known):
        raise ValueError(f"unknown {kind} {given!r}: use a function, or one of {', '.join(known)}")
    return given if callable(given) else known[given]


def show_progress(n: int, verbose: bool) -> Iterable[int]:
    """The numbers 0 to n − 1, with a progress bar if that is wanted and tqdm is installed."""
    if verbose:
        try:
            from tqdm import tqdm
        except ImportError:
            return range(n)
        bar: Iterable[int] = tqdm(range(n), desc="gradient descent", unit=" gradients")
        return bar
    return range(n)
