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
    """The loss of an MLP 2-16-16-1 over 20 samples, ready to be built: a function of nothing."""
    monkeypatch.setattr(micrograd.nn, "Value", Value)
    random.seed(0)
    samples = [([random.uniform(-1, 1), random.uniform(-1, 1)], random.choice([-1.0, 1.0])) for _ in range(20)]
    model = Module(2, [16, 16, 1])
    return lambda: sum((model(x) - y) ** 2 for x, y in samples)


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
    loss = squared_error_of_mlp(Module, Value, monkeypatch)

    def step():
        J = loss()
        J.backward()
        return J.data

    assert benchmark.pedantic(step, rounds=40, warmup_rounds=3) > 0


def build(nodes):
    y = tl.Value(1.0)
    for _ in range(nodes // 2):
        y = y * 0.999999 + 1e-9
    return y


def life(nodes):
    """A chain is built, differentiated, explained as far as one line, and freed."""
    y = build(nodes)
    y.backward()
    next(tl.explain(y).lines())


PHASES = {"built": build, "built and differentiated": lambda n: build(n).backward(), "explained and freed": life}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("nodes", [1_000, 1_000_000])
def test_a_million_nodes_cost_per_node_what_a_thousand_cost(benchmark, nodes, phase):
    benchmark.group = f"1,000,000 nodes of a chain, {phase}"
    million = 1_000_000 if benchmark.enabled else nodes
    work = PHASES[phase]
    benchmark.pedantic(lambda: [work(nodes) for _ in range(million // nodes)], rounds=2)


@pytest.mark.benchmark(group="import")
@pytest.mark.parametrize("code", ["pass", "import tinygrad_lite", "import micrograd.engine"])
def test_import(benchmark, code):
    benchmark.pedantic(lambda: subprocess.run([sys.executable, "-c", code], check=True), rounds=15)
