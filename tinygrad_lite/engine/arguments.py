"""What is handed in: numbers, and lists and arrays of them; checked, and named where they are wrong."""

import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any


def imported_numpy() -> Any:
    """NumPy, if it has been imported; None before, and while another thread is at it, for half of it is no NumPy."""
    numpy = sys.modules.get("numpy")
    return None if numpy is None or getattr(numpy.__spec__, "_initializing", False) else numpy


def is_real(x: Any) -> bool:
    """Whether `x` is an int, float, bool or real NumPy scalar (none can be one before NumPy is imported)."""
    if isinstance(x, (float, int)):
        return True
    numpy = imported_numpy()
    if numpy is None or isinstance(x, numpy.timedelta64):  # a duration, which NumPy takes for an integer
        return False
    return isinstance(x, (numpy.floating, numpy.integer, numpy.bool_))


def to_float(x: Any, demand: str) -> float:
    """`x` as a float; a TypeError that begins with `demand` if it is no real number."""
    if not is_real(x):
        advice = ": of several numbers, one at a time" * (is_array(x) or isinstance(x, (list, tuple)))
        raise TypeError(f"{demand}, not {type(x).__name__!r}{advice}")
    return float(x)


def check_count(n: Any, name: str) -> int:
    """n as an int; ValueError, saying what `name` is, where it is not a whole number of at least 1."""
    if not hasattr(n, "__index__") or n < 1:
        raise ValueError(f"{name} is {n!r}: it must be a whole number, at least 1")
    return int(n)


# ── nested lists, tuples, dicts and arrays ────────────────────────────────────────────────────────


def is_array(x: Any) -> bool:
    """Whether `x` is an array of NumPy's (none can be one before NumPy is imported)."""
    numpy = imported_numpy()
    return numpy is not None and isinstance(x, numpy.ndarray)


def map_leaves(function: Callable[[Any, str], Any], x: Any, name: str = "") -> Any:
    """`x` with `function(part, its name)` for each part that is no list, tuple or dict: `xs` has the part `xs[0]`."""
    if isinstance(x, dict):
        return {key: map_leaves(function, part, f"{name}[{key!r}]") for key, part in x.items()}
    if isinstance(x, (list, tuple)):
        parts = [map_leaves(function, part, f"{name}[{i}]") for i, part in enumerate(x)]
        if isinstance(x, list):
            return parts
        return type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)
    return function(x, name)


def map_nested(function: Callable[[Any, str], Any], x: Any, name: str = "") -> Any:
    """As `map_leaves`, and for each part of an array, which becomes one of float64, or else of objects."""

    def map_array(part: Any, name: str) -> Any:
        if not is_array(part):
            return function(part, name)
        mapped, where = part.astype(object), "[%d]" * part.ndim
        for place, x in zip(product(*map(range, part.shape)), part.flat, strict=True):
            mapped[place] = function(x, name + where % place)
        return mapped.astype(float) if ONLY_FLOATS.issuperset(map(type, mapped.flat)) else mapped

    return map_leaves(map_array, x, name)


def flatten(x: Any) -> list[Any]:
    """The parts of nested lists, tuples, dicts and arrays, in order; [x] for anything else."""
    parts: list[Any] = []
    map_nested(lambda part, _: parts.append(part), x)
    return parts


def by_name(x: Any, walk: Callable[..., Any] = map_nested) -> dict[str, Any]:
    """The parts of nested lists, tuples, dicts and arrays, by where they are: `[0]['w'][2]`."""
    found: dict[str, Any] = {}
    walk(lambda part, name: found.update({name: part}), x)
    return found


def unflatten(shape: Any, parts: Iterator[Any]) -> Any:
    """`shape` with the next of `parts` in place of each of its own."""
    return map_nested(lambda *_: next(parts), shape)


def expect_number(x: Any) -> str:
    """The rest of the message that an argument, or what is in it, is neither number nor Value, but x."""
    advice = ": pass its tolist()" if hasattr(x, "tolist") else ""
    return f"must be a number, a Value or a list of them, not {type(x).__name__!r}{advice}"


# ── vectors and matrices ──────────────────────────────────────────────────────────────────────────


def to_lists(data: Any) -> Any:
    """An array or data frame as (nested) lists of numbers; anything else as it is."""
    if not hasattr(data, "__array__"):
        return data
    array = data.__array__()
    # NumPy makes integers of times in nanoseconds, and of no others: those are told apart, and refused, as times.
    return (array.astype(f"{array.dtype.kind}8[us]") if array.dtype.kind in "mM" else array).tolist()


def to_array(data: list[Any]) -> Any:
    """The data as a NumPy array, or as they are where NumPy has not been imported."""
    numpy = imported_numpy()
    return numpy.array(data) if numpy else data


ONLY_FLOATS = frozenset([float])


def check_vector(given: Any, n: int, name: str) -> list[float]:
    """`given` as a list of n floats. Raises: TypeError for what is no real number, ValueError for another shape."""
    numbers = given if type(given) is list else to_lists(given)
    if type(numbers) is list and len(numbers) == n and ONLY_FLOATS.issuperset(map(type, numbers)):
        return numbers
    if not _is_list(numbers):
        raise TypeError(f"{name} must be a list or an array of {n} numbers, not {type(given).__name__!r}")
    if len(numbers) != n:
        raise ValueError(f"{name} has {len(numbers)} numbers: {n} are needed")
    return [
        x if type(x) is float else to_float(to_lists(x), f"{name}[{i}] must be a real number")
        for i, x in enumerate(numbers)
    ]


def check_matrix(given: Any, n: int, name: str) -> list[list[float]]:
    """`given`, of shape (m, n), as a list of m lists. Raises: as `check_vector`; ValueError for m = 0."""
    rows = to_lists(given)
    if not _is_list(rows):
        raise TypeError(f"{name} must be a list or an array of shape (m, {n}), not {type(given).__name__!r}")
    if not rows:
        raise ValueError(f"{name} is empty: it needs at least one sample of {n} numbers")
    return [check_vector(row, n, f"{name}[{i}]") for i, row in enumerate(rows)]


def _is_list(x: Any) -> bool:
    """Whether x has a length and an order: a list, a tuple, a range, an array.array …, but no text."""
    if type(x) is list:  # as nearly always
        return True
    return hasattr(x, "__len__") and hasattr(x, "__getitem__") and not isinstance(x, (str, bytes, Mapping))
