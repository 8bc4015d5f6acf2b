"""Neurons, layers and multi-layer perceptrons, after micrograd's."""

import operator
import random
from collections.abc import Callable, Sequence
from typing import Any

from ..engine.arguments import check_count, is_real
from ..engine.declaration import TABLE
from ..engine.primitives import mul
from ..engine.scopes import scope
from ..engine.value import Value, require_node
from .data import choose

Activation = str | Callable[[Value], Value]
Seed = float | random.Random | None


class Module:
    """Something with parameters: a neuron, a layer, a user-defined network."""

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
        nin: n, the number of inputs.
        activation: a one-argument operation of the table, by name ("relu", "tanh", "sigmoid" …), or a function.
        seed: of the weights w1, w2, …, uniform from −1 to 1: a number, or the `random.Random` to draw them
            from; None draws from the module `random`. The bias b is 0 at first.

    Raises: ValueError for nin < 1 and for an unknown activation; when called, for another number of inputs, and
        TypeError for an activation that returns no Value.
    """

    def __init__(self, nin: int, nonlin: bool = True, activation: Activation = "relu", seed: Seed = None) -> None:
        uniform = (_as_generator(seed) or random).uniform
        self.w = [Value(uniform(-1, 1), f"w{i + 1}") for i in range(check_count(nin, "nin"))]
        self.b = Value(0.0, "b")
        self.nonlin = nonlin
        unary = {row.name: row for row in TABLE.values() if len(row.partials) == 1 and not row.hidden}
        self.activation = choose(activation, unary, "activation")

    def __call__(self, x: Any) -> Any:
        """The output for the list of inputs x."""
        x = x if isinstance(x, list) else _as_nodes(x)
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
        generator = _as_generator(seed)
        self.neurons = [Neuron(nin, seed=generator, **kwargs) for _ in range(check_count(nout, "nout"))]
        _add_to_paths("neuron", self.neurons)

    def __call__(self, x: Any) -> Any:
        """The outputs for the list of inputs x: a list, or the only one."""
        nodes = _as_nodes(x)  # a number becomes a node once, not in every neuron
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
        kwargs: dict[str, Any] = {"activation": activation, "seed": _as_generator(seed)}
        sizes = [nin, *nouts]
        self.layers = [Layer(sizes[i], nouts[i], nonlin=i < hidden, **kwargs) for i in range(len(nouts))]
        _add_to_paths("layer", self.layers)

    def __call__(self, x: Any) -> Any:
        """The last layer's outputs for the list of inputs x: a list, or the only one."""
        x = _as_nodes(x)  # before a scope is open: the inputs belong to no layer
        for i, layer in enumerate(self.layers, start=1):
            with scope(f"layer {i}"):
                x = layer(x)
        return x

    def parameters(self) -> list[Value]:
        """The first layer's, then the second's, and so on."""
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"


def _add_to_paths(kind: str, parts: Sequence[Module]) -> None:
    """Parameters are named by where they are: w3 becomes neuron 2.w3, and that layer 1.neuron 2.w3."""
    for i, part in enumerate(parts, start=1):
        for p in part.parameters():
            p.label = f"{kind} {i}.{p.label}"


def _as_generator(seed: Seed) -> random.Random | None:
    return seed if seed is None or isinstance(seed, random.Random) else random.Random(seed)


def _as_nodes(x: Any) -> list[Value]:
    return [require_node(mul, xi) for xi in ([x] if isinstance(x, Value) or is_real(x) else x)]
