"""Who takes part in compare_replay.py: each takes a `Work` and returns a function to be timed, and one that reads the
loss and the gradient from what it returns. ImportError if its library is not installed. What is compiled is compiled
until the first call has returned.

Peers get what suits them best: samples in columns, arrays that are converted already.
"""

import math
import operator
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from tinygrad_lite import Value, nn
from tinygrad_lite.engine.value import topological_order

SIZES = [2, 16, 16, 1]
SHAPES = [(nout, nin + 1) for nin, nout in pairwise(SIZES)]  # the weights, and behind them the bias


def squared_error(prediction, target):
    difference = prediction - target
    return difference * difference


LOSSES = {**nn.losses, "squared_error": squared_error}


@dataclass(frozen=True)
class Work:
    """The mean loss of an MLP over m samples, and its gradient."""

    m: int
    activation: str = "relu"
    loss: str = "squared_error"

    @cached_property
    def arrays(self):
        """θ of shape (p,), in the order of `nn.MLP.parameters`, and x₁, x₂ and y, 0 or 1, of shape (m, 3)."""
        chance = np.random.default_rng(0)
        theta, X = chance.uniform(-1, 1, sum(map(math.prod, SHAPES))), chance.uniform(-1, 1, (self.m, 2))
        return theta, np.column_stack([X, chance.integers(0, 2, self.m)])

    def model(self, MLP=None):
        model = MLP(SIZES[0], SIZES[1:]) if MLP else nn.MLP(SIZES[0], SIZES[1:], self.activation)
        for p, number in zip(model.parameters(), self.arrays[0].tolist(), strict=True):
            p.data = number
        return model

    def mean_loss(self, model):
        x1, x2, y = self.arrays[1].T.tolist()
        return nn.mean_loss(LOSSES[self.loss], [model(x) for x in zip(x1, x2, strict=True)], y)

    def graph(self):
        """The loss and the parameters of all samples in one graph."""
        model = self.model()
        return self.mean_loss(model), model.parameters()

    def graph_of_one(self):
        """The loss, the parameters and the data of one sample."""
        model, *x, y = self.model(), Value(0.5), Value(0.5), Value(0.5)
        return LOSSES[self.loss](model(x), y), model.parameters(), [*x, y]


def micrograd(work):
    from micrograd.nn import MLP

    sys.setrecursionlimit(20_000)  # for its recursive sort
    return eager(work, MLP)


def eager(work, MLP=None):
    model = work.model(MLP)

    def step():
        model.zero_grad()
        loss = work.mean_loss(model)
        loss.backward()
        return loss

    return step, lambda loss: (loss.data, [p.grad for p in model.parameters()])


def number_by_number(work, theta, activation):
    """The mean loss in the numbers of θ, whatever type they have."""
    numbers = iter(theta)
    *hidden, [(*v, c)] = [[list(islice(numbers, columns)) for _ in range(rows)] for rows, columns in SHAPES]
    X, y, predictions = work.arrays[1][:, :2].tolist(), work.arrays[1][:, 2].tolist(), []
    for x in X:
        for neurons in hidden:
            x = [activation(sum(map(operator.mul, w, x), b)) for *w, b in neurons]
        predictions.append(sum(map(operator.mul, v, x), c))
    return nn.mean_loss(LOSSES[work.loss], predictions, y)


def pytorch_scalars(work):
    """A tensor without dimensions for each number."""
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    theta = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in work.arrays[0]]
    activation = getattr(torch, work.activation)

    def step():
        for p in theta:
            p.grad = None
        loss = number_by_number(work, theta, activation)
        loss.backward()
        return loss

    return step, lambda loss: (loss.item(), [p.grad.item() for p in theta])


def autograd(work):
    """In its fastest way: an array that is taken apart, and an `if`, which it follows."""
    import autograd
    from autograd import numpy

    activation = {"relu": lambda z: z if z > 0 else 0.0, "tanh": numpy.tanh}[work.activation]
    step = autograd.value_and_grad(lambda theta: number_by_number(work, theta, activation))
    return lambda: step(work.arrays[0]), tuple


def casadi(work, compiled=False):
    """The same graph, node by node, as an SX function: in CasADi's virtual machine, or as C code that gcc compiles."""
    import casadi

    loss, parameters = work.graph()
    theta = casadi.SX.sym("theta", len(parameters))
    symbols = dict(zip(parameters, casadi.vertsplit(theta), strict=True))
    operations = {"add": casadi.plus, "sub": casadi.minus, "mul": casadi.times, "div": casadi.rdivide}
    operations["relu"] = lambda x: casadi.fmax(x, 0)
    for node in topological_order(loss):
        if node.op:
            symbols[node] = operations[node.op.name](*(symbols[x] for x in node.inputs))
        else:
            symbols.setdefault(node, casadi.SX(node.data))
    function = casadi.Function("f", [theta], [symbols[loss], casadi.gradient(symbols[loss], theta)])
    if compiled:
        with tempfile.TemporaryDirectory() as folder:
            source, library = Path(folder, "f.c"), Path(folder, "f.so")
            generator = casadi.CodeGenerator(source.name)
            generator.add(function)
            generator.generate(f"{folder}/")
            subprocess.run(["gcc", "-O2", "-shared", "-fPIC", source, "-o", library], check=True)
            function = casadi.external("f", str(library))
    buffers, evaluate = function.buffer()
    given, value, gradient = work.arrays[0], np.empty(1), np.empty(len(parameters))
    buffers.set_arg(0, memoryview(given))
    buffers.set_res(0, memoryview(value))
    buffers.set_res(1, memoryview(gradient))

    def step():
        evaluate()
        return given, value, gradient, buffers  # none of which CasADi keeps alive

    return step, lambda _: (*value, gradient)


def replayed(work, whole=False, **options):
    """The graph of one sample over the batch; with `whole`, all samples in one graph."""
    from tinygrad_lite import Program

    program = Program(*(work.graph() if whole else work.graph_of_one()), **{"executor": "compiled", **options})
    arguments = work.arrays[:1] if whole else work.arrays
    return lambda: program(*arguments), tuple


def layers(theta):
    """The weights, of shape (nout, nin), and the biases, of shape (nout, 1), of every layer."""
    ends = np.cumsum([math.prod(shape) for shape in SHAPES])
    parts = [theta[end - math.prod(shape) : end].reshape(shape) for end, shape in zip(ends, SHAPES, strict=True)]
    return [(part[:, :-1], part[:, -1:]) for part in parts]


def outputs(layers, columns, affine, activation):
    """The outputs of the net for samples in columns."""
    *hidden, (W, b) = layers
    for V, a in hidden:
        columns = activation(affine(a, V, columns))
    return affine(b, W, columns)[0]


def pytorch(work, compiled=False):
    """Eager, or the forward and the backward pass of the loss compiled by `torch.compile`."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    theta, batch = map(torch.tensor, work.arrays)
    parameters = [[a.clone().requires_grad_() for a in layer] for layer in layers(theta)]
    X, y = batch[:, :2].T.contiguous(), batch[:, 2].contiguous()
    activation, loss_of = getattr(torch, work.activation), {**vars(functional), "squared_error": functional.mse_loss}

    def loss_now():
        return loss_of[work.loss](outputs(parameters, X, torch.addmm, activation), y)

    forward = torch.compile(loss_now, dynamic=False) if compiled else loss_now

    def step():
        for W, b in parameters:
            W.grad = b.grad = None
        loss = forward()
        loss.backward()
        return loss

    def read(loss):
        return loss.item(), torch.cat([torch.cat([W.grad, b.grad], 1).ravel() for W, b in parameters])

    return step, read


def jax(work):
    import jax

    loss_of = {
        "squared_error": lambda z, y: (z - y) ** 2,
        "binary_cross_entropy_with_logits": lambda z, y: jax.nn.softplus(z) - y * z,
    }

    def loss(theta, batch):
        activation = getattr(jax.nn, work.activation)
        z = outputs(layers(theta), batch[:, :2].T, lambda b, W, columns: W @ columns + b, activation)
        return loss_of[work.loss](z, batch[:, 2]).mean()

    jax.config.update("jax_enable_x64", True)
    f, arguments = jax.jit(jax.value_and_grad(loss)), [jax.numpy.array(a) for a in work.arrays]
    return lambda: jax.block_until_ready(f(*arguments)), tuple
