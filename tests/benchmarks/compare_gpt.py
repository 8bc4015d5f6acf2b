"""Print what training the GPT of lesson 8 costs beside its peers; two minutes, on one core.

    python tests/benchmarks/compare_gpt.py

A step reads one name. First all have to find the same losses for ten steps; then each is trained, from its first step,
with the recording of all lengths and all that it compiles on a machine where this has happened once.

Of Values there are two rows without `jit`: a graph that is walked by `backward()`, as in the lesson's first steps, and
`value_and_grad(loss)`, which is given the arrays: it makes the same graph of Values of its own, and returns arrays.
"""

import os
import random
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks import gpt
from tinygrad_lite import Value, jit, nn, relu, take, value_and_grad

STEPS, FEW = 1000, 20  # of what is fast, of what takes long


def contestants(loss):
    """Who is trained, and for how many steps."""
    return {
        "scalars, the plainest engine": (gpt.by_scalars, FEW),
        "tinygrad_lite, `backward()`": (lambda: gpt.by_graph(Value, loss), FEW),
        "tinygrad_lite, `value_and_grad(loss)`": (lambda: value_and_grad(loss), FEW),
        "NumPy, matrices with a backward pass by hand": (lambda: gpt.by_matrices, STEPS),
        "tinygrad_lite, `jit(value_and_grad(loss))`": (lambda: jit(value_and_grad(loss)), STEPS),
    }


def main():
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.chdir(gpt.LESSON.parent)
    given = {"take": take, "relu": relu, "softmax": nn.softmax, "cross_entropy": nn.cross_entropy, "np": np}
    given |= {"Path": Path, "random": random}
    lesson = gpt.cells("tokens", "names", "pieces", "scores", "loss", "parameters", "step", **given)
    jit(value_and_grad(lambda x: x * x))(1.0)  # what is compiled once on a machine
    first, seconds = [], {}
    for name, (make, steps) in contestants(lesson["loss"]).items():
        train = make()
        start = time.perf_counter()
        _, losses = lesson["train"](train, steps)
        seconds[name] = (time.perf_counter() - start) / steps
        first = first or losses[:10]
        np.testing.assert_allclose(losses[:10], first, rtol=1e-9, err_msg=name)
    print("| one step of training | ms | of the plainest engine's | of NumPy's |\n|---|---|---|---|")
    base, numpy = seconds["scalars, the plainest engine"], seconds["NumPy, matrices with a backward pass by hand"]
    for name, each in sorted(seconds.items(), key=lambda one: one[1]):
        print(f"| {name} | {1000 * each:.3g} | 1/{base / each:.3g} | {each / numpy:.3g} |")


if __name__ == "__main__":
    main()
