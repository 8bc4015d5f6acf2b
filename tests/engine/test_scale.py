"""Large graphs, memory, and the same bits on every run; benchmarks/test_engine_speed.py has a million nodes."""

import gc
import os
import tracemalloc
import weakref

import pytest

from tests.project import python
from tinygrad_lite import Value, explain
from tinygrad_lite.engine.value import topological_order


def test_200_000_nodes_are_built_differentiated_explained_and_freed():
    x = y = Value(1.0, "x")
    for _ in range(100_000):
        y = y * 0.999999 + 1e-9
    y.backward()
    assert x.grad == pytest.approx(0.999999**100_000, rel=1e-9)
    assert next(explain(y).lines()) == "given     x = 1"
    assert gc.isenabled()
    nodes = [weakref.ref(node) for node in topological_order(y)]
    assert len(nodes) > 200_000
    gc.disable()  # the last name is to free them at once, not the collector some time
    try:
        del x, y
        assert sum(node() is not None for node in nodes) == 0
    finally:
        gc.enable()


def test_memory_per_value_of_a_chain():
    tracemalloc.start()
    y = Value(1.0)
    before = tracemalloc.get_traced_memory()[0]
    steps = 20_000
    for _ in range(steps):
        y = y * 0.75 + 0.5
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert (after - before) / (4 * steps) <= 110


PROGRAM = """
from tinygrad_lite import Value, explain, sigmoid
values = [Value(0.1 * i, label=f"x{i}") for i in range(20)]
J = sum(sigmoid(v * w) for v, w in zip(values, reversed(values))) / 3.7
J.backward()
print(explain(J), [v.grad.hex() for v in values])
"""


def test_the_same_program_gives_the_same_steps_and_bits_in_every_process():
    def run(seed):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
        return python("-c", PROGRAM, env=environment).stdout

    assert run("0") == run("1") == run("12345")
