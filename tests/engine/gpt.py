"""A GPT on scalars: one attention head, an MLP, tokens of one text; written for any engine with `+ - * / **`.

After the idea of Karpathy's microgpt: everything is a Value, and the Value class is an argument.
"""

import itertools
import operator
import random

TEXT = "the cat sat on the mat. "
VOCABULARY = sorted(set(TEXT))
WIDTH, CONTEXT = 6, 8


def parameters(Value, seed=1):
    """Matrices of fresh Values, by name."""
    generator = random.Random(seed)

    def matrix(rows, columns):
        return [[Value(generator.gauss(0, 0.3)) for _ in range(columns)] for _ in range(rows)]

    n = len(VOCABULARY)
    shapes = {
        "token": (n, WIDTH),
        "position": (CONTEXT, WIDTH),
        "query": (WIDTH, WIDTH),
        "key": (WIDTH, WIDTH),
        "value": (WIDTH, WIDTH),
        "out": (WIDTH, WIDTH),
        "up": (2 * WIDTH, WIDTH),
        "down": (WIDTH, 2 * WIDTH),
        "logits": (n, WIDTH),
    }
    return {name: matrix(*shape) for name, shape in shapes.items()}


def linear(x, w):
    return [sum(wi * xi for wi, xi in zip(row, x, strict=True)) for row in w]


def softmax(logits):
    highest = max(x.data for x in logits)
    exps = [(x - highest).exp() for x in logits]
    total = sum(exps)
    return [e / total for e in exps]


def rmsnorm(x):
    mean_square = sum(xi * xi for xi in x) / len(x)
    scale = (mean_square + 1e-5) ** -0.5
    return [xi * scale for xi in x]


def loss(p, tokens, choose=operator.getitem):
    """The mean cross-entropy of each next token; `choose(values, token)` is what an index by a token is."""
    keys, values, losses = [], [], []
    for position, (token, target) in enumerate(itertools.pairwise(tokens)):
        x = [t + s for t, s in zip(choose(p["token"], token), p["position"][position], strict=True)]
        h = rmsnorm(x)
        query = linear(h, p["query"])
        keys.append(linear(h, p["key"]))
        values.append(linear(h, p["value"]))
        scores = [sum(q * k for q, k in zip(query, key, strict=True)) / WIDTH**0.5 for key in keys]
        weights = softmax(scores)
        mixed = [sum(w * v[j] for w, v in zip(weights, values, strict=True)) for j in range(WIDTH)]
        x = [a + b for a, b in zip(x, linear(mixed, p["out"]), strict=True)]
        h = [u.relu() for u in linear(rmsnorm(x), p["up"])]
        x = [a + b for a, b in zip(x, linear(h, p["down"]), strict=True)]
        losses.append(-choose(softmax(linear(x, p["logits"])), target).log())
    return (1 / len(losses)) * sum(losses)


def train(Value, steps=3, learning_rate=0.1):
    """The losses and final parameters of a few steps of gradient descent."""
    matrices = parameters(Value)
    flat = [p for matrix in matrices.values() for row in matrix for p in row]
    losses = []
    for step in range(steps):
        window = TEXT[step : step + CONTEXT + 1]
        J = loss(matrices, [VOCABULARY.index(character) for character in window])
        J.backward()
        losses.append(J.data)
        for p in flat:
            p.data -= learning_rate * p.grad
            p.grad = 0
    return losses, [p.data for p in flat]
