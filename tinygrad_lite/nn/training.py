"""A model trained on samples, by the steps of an optimizer."""

import operator
import random
from collections.abc import Callable, Iterable
from functools import reduce
from importlib import import_module
from typing import Any

from ..engine.arguments import check_count, to_lists
from ..engine.value import Value, topological_order
from ..replay.program import Program
from .data import check_number, check_samples, choose, read_lists, show_progress
from .losses import check_class, cross_entropy, losses
from .optimizers import SGD, Optimizer, optimizers


def prepare_batch(program: Program, batch: list[list[float]]) -> Any:
    """The batch as an array, if the program would make one of it at every call."""
    return import_module("numpy").array(batch) if program.executor == "compiled" else batch


def train(
    model: Any,
    X: Any,
    y: Any,
    *,
    loss: str | Callable[..., Any] = "squared_error",
    optimizer: str | Callable[..., Optimizer] = "sgd",
    learning_rate: float | None = None,
    momentum: float = 0.0,
    steps: int = 100,
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: bool = False,
    exact: bool = True,
) -> list[float]:
    """Move a model's parameters down its mean loss: the loss of one sample is recorded, and replayed.

        from tinygrad_lite.nn import MLP, train

        model = MLP(1, [4, 1], activation="tanh", seed=0)
        curve = train(model, [[-1], [0], [1]], [1, 0, 1], steps=50)

    Args:
        model: has `parameters()` and, called with a list of n Values, gives a prediction or a list of k. An `if`
            on a Value in it is decided once, for the first sample (see `Program`).
        X, y: m samples, of shape (m, n), and their targets, of shape (m,) or (m, k); of shape (m,), whole numbers
            from 0 to k − 1, where the loss is "cross_entropy".
        loss: of a prediction and a target: a name in `losses` or a function; summed up over k predictions. Of the
            list of k predictions and a target, where each sample has one target: "cross_entropy" or a function.
        optimizer: "sgd", "adam", or a function that makes an `Optimizer` of the parameters, such as
            `lambda parameters: Adam(parameters, 0.01, betas=(0.9, 0.95))`.
        learning_rate, momentum: the optimizer's; None and 0 for what it has by itself.
        steps: how many.
        batch_size: how many samples a step looks at, in a new order each round; what is left over at its end and
            fills no batch is not looked at. None for all m.
        seed: of this order.
        verbose: True shows a progress bar, if tqdm is installed.
        exact: False for the vector functions of the platform, as `Program` says.

    Returns: the mean loss before each step, over the samples it looks at.

    Raises: ValueError for arguments that are not as said; the errors of `Program`, naming node and sample, and
        of the optimizer. The parameters are then where the last step left them.
    """
    rows, given = check_samples(X), read_lists(y, "y")
    if isinstance(given, (list, tuple)) and not any(isinstance(to_lists(t), (list, tuple)) for t in given):
        given = [[check_number(t, f"target {i} of y")] for i, t in enumerate(given)]
    targets = check_samples(given, "y")
    if len(targets) != len(rows):
        raise ValueError(f"{len(rows)} rows of X and {len(targets)} targets in y: one for each is needed")
    inputs, wanted = [Value(x) for x in rows[0]], [Value(t) for t in targets[0]]
    outputs = model(inputs)
    predictions = list(outputs) if isinstance(outputs, Iterable) else [outputs]
    function = choose(loss, losses, "loss")
    if len(wanted) == 1 < len(predictions) and (function is cross_entropy or callable(loss)):
        if function is cross_entropy:
            for i, [target] in enumerate(targets):
                check_class(target, len(predictions), f"target {i} of y")
        total = function(predictions, wanted[0])
    elif len(predictions) != len(wanted) or function is cross_entropy:
        raise ValueError(f"the model gives {len(predictions)} predictions, but y has {len(wanted)} targets a sample")
    else:
        total = reduce(operator.add, map(function, predictions, wanted))
    descent = _make_optimizer(optimizer, model.parameters(), learning_rate, momentum)
    if not isinstance(total, Value) or set(descent.parameters).isdisjoint(topological_order(total)):
        raise ValueError("the loss depends on none of model.parameters(): is .data or float() used on the way?")
    program = Program(total, descent.parameters, [*inputs, *wanted], exact=exact)
    table = prepare_batch(program, [[*x, *t] for x, t in zip(rows, targets, strict=True)])
    size = len(rows) if batch_size is None else min(check_count(batch_size, "batch_size"), len(rows))
    generator = random.Random(seed)
    waiting: list[int] = []
    curve = []
    for step in show_progress(check_count(steps, "steps"), verbose):
        if size < len(rows) and len(waiting) < size:
            waiting = generator.sample(range(len(rows)), len(rows))
        batch = table
        if size < len(rows):
            chosen = waiting[:size]
            batch = table[chosen] if hasattr(table, "shape") else [table[i] for i in chosen]
        waiting = waiting[size:]
        try:
            mean, gradient = program([p.data for p in descent.parameters], batch)
        except OverflowError as error:
            rate = descent.learning_rate
            raise OverflowError(f"{error}, at step {step}: is learning_rate {rate!r} too large?") from None
        curve.append(mean)
        descent.step(gradient)
    return curve


def _make_optimizer(given: Any, parameters: Any, learning_rate: float | None, momentum: float) -> Optimizer:
    make = choose(given, optimizers, "optimizer")
    settings: dict[str, float] = {}
    if learning_rate is not None:
        settings["learning_rate"] = learning_rate
    if momentum:
        if make is not SGD:
            raise ValueError('momentum is what optimizer="sgd" has; Adam has betas')
        settings["momentum"] = momentum
    made = make(parameters, **settings)
    if not isinstance(made, Optimizer):
        raise TypeError(f"optimizer {given!r} made {made!r}, which is no Optimizer: see nn.Optimizer")
    return made
