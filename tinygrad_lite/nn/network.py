"""Neurons, layers and perceptrons, after micrograd's; gradient descent; logistic regression."""

import operator
import random
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Self

from ..engine.arguments import check_count, is_real, to_array, to_lists
from ..engine.declaration import TABLE
from ..engine.primitives import binary_cross_entropy_with_logits, mul
from ..engine.scopes import scope
from ..engine.value import Value, require_node
from ..replay.program import Program
from .logistic_regression import (
    ConvergenceWarning,
    LinearClassifier,
    column_names,
    curvature,
    labels,
    number,
    progress,
    samples,
)
from .losses import choice
from .training import SGD, quick

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
        seed: of the weights w1, w2, …, uniform from −1 to 1: a number, or the `random.Random` to draw them
            from; None draws from the module `random`. The bias b is 0 at first.

    Raises: ValueError for nin < 1 and for an unknown activation; when called, for another number of inputs, and
        TypeError for an activation that returns no Value.
    """

    def __init__(self, nin: int, nonlin: bool = True, activation: Activation = "relu", seed: Seed = None) -> None:
        uniform = (_generator(seed) or random).uniform
        self.w = [Value(uniform(-1, 1), f"w{i + 1}") for i in range(check_count(nin, "nin"))]
        self.b = Value(0.0, "b")
        self.nonlin = nonlin
        unary = {row.name: row for row in TABLE.values() if len(row.partials) == 1 and not row.hidden}
        self.activation = choice(activation, unary, "activation")

    def __call__(self, x: Any) -> Any:
        """The output for the list of inputs x."""
        x = x if isinstance(x, list) else _nodes(x)
        if len(x) != len(self.w):
            raise ValueError(f"a neuron with {len(self.w)} weights expects {len(self.w)} inputs, {len(x)} given")
        total = sum(map(operator.mul, self.w, x), self.b)
        if not self.nonlin:
            return total
        out = getattr(self.activation, "forward", self.activation)(total)  # of a row, what it does to Values
        if not isinstance(out, Value):
            raise TypeError(f"activation {self.activation!r} returned {out!r}, no Value: is it one of `math`?")
        return out

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
        self.neurons = [Neuron(nin, seed=generator, **kwargs) for _ in range(check_count(nout, "nout"))]
        for p in self.parameters():
            p.label = ""  # w1 would be the name of several

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
        if not isinstance(nouts, Sequence):
            raise TypeError(f"nouts is {nouts!r}: it must be a list of the layers' sizes, such as [16, 16, 1]")
        hidden = check_count(len(nouts), "the number of layers") - 1
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


def _nodes(x: Any) -> list[Value]:
    return [require_node(mul, xi) for xi in ([x] if isinstance(x, Value) or is_real(x) else x)]


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
        feature_names_in_: the columns' names, where X was a data frame with names; n_iter_: the number of steps;
        loss_curve_: the loss at first and after each step.
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
        tol, max_iter = number(self.tol, "tol", positive=True), check_count(self.max_iter, "max_iter")
        neuron = Neuron(len(rows[0]), nonlin=False, seed=0)
        neuron.w = [Value(0.0) for _ in neuron.w]
        rate = 1 / curvature(rows) if self.learning_rate is None else self.learning_rate
        optimizer = SGD(neuron.parameters(), rate)
        inputs, target = [Value(x) for x in rows[0]], Value(targets[0])
        loss = binary_cross_entropy_with_logits(neuron(inputs), target)
        program = Program(loss, optimizer.parameters, [*inputs, target])
        batch = quick(program, [[*row, target] for row, target in zip(rows, targets, strict=True)])
        self.loss_curve_: list[float] = []
        for step in progress(max_iter + 1, self.verbose):
            mean, gradient = program([p.data for p in optimizer.parameters], batch)
            self.loss_curve_.append(mean)
            slope = max(map(abs, gradient))
            if slope <= tol or step == max_iter:
                break
            optimizer.step(gradient)
        self.coef_, self.intercept_ = to_array([[w.data for w in neuron.w]]), to_array([neuron.b.data])
        self.classes_, self.n_features_in_, self.n_iter_ = to_array([0, 1]), len(rows[0]), step
        vars(self).pop("feature_names_in_", None)
        if names := column_names(X):
            self.feature_names_in_ = to_array(names)
        state = f"loss {mean:.6f} after {step} steps, largest gradient component {slope:.1e} (tol={tol:g})"
        if self.verbose:
            print(state)
        if slope > tol:
            advice = "standardise X" if self.learning_rate is None else "leave learning_rate at None"
            scores = to_lists(self.decision_function(rows))
            if all((z > 0) == t for z, t in zip(scores, targets, strict=True)):
                advice = "X separates the classes, so that larger weights are always better"
            warnings.warn(f"{state}: {advice}, or raise max_iter or tol", ConvergenceWarning, stacklevel=2)
        return self
