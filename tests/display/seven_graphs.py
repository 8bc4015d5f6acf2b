"""Seven graphs as a course has them, each after `backward()`: what every picture is looked at with."""

from collections.abc import Callable

from tests.display.drawings import after_backward, course, neuron
from tinygrad_lite import Value, binary_cross_entropy, exp, log, nn, sigmoid, sin, tanh


def lecture() -> Value:
    """The neuron of Karpathy's lecture on micrograd, with its labels."""
    x1, x2, w1, w2 = Value(2.0, "x1"), Value(0.0, "x2"), Value(-3.0, "w1"), Value(1.0, "w2")
    b = Value(6.8813735870195432, "b")
    products = (x1 * w1).named("x1*w1"), (x2 * w2).named("x2*w2")
    n = (sum(products).named("x1*w1 + x2*w2") + b).named("n")
    return tanh(n).named("o")


def softmax() -> Value:
    """−log p of the first of three classes."""
    logits = [Value(z, f"z{i}") for i, z in enumerate([2.0, 1.0, 0.1], start=1)]
    powers = [exp(z) for z in logits]
    p = (powers[0] / sum(powers)).named("p")
    return (-log(p)).named("J")


def seven_inputs() -> Value:
    weights = [Value(w, f"w{i}") for i, w in enumerate([0.3, -0.2, 0.8, 0.5, -0.7, 0.1, 0.4], start=1)]
    inputs = [Value(x, f"x{i}") for i, x in enumerate([1.0, 0.5, -1.5, 2.0, 0.25, -0.75, 1.25], start=1)]
    z = sum((w * x for w, x in zip(weights, inputs, strict=True)), Value(0.1, "b")).named("z")
    return binary_cross_entropy(sigmoid(z).named("ŷ"), 1).named("J")


def chain() -> Value:
    """Twenty operations one behind the other."""
    y = Value(0.5, "x")
    for _ in range(10):
        y = sin(y) * 1.1
    return y.named("y")


def perceptron() -> Value:
    """An MLP 3-4-4-1 with its squared error."""
    inputs = [Value(x, f"x{i}") for i, x in enumerate([2.0, 3.0, -1.0], start=1)]
    return ((nn.MLP(3, [4, 4, 1], activation="tanh", seed=1)(inputs) - 1) ** 2).named("J")


SEVEN: dict[str, Callable[[], Value]] = {
    graph.__name__: lambda graph=graph: after_backward(graph())
    for graph in (course, neuron, lecture, softmax, seven_inputs, chain, perceptron)
}
