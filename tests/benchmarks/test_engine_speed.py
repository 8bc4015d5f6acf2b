"""Speed of the engine against its peers, as ratios in one run. Off by default; to measure:

pytest tests/benchmarks --benchmark-enable -n 0

In each group the figure in parentheses is the ratio to the fastest.
"""

import functools
import random
import subprocess
import sys

import micrograd.engine
import micrograd.nn
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn


def squared_error_of_mlp(Module, Value, monkeypatch):
    """A model, an MLP 2-16-16-1, and a function of nothing that builds its loss over 20 samples."""
    monkeypatch.setattr(micrograd.nn, "Value", Value)
    chance = random.Random(0)
    samples = [([chance.uniform(-1, 1), chance.uniform(-1, 1)], chance.choice([-1.0, 1.0])) for _ in range(20)]
    model = Module(2, [16, 16, 1])
    for p in model.parameters():
        p.data = chance.uniform(-1, 1)
    return model, lambda: sum((model(x) - y) ** 2 for x, y in samples)


def loss_and_gradient(model, loss):
    model.zero_grad()
    J = loss()
    J.backward()
    return [J.data, *(p.grad for p in model.parameters())]


@pytest.mark.benchmark(group="forward and backward, MLP 2-16-16-1, 20 samples")
@pytest.mark.parametrize(
    ("Module", "Value"),
    [
        pytest.param(micrograd.nn.MLP, micrograd.engine.Value, id="micrograd"),
        pytest.param(micrograd.nn.MLP, tl.Value, id="micrograd's nn on our Value"),
        pytest.param(nn.MLP, tl.Value, id="tinygrad_lite"),
    ],
)
def test_mlp(benchmark, monkeypatch, request, Module, Value):
    request.addfinalizer(functools.partial(sys.setrecursionlimit, sys.getrecursionlimit()))
    sys.setrecursionlimit(20_000)  # for micrograd's recursive sort
    expected = loss_and_gradient(*squared_error_of_mlp(micrograd.nn.MLP, micrograd.engine.Value, monkeypatch))
    model, loss = squared_error_of_mlp(Module, Value, monkeypatch)
    assert loss_and_gradient(model, loss) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    benchmark.pedantic(lambda: loss().backward(), rounds=40, warmup_rounds=3)


def build(nodes):
    """x, and y = qⁿx + 10⁻⁹(qⁿ − 1)/(q − 1), whose derivative is qⁿ, with q = 0.999999 and n = nodes/2."""
    x = y = tl.Value(1.0, "x")
    for _ in range(nodes // 2):
        y = y * 0.999999 + 1e-9
    return x, y


def differentiate(nodes):
    x, y = build(nodes)
    y.backward()
    return x, y


def life(nodes):
    """A chain is built, differentiated, explained as far as one line, and freed."""
    _, y = differentiate(nodes)
    return next(tl.explain(y).lines())


PHASES = {"built": build, "built and differentiated": differentiate, "explained and freed": life}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("nodes", [1_000, 1_000_000])
def test_a_million_nodes_cost_per_node_what_a_thousand_cost(benchmark, nodes, phase):
    benchmark.group = f"1,000,000 nodes of a chain, {phase}"
    if not benchmark.enabled:  # that it runs is seen at a hundredth of the size
        nodes = min(nodes, 10_000)
    million = 1_000_000 if benchmark.enabled else nodes
    (x, y), power = differentiate(nodes), 0.999999 ** (nodes // 2)
    assert [y.data, x.grad] == pytest.approx([power + 1e-9 * (power - 1) / (0.999999 - 1), power], rel=1e-9)
    assert life(1_000) == "given     x = 1"
    del x, y
    work = PHASES[phase]

    def repeat():
        for _ in range(million // nodes):
            work(nodes)  # freed before the next: or a thousand chains would fill the heap as one long one does

    benchmark.pedantic(repeat, rounds=2)


@pytest.mark.benchmark(group="import")
@pytest.mark.parametrize("code", ["pass", "import tinygrad_lite", "import micrograd.engine"])
def test_import(benchmark, code):
    benchmark.pedantic(lambda: subprocess.run([sys.executable, "-c", code], check=True), rounds=15)
