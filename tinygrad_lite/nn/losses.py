"""Softmax and its logarithm; losses by name, and their mean over samples."""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any

from ..engine.arguments import is_real
from ..engine.derivatives import stop_gradient
from ..engine.primitives import binary_cross_entropy, binary_cross_entropy_with_logits, exp, log, maximum
from ..engine.selection import take
from ..engine.value import Value
from .data import choose


def softmax(logits: Sequence[Any]) -> list[Value]:
    """The probabilities exp(zᵢ) / Σ exp(zⱼ) of k scores, which may be any finite numbers.

    Args:
        logits: k Values or numbers.

    Raises: ValueError where there are none.
    """
    powers, _ = _scaled_powers(logits, "softmax")
    total = reduce(add, powers)
    return [power / total for power in powers]


def logsumexp(values: Sequence[Any]) -> Value:
    """log Σ exp(zᵢ), a smooth maximum of k Values or numbers; its derivatives are their softmax.

    Raises: ValueError where there are none.
    """
    powers, highest = _scaled_powers(values, "logsumexp")
    total: Value = log(reduce(add, powers)) + highest
    return total


def cross_entropy(logits: Sequence[Any], target: Any) -> Value:
    """−log p of the right one of k classes, where p is the softmax of their scores; for one sample.

    Args:
        logits: k scores, Values or numbers.
        target: the right class, a whole number from 0 to k − 1; or a Value with such a number, which then is data:
            the choice is recorded (see `take`).

    Raises: ValueError for no scores, and for a target that is no class; TypeError for one that is no number.
    """
    if is_real(target):
        check_class(target, len(logits), "target")
        target = int(target)
    elif not isinstance(target, Value):
        raise TypeError(f"target is {target!r}: it must be a class, a whole number, or a Value")
    loss: Value = logsumexp(logits) - take(logits, target)
    return loss


def check_class(target: Any, k: int, name: str) -> None:
    """Raise ValueError, saying what `name` is, where a real number is none of the classes 0 to k − 1."""
    if target not in range(k):
        raise ValueError(f"{name} is {target:g}: it must be a class, a whole number from 0 to {k - 1}")


def _scaled_powers(values: Sequence[Any], name: str) -> tuple[list[Value], Value]:
    """exp(zᵢ − h) and h, the highest of all: none overflows, and the highest is not lost.

    Whatever number h is, it cancels, and so it has no derivative.
    """
    if isinstance(values, Value) or not len(values):
        raise ValueError(f"{name} is of a list of at least one Value or number")
    highest: Value = stop_gradient(reduce(maximum, values))
    return [exp(z - highest) for z in values], highest


losses: dict[str, Callable[..., Any]] = {
    "squared_error": lambda prediction, target: (prediction - target) ** 2,
    "binary_cross_entropy": binary_cross_entropy,
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
    "cross_entropy": cross_entropy,
}


def mean_loss(loss: str | Callable[..., Any], predictions: Sequence[Any], targets: Sequence[Any]) -> Value:
    """The mean over the samples of loss(prediction, target), a name in `losses` or a function of two.

    The names are "squared_error", "binary_cross_entropy", "binary_cross_entropy_with_logits" and "cross_entropy".

    Raises: ValueError for an unknown name, for no predictions, and for another number of targets.
    """
    function = choose(loss, losses, "loss")
    if not 0 < len(predictions) == len(targets):
        raise ValueError(f"{len(predictions)} predictions and {len(targets)} targets: one for each is needed")
    total: Value = reduce(add, map(function, predictions, targets))
    return total / len(predictions)
