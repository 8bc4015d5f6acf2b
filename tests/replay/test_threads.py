"""The same bits in however many threads, and from however many threads at once."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.replay.graphs import EXECUTORS, bits, on_both, recorded
from tinygrad_lite import Program, Value, sigmoid
from tinygrad_lite.nn import MLP


@pytest.mark.parametrize("m", [1, 16, 127, 129, 300, 1025, 4000])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_however_many_threads_the_bits_are_the_same(m, activation):
    generator = random.Random(m)
    model = MLP(3, [6, 1], activation=activation, seed=0)
    x = [Value(0.0) for _ in range(3)]
    outputs = [model(x) ** 2, sigmoid(model(x)), model.parameters()[0] * 2]
    batch = [[generator.gauss(0, 1) for _ in x] for _ in range(m)]
    theta = recorded(model.parameters())
    for executor in EXECUTORS:
        program = Program(outputs, model.parameters(), x, executor=executor)
        wanted = [*map(bits, program(theta, batch)), bits(program.outputs(theta, batch))]
        for threads in (1, 2, 3, 8, np.int64(2)):
            found = program(theta, batch, threads=threads)
            assert [*map(bits, found), bits(program.outputs(theta, batch, threads=threads))] == wanted


@on_both
@pytest.mark.parametrize("threads", [1, 2])
def test_one_program_in_many_threads_at_the_same_time(executor, threads):
    model = MLP(2, [8, 1], activation="tanh", seed=0)
    x = [Value(0.0) for _ in range(2)]
    program = Program(model(x) ** 2, model.parameters(), x, executor=executor)
    fresh = Program(model(x) ** 2, model.parameters(), x, executor=executor)
    theta = recorded(model.parameters())
    jobs = []
    for i in range(40):
        generator = random.Random(i)
        batch = np.array([[generator.gauss(0, 1) for _ in x] for _ in range(generator.choice([1, 20, 130]))])
        jobs.append(([t * generator.random() for t in theta], batch))
    wanted = [[*map(bits, fresh(*job))] for job in jobs]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            for _ in range(20 if executor == "compiled" else 1):
                found = list(pool.map(lambda job: program(*job, threads=threads), jobs))
                assert [[*map(bits, each)] for each in found] == wanted
    finally:
        sys.setswitchinterval(interval)
