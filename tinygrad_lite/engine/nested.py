"""Arguments that may be lists, nested or not: what is in them, and the same shape around something else."""

from collections.abc import Iterator
from typing import Any


def leaves(x: Any) -> Iterator[Any]:
    """What is in nested lists and tuples, in order; x itself if it is none."""
    if isinstance(x, (list, tuple)):
        for part in x:
            yield from leaves(part)
    else:
        yield x


def demand(x: Any) -> str:
    """The rest of the message that an argument, or what is in it, is neither number nor Value, but x."""
    advice = ": pass its tolist()" if hasattr(x, "tolist") else ""
    return f"must be a number, a Value or a list of them, not {type(x).__name__!r}{advice}"


def filled(shape: Any, parts: Iterator[Any]) -> Any:
    """`shape`, in lists, with what is in it replaced by `parts`, in order."""
    return [filled(part, parts) for part in shape] if isinstance(shape, (list, tuple)) else next(parts)
