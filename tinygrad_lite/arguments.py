"""Numbers as they are handed in, in lists and arrays: checked, and named where they are wrong."""

from collections.abc import Mapping
from typing import Any

from .estimator import plain
from .rows import real


def vector(given: Any, n: int, name: str) -> list[float]:
    """`given` as a list of n floats. Raises: TypeError for what is no real number, ValueError for another shape."""
    numbers = plain(given)
    if not _is_list(numbers):
        raise TypeError(f"{name} must be a list or an array of {n} numbers, not {type(given).__name__!r}")
    if len(numbers) != n:
        raise ValueError(f"{name} has {len(numbers)} numbers: {n} are needed")
    return [
        x if type(x) is float else real(plain(x), f"{name}[{i}] must be a real number") for i, x in enumerate(numbers)
    ]


def _is_list(x: Any) -> bool:
    """Whether x has a length and an order: a list, a tuple, a range, an array.array …, but no text."""
    return hasattr(x, "__len__") and hasattr(x, "__getitem__") and not isinstance(x, (str, bytes, Mapping))


def matrix(given: Any, n: int, name: str) -> list[list[float]]:
    """`given`, of shape (m, n), as a list of m lists. Raises: as `vector`; ValueError for m = 0."""
    rows = plain(given)
    if not _is_list(rows):
        raise TypeError(f"{name} must be a list or an array of shape (m, {n}), not {type(given).__name__!r}")
    if not rows:
        raise ValueError(f"{name} is empty: it needs at least one sample of {n} numbers")
    return [vector(row, n, f"{name}[{i}]") for i, row in enumerate(rows)]
