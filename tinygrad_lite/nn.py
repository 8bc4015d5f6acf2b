"""Neurons, layers and perceptrons, after micrograd's; gradient descent; logistic regression."""

import math
import operator
import random
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any, Self

from .estimator import ConvergenceWarning, LinearClassifier, array, count, curvature, labels, number, samples, steps
from .primitives import binary_cross_entropy, binary_cross_entropy_with_logits, mul
from .rows import TABLE, is_real
from .scopes import scope
from .value import Value, operand, required

Activation = str | Callable[[Value], Value]
Seed = float | random.Random | None


class Module:
    """Something with parameters: a neuron, a layer, a network of one's own."""

    def parameters(self) -> list[Value]:
        """The leaves to be learned, always in the same order."""
        return []

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0.0; `backward` adds to it."""
        for p in self.parameters():
            p.grad = 0.0


class Neuron(Module):
    """activation(b + w₁x₁ + … + wₙxₙ), for n inputs, Values or numbers; without activation for nonlin=False.

    Args:
        nin: n.
        activation: a one-argument operation of the table, by name ("relu", "tanh", "sigmoid" …), or a function.
        seed: of the weights w, uniform from −1 to 1: a number, or the `random.Random` to draw them from;
            None draws from the module `random`. The bias b is 0 at first.

    Raises: ValueError for nin < 1 and for an unknown activation; when called, for another number of inputs.
    """

    def __init__(self, nin: int, nonlin: bool = True, activation: Activation = "relu", seed: Seed = None) -> None:
        uniform = (_generator(seed) or random).uniform
        self.w = [Value(uniform(-1, 1)) for _ in range(count(nin, "nin"))]
        self.b = Value(0.0)
        self.nonlin = nonlin
        unary = {row.name: row for row in TABLE.values() if len(row.partials) == 1 and not row.hidden}
        self.activation = _choice(activation, unary, "activation")

    def __call__(self, x: Any) -> Any:
        """The output for the list of inputs x."""
        x = x if isinstance(x, list) else _nodes(x)
        if len(x) != len(self.w):
            raise ValueError(f"a neuron with {len(self.w)} weights expects {len(self.w)} inputs, {len(x)} given")
        total = sum(map(operator.mul, self.w, x), self.b)
        activate = getattr(self.activation, "forward", self.activation)  # of a row, what it does to Values
        return activate(total) if self.nonlin else total

    def parameters(self) -> list[Value]:
        """The weights, then the bias."""
        return [*self.w, self.b]

    def __repr__(self) -> str:
        name: str = getattr(self.activation, "name", getattr(self.activation, "__name__", "nonlinear"))
        kind = {"relu": "ReLU"}.get(name, name.capitalize()) if self.nonlin else "Linear"
        return f"{kind}Neuron({len(self.w)})"


class Layer(Module):
    """`nout` neurons with the same `nin` inputs; they draw from `seed` in turn. For the rest see `Neuron`."""

    def __init__(self, nin: int, nout: int, *, seed: Seed = None, **kwargs: Any) -> None:
        generator = _generator(seed)
        self.neurons = [Neuron(nin, seed=generator, **kwargs) for _ in range(count(nout, "nout"))]

    def __call__(self, x: Any) -> Any:
        """The outputs for the list of inputs x: a list, or the only one."""
        nodes = _nodes(x)  # a number becomes a node once, not in every neuron
        out = []
        for i, neuron in enumerate(self.neurons, start=1):
            with scope(f"neuron {i}", neuron.parameters()):
                out.append(neuron(nodes))
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Value]:
        """The first neuron's, then the second's, and so on."""
        return [p for neuron in self.neurons for p in neuron.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(repr, self.neurons))}]"


class MLP(Module):
    """A multi-layer perceptron: layers of `nouts` neurons one behind the other, the last linear; see `Neuron`."""

    def __init__(self, nin: int, nouts: Sequence[int], activation: Activation = "relu", seed: Seed = None) -> None:
        hidden = count(len(nouts), "the number of layers") - 1
        kwargs: dict[str, Any] = {"activation": activation, "seed": _generator(seed)}
        sizes = [nin, *nouts]
        self.layers = [Layer(sizes[i], nouts[i], nonlin=i < hidden, **kwargs) for i in range(len(nouts))]

    def __call__(self, x: Any) -> Any:
        """The last layer's outputs for the list of inputs x: a list, or the only one."""
        x = _nodes(x)  # before a scope is open: the inputs belong to no layer
        for i, layer in enumerate(self.layers, start=1):
            with scope(f"layer {i}"):
                x = layer(x)
        return x

    def parameters(self) -> list[Value]:
        """The first layer's, then the second's, and so on."""
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"


def _generator(seed: Seed) -> random.Random | None:
    return seed if seed is None or isinstance(seed, random.Random) else random.Random(seed)


def _choice(given: Any, known: dict[str, Any], kind: str) -> Any:
    if not callable(given) and given not in known:
        raise ValueError(f"unknown {kind} {given!r}: use a function, or one of {', '.join(known)}")
    return given if callable(given) else known[given]


def _nodes(x: Any) -> list[Value]:
    return [required(mul, xi) for xi in ([x] if isinstance(x, Value) or is_real(x) else x)]


losses: dict[str, Callable[..., Any]] = {
    "squared_error": lambda prediction, target: (prediction - target) ** 2,
    "binary_cross_entropy": binary_cross_entropy,
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
}


def mean_loss(loss: str | Callable[..., Any], predictions: Sequence[Any], targets: Sequence[Any]) -> Value:
    """The mean over the samples of loss(prediction, target), a name in `losses` or a function of two.

    Raises: ValueError for an unknown name, for no predictions, and for another number of targets.
    """
    function = _choice(loss, losses, "loss")
    if not 0 < len(predictions) == len(targets):
        raise ValueError(f"{len(predictions)} predictions and {len(targets)} targets: one for each is needed")
    total: Value = reduce(operator.add, map(function, predictions, targets))
    return total / len(predictions)


class SGD:
    """Gradient descent θ ← θ − η·v, where v ← μ·v + ∂f/∂θ (Polyak's heavy ball, 1964; v = ∂f/∂θ for μ = 0).

    Args:
        parameters: the leaves θ, such as `model.parameters()`.
        learning_rate: η > 0; the attribute may be changed between steps.
        momentum: μ, at least 0 and less than 1.

    Raises: ValueError for other arguments, and for a parameter given twice.
    """

    def __init__(self, parameters: Iterable[Value], learning_rate: float, momentum: float = 0.0) -> None:
        self.parameters = list(parameters)
        leaves = {p for p in self.parameters if isinstance(p, Value) and p.op is None}
        if not 0 < len(leaves) == len(self.parameters):
            raise ValueError("parameters must be Values that are not computed from others, each given once")
        self.learning_rate = number(learning_rate, "learning_rate", positive=True)
        self.momentum = number(momentum, "momentum")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum is {momentum!r}: it must be at least 0 and less than 1")
        self.velocities = [0.0] * len(self.parameters)

    def step(self) -> None:
        """Move every parameter; OverflowError, and none is moved, where one would not be finite any more."""
        self.velocities = [self.momentum * v + p.grad for v, p in zip(self.velocities, self.parameters, strict=True)]
        moved = [p.data - self.learning_rate * v for v, p in zip(self.velocities, self.parameters, strict=True)]
        if not all(map(math.isfinite, moved)):
            raise OverflowError(f"learning_rate {self.learning_rate!r} is too large: a step leaves the range of floats")
        for p, data in zip(self.parameters, moved, strict=True):
            p.data = data

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0.0; `backward` adds to it."""
        for p in self.parameters:
            p.grad = 0.0


class LogisticRegression(LinearClassifier):
    """P(y = 1) = σ(w·x + b): a linear neuron that descends on its mean cross-entropy, without penalty.

    By scikit-learn's conventions, in its pipelines and searches too. Results are NumPy arrays once NumPy has
    been imported, else lists. ValueError is raised for data and settings that are not as said.

    Args:
        learning_rate: η; None for 1/L, where L bounds the curvature of the loss: then every step descends.
        max_iter: the largest number of steps; with standardised columns it takes fewest.
        tol: `fit` is done when no component of the gradient is larger in absolute value.
        verbose: True shows a progress bar (if tqdm is installed) and the result.

    Attributes:
        coef_, intercept_: w, of shape (1, n_x), and b, of shape (1,); classes_: 0 and 1; n_features_in_: n_x;
        n_iter_: the number of steps; loss_curve_: the loss at first and after each step.
    """

    def __init__(
        self, *, learning_rate: float | None = None, max_iter: int = 1000, tol: float = 1e-6, verbose: bool = False
    ) -> None:
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from X of shape (m, n_x) and m labels y, 0 or 1; ConvergenceWarning where max_iter comes first."""
        rows = samples(X)
        targets = labels(y, len(rows))
        if len(set(targets)) == 1:
            raise ValueError(f"y holds one class only, {targets[0]}: both 0 and 1 are needed")
        tol, max_iter = number(self.tol, "tol", positive=True), count(self.max_iter, "max_iter")
        neuron = Neuron(len(rows[0]), nonlin=False, seed=0)
        neuron.w = [Value(0.0) for _ in neuron.w]
        rate = 1 / curvature(rows) if self.learning_rate is None else self.learning_rate
        optimizer = SGD(neuron.parameters(), rate)
        inputs = [list(map(operand, row)) for row in rows]
        self.loss_curve_: list[float] = []
        for step in steps(max_iter + 1, self.verbose):
            if step > 0:
                optimizer.step()
            scores = [neuron(x) for x in inputs]
            loss = mean_loss("binary_cross_entropy_with_logits", scores, targets)
            optimizer.zero_grad()
            loss.backward()
            self.loss_curve_.append(loss.data)
            slope = max(abs(p.grad) for p in neuron.parameters())
            if slope <= tol:
                break
        self.coef_, self.intercept_ = array([[w.data for w in neuron.w]]), array([neuron.b.data])
        self.classes_, self.n_features_in_, self.n_iter_ = array([0, 1]), len(rows[0]), step
        state = f"loss {loss.data:.6f} after {step} steps, largest gradient component {slope:.1e} (tol={tol:g})"
        if self.verbose:
            print(state)
        if slope > tol:
            advice = "standardise X" if self.learning_rate is None else "leave learning_rate at None"
            if all((z.data > 0) == t for z, t in zip(scores, targets, strict=True)):
                advice = "X separates the classes, so that larger weights are always better"
            warnings.warn(f"{state}: {advice}, or raise max_iter or tol", ConvergenceWarning, stacklevel=2)
        return self
