"""Gradient descent: its steps, and a model trained by them."""

import math
import operator
import random
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from importlib import import_module
from typing import Any

from ..engine.arguments import check_count, check_vector, to_lists
from ..engine.value import Value, topological_order
from ..replay.program import Program
from .data import check_number, check_samples, choose, read_lists, show_progress
from .losses import losses


class SGD:
    """Gradient descent θ ← θ − η·v, where v ← μ·v + ∂f/∂θ (Polyak's heavy ball, 1964; v = ∂f/∂θ for μ = 0).

    Args:
        parameters: the leaves θ, such as `model.parameters()`.
        learning_rate: η > 0; the attribute may be changed between steps.
        momentum: μ, at least 0 and less than 1.

    Raises: TypeError for what is no list of parameters; ValueError for other arguments, and for a parameter
        given twice.
    """

    def __init__(self, parameters: Iterable[Value], learning_rate: float, momentum: float = 0.0) -> None:
        if not isinstance(parameters, Iterable):
            raise TypeError(f"SGD moves a list of parameters, not {type(parameters).__name__!r}: model.parameters()")
        self.parameters = list(parameters)
        leaves = {p for p in self.parameters if isinstance(p, Value) and p.op is None}
        if not 0 < len(leaves) == len(self.parameters):
            raise ValueError("parameters must be Values that are not computed from others, each given once")
        self.learning_rate = check_number(learning_rate, "learning_rate", positive=True)
        self.momentum = check_number(momentum, "momentum")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum is {momentum!r}: it must be at least 0 and less than 1")
        self.velocities = [0.0] * len(self.parameters)

    def step(self, gradient: Sequence[float] | None = None) -> None:
        """Move every parameter by its `grad`, or by the gradient that is given, such as that of a `Program`.

        Raises: TypeError or ValueError for a gradient of another kind or length, or that is not finite;
            OverflowError where a parameter would not be finite any more. None is moved then.
        """
        slopes = [p.grad for p in self.parameters] if gradient is None else gradient
        slopes = check_vector(slopes, len(self.parameters), "gradient")
        for i, slope in enumerate(slopes):
            if not math.isfinite(slope):
                raise ValueError(f"the gradient of parameter {i} is {slope!r}: a step needs finite numbers")
        velocities = [self.momentum * v + slope for v, slope in zip(self.velocities, slopes, strict=True)]
        moved = [p.data - self.learning_rate * v for v, p in zip(velocities, self.parameters, strict=True)]
        if not all(map(math.isfinite, moved)):
            raise OverflowError(f"learning_rate {self.learning_rate!r} is too large: a step leaves the range of floats")
        self.velocities = velocities
        for p, data in zip(self.parameters, moved, strict=True):
            p.data = data

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0.0; `backward` adds to it."""
        for p in self.parameters:
            p.grad = 0.0


def prepare_batch(program: Program, batch: list[list[float]]) -> Any:
    """The batch as an array, if the program would make one of it at every call."""
    return import_module("numpy").array(batch) if program.executor == "compiled" else batch


def train(
    model: Any,
    X: Any,
    y: Any,
    *,
    loss: str | Callable[..., Any] = "squared_error",
    learning_rate: float = 0.1,
    momentum: float = 0.0,
    steps: int = 100,
    batch_size: int | None = None,
    seed: int | None = None,
    verbose: bool = False,
    exact: bool = True,
) -> list[float]:
    """Move a model's parameters down its mean loss by `SGD`: the loss of one sample is recorded, and replayed.

        from tinygrad_lite.nn import MLP, train

        model = MLP(1, [4, 1], activation="tanh", seed=0)
        curve = train(model, [[-1], [0], [1]], [1, 0, 1], steps=50)

    Args:
        model: has `parameters()` and, called with a list of n Values, gives a prediction or a list of k. An `if`
            on a Value in it is decided once, for the first sample (see `Program`).
        X, y: m samples, of shape (m, n), and their targets, of shape (m,) or (m, k).
        loss: of a prediction and a target: a name in `losses` or a function; summed up over k predictions.
        learning_rate, momentum: those of `SGD`.
        steps: how many.
        batch_size: how many samples a step looks at, in a new order each round; what is left over at its end and
            fills no batch is not looked at. None for all m.
        seed: of the drawing.
        verbose: True shows a progress bar, if tqdm is installed.
        exact: False for the vector functions of the platform, as `Program` says.

    Returns: the mean loss before each step, over the samples it looks at.

    Raises: ValueError for arguments that are not as said; the errors of `Program`, naming node and sample, and
        of `SGD`. The parameters are then where the last step left them.
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
    if len(predictions) != len(wanted):
        raise ValueError(f"the model gives {len(predictions)} predictions, but y has {len(wanted)} targets a sample")
    total = reduce(operator.add, map(choose(loss, losses, "loss"), predictions, wanted))
    optimizer = SGD(model.parameters(), learning_rate, momentum)
    if not isinstance(total, Value) or set(optimizer.parameters).isdisjoint(topological_order(total)):
        raise ValueError("the loss depends on none of model.parameters(): is .data or float() used on the way?")
    program = Program(total, optimizer.parameters, [*inputs, *wanted], exact=exact)
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
            mean, gradient = program([p.data for p in optimizer.parameters], batch)
        except OverflowError as error:
            rate = optimizer.learning_rate
            raise OverflowError(f"{error}, at step {step}: is learning_rate {rate!r} too large?") from None
        curve.append(mean)
        optimizer.step(gradient)
    return curve
