"""Losses by name, and their mean over samples."""

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from ..engine.primitives import binary_cross_entropy, binary_cross_entropy_with_logits
from ..engine.value import Value

losses: dict[str, Callable[..., Any]] = {
    "squared_error": lambda prediction, target: (prediction - target) ** 2,
    "binary_cross_entropy": binary_cross_entropy,
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
}


def mean_loss(loss: str | Callable[..., Any], predictions: Sequence[Any], targets: Sequence[Any]) -> Value:
    """The mean over the samples of loss(prediction, target), a name in `losses` or a function of two.

    Raises: ValueError for an unknown name, for no predictions, and for another number of targets.
    """
    function = choice(loss, losses, "loss")
    if not 0 < len(predictions) == len(targets):
        raise ValueError(f"{len(predictions)} predictions and {len(targets)} targets: one for each is needed")
    total: Value = reduce(operator.add, map(function, predictions, targets))
    return total / len(predictions)


def choice(given: Any, known: dict[str, Any], kind: str) -> Any:
    """What is known by the name `given`, or the function that it is itself; ValueError for another name."""
    if not callable(given) and not (isinstance(given, str) and given in known):
        raise ValueError(f"unknown {kind} {given!r}: use a function, or one of {', '.join(known)}")
    return given if callable(given) else known[given]
