"""Losses by name, and their mean over samples."""

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from ..engine.primitives import binary_cross_entropy, binary_cross_entropy_with_logits
from ..engine.value import Value
from .data import choose

losses: dict[str, Callable[..., Any]] = {
    "squared_error": lambda prediction, target: (prediction - target) ** 2,
    "binary_cross_entropy": binary_cross_entropy,
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
}


def mean_loss(loss: str | Callable[..., Any], predictions: Sequence[Any], targets: Sequence[Any]) -> Value:
    """The mean over the samples of loss(prediction, target), a name in `losses` or a function of two.

    Raises: ValueError for an unknown name, for no predictions, and for another number of targets.
    """
    function = choose(loss, losses, "loss")
    if not 0 < len(predictions) == len(targets):
        raise ValueError(f"{len(predictions)} predictions and {len(targets)} targets: one for each is needed")
    total: Value = reduce(operator.add, map(function, predictions, targets))
    return total / len(predictions)
