"""The GPT of lesson 8 without tinygrad_lite: on the plainest engine of scalars, and in matrices.

Each is a function of parameters (matrices by name) and tokens that returns the loss and its gradient by name.
"""

import json
import math
from contextlib import redirect_stdout
from operator import getitem

import numpy as np

from tests.project import ROOT

LESSON = ROOT / "notebooks" / "8_a_language_model_from_scalars.ipynb"


def cells(*names, **given):
    """What the lesson's cells define, in silence; `given` stands for what they import."""
    sources = {cell["id"]: "".join(cell["source"]) for cell in json.loads(LESSON.read_text())["cells"]}
    with redirect_stdout(None):
        for name in names:
            exec(sources[name], given)
    return given


class Scalar:
    """A number, what it was made of, and the slopes by which: on one line for each operation."""

    __slots__ = ("data", "grad", "inputs", "slopes")

    def __init__(self, data, inputs=(), slopes=()):
        self.data, self.grad, self.inputs, self.slopes = data, 0.0, inputs, slopes

    def __add__(self, other):
        other = other if isinstance(other, Scalar) else Scalar(other)
        return Scalar(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Scalar) else Scalar(other)
        return Scalar(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n):
        return Scalar(self.data**n, (self,), (n * self.data ** (n - 1),))

    def exp(self):
        return Scalar(y := math.exp(self.data), (self,), (y,))

    def log(self):
        return Scalar(math.log(self.data), (self,), (1 / self.data,))

    def relu(self):
        return Scalar(max(0.0, self.data), (self,), (float(self.data > 0),))

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -other

    def __truediv__(self, other):
        return self * other**-1

    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        order, visited = [], set()

        def visit(node):
            if node not in visited:
                visited.add(node)
                for x in node.inputs:
                    visit(x)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for x, slope in zip(node.inputs, node.slopes, strict=True):
                x.grad += slope * node.grad


def softmax(logits):
    highest = max(z.data for z in logits)
    powers = [(z - highest).exp() for z in logits]
    total = sum(powers)
    return [power / total for power in powers]


def cross_entropy(logits, target):
    return -softmax(logits)[target].log()


def by_scalars():
    """On the plain engine, by the lesson's own model."""
    given = {"take": getitem, "relu": Scalar.relu, "softmax": softmax, "cross_entropy": cross_entropy}
    return by_graph(Scalar, cells("pieces", "scores", "loss", **given)["loss"])


def by_graph(engine, loss):
    """A graph of the numbers of `engine`, walked backward, as the lesson does it first."""

    def loss_and_gradient(p, tokens):
        leaves = {name: [[engine(x) for x in row] for row in matrix.tolist()] for name, matrix in p.items()}
        J = loss(leaves, tokens)
        J.backward()
        return J.data, {name: np.array([[x.grad for x in row] for row in rows]) for name, rows in leaves.items()}

    return loss_and_gradient


def normalize(x):
    scale = (np.mean(x * x, axis=1, keepdims=True) + 1e-5) ** -0.5
    return x * scale, scale


def normalize_backward(g, h, scale):
    return scale * (g - h * np.mean(g * h, axis=1, keepdims=True))


def softmax_of_rows(z):
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def by_matrices(p, tokens):
    """In NumPy, a row for each position, with the backward pass written by hand."""
    read, targets = np.array(tokens[:-1]), np.array(tokens[1:])
    rows = np.arange(n := len(read))

    x0 = p["token"][read] + p["position"][:n]
    h0, scale0 = normalize(x0)
    query, key, value = (h0 @ p[name].T for name in ("query", "key", "value"))
    root = query.shape[1] ** 0.5
    attention = softmax_of_rows(np.where(np.tri(n, dtype=bool), query @ key.T / root, -np.inf))
    mixed = attention @ value
    x1 = x0 + mixed @ p["mix"].T
    h1, scale1 = normalize(x1)
    neurons = np.maximum(h1 @ p["up"].T, 0)
    x2 = x1 + neurons @ p["down"].T
    probabilities = softmax_of_rows(x2 @ p["answer"].T)
    loss = -np.mean(np.log(probabilities[rows, targets]))

    d = {}
    dz = probabilities / n
    dz[rows, targets] -= 1 / n
    d["answer"], dx2 = dz.T @ x2, dz @ p["answer"]
    d["down"], du = dx2.T @ neurons, dx2 @ p["down"] * (neurons > 0)
    d["up"], dx1 = du.T @ h1, dx2 + normalize_backward(du @ p["up"], h1, scale1)
    d["mix"], dmixed = dx1.T @ mixed, dx1 @ p["mix"]
    dattention, dvalue = dmixed @ value.T, attention.T @ dmixed
    dscores = attention * (dattention - np.sum(dattention * attention, axis=1, keepdims=True)) / root
    dquery, dkey = dscores @ key, dscores.T @ query
    d["query"], d["key"], d["value"] = dquery.T @ h0, dkey.T @ h0, dvalue.T @ h0
    dx0 = dx1 + normalize_backward(dquery @ p["query"] + dkey @ p["key"] + dvalue @ p["value"], h0, scale0)
    d["token"], d["position"] = np.zeros_like(p["token"]), np.zeros_like(p["position"])
    np.add.at(d["token"], read, dx0)
    d["position"][:n] = dx0
    return loss, {name: d[name] for name in p}
