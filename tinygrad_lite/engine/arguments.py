"""Numbers as they are handed in, in lists and arrays: checked, and named where they are wrong."""

import sys
from collections.abc import Mapping
from typing import Any

from .declaration import real


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


def count(n: Any, name: str) -> int:
    """n as an int; ValueError, saying what `name` is, where it is not a whole number of at least 1."""
    if not hasattr(n, "__index__") or n < 1:
        raise ValueError(f"{name} is {n!r}: it must be a whole number, at least 1")
    return int(n)


def plain(data: Any) -> Any:
    """An array or data frame as (nested) lists of numbers; anything else as it is."""
    return data.__array__().tolist() if hasattr(data, "__array__") else data


def array(data: list[Any]) -> Any:
    """The data as a NumPy array, or as they are where NumPy has not been imported."""
    numpy = sys.modules.get("numpy")
    return numpy.array(data) if numpy else data
