"""What Python's `math` has besides the rows: with it, `import tinygrad_lite as math` is all that a program needs.

Distances and sums are formulas. What has no gradient to pass on takes numbers, and says of a Value why not.
"""

import math
from collections.abc import Callable, Iterable
from functools import reduce, wraps
from typing import Any

from . import hints
from .primitives import abs, hypot

PASSED = ("isclose", "isfinite", "isinf", "isnan", "prod")  # which say something of the number, or multiply as it is
fabs = abs


def fsum(values: Iterable[Any]) -> Any:
    """The sum: of numbers alone as `math.fsum` gives it, exact but for the last rounding; else from left to right."""
    terms = list(values)
    return sum(terms) if any(map(_is_node, terms)) else math.fsum(terms)


def sumprod(p: Iterable[Any], q: Iterable[Any]) -> Any:
    """p[0]·q[0] + p[1]·q[1] + …, from left to right. Raises: ValueError where p or q is longer."""
    return sum(a * b for a, b in zip(p, q, strict=True))


def fma(x: Any, y: Any, z: Any) -> Any:
    """x·y + z; of numbers alone rounded once, where Python is 3.13 or later."""
    fused = getattr(math, "fma", None)
    return fused(x, y, z) if fused and not any(map(_is_node, (x, y, z))) else x * y + z


def dist(p: Iterable[Any], q: Iterable[Any]) -> Any:
    """The distance of two points, lists of coordinates. Raises: ValueError where one has more of them."""
    return reduce(hypot, (a - b for a, b in zip(p, q, strict=True)), 0.0)


def find(name: str) -> Any:
    """What `math` calls so: a constant, or a function, of numbers only where it would lose the history of a Value.

    Raises: AttributeError where `math` has none of this name.
    """
    found = getattr(math, name)
    return found if not callable(found) or name in PASSED else _of_numbers(found)


def _of_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def of_numbers(*args: Any, **options: Any) -> Any:
        if any(map(_is_node, args)):
            reason = hints.JUMPS if function.__name__ in hints.JUMPING else hints.NO_ROW
            raise TypeError(f"math.{function.__name__} takes no Value: {reason}")
        return function(*args, **options)

    return of_numbers


def _is_node(x: Any) -> bool:
    return hasattr(x, "apply_primitive")
