"""Print the tables of docs/comparison.md, "Speed", as they stand there: what a graph costs beside its peers.

    python tests/benchmarks/compare_replay.py              # all, several minutes (Linux)
    python tests/benchmarks/compare_replay.py batch heart  # some, by the names in TABLES

All in float64. A table is measured in a process of its own that may use one core only: JAX computes on every core it
sees, whatever its flags for threads say. The contestants first have to agree on the loss and its gradient; then they
take turns in short rounds, of which the least counts. "Until the first result" is the time from the graph to it, with
compiling, and in the first row of a library with importing it. Our kernel, compiled once on a machine, is compiled in
"graph" only. Who is not installed is left out, and named on stderr.
"""

import gc
import importlib.metadata
import math
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import textwrap
import time
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks import compare_gpt, contestants
from tests.benchmarks.contestants import Work
from tests.heart_disease import patients
from tests.project import ROOT
from tinygrad_lite import Value, nn
from tinygrad_lite.engine.value import topological_order

OURS = "`Program`, compiled"
OF_ONE_GRAPH = {
    OURS: partial(contestants.replayed, whole=True),
    "`Program`, straight-line Python": partial(contestants.replayed, whole=True, executor="python"),
    "`Value`, the graph built anew": contestants.eager,
    "CasADi, `SX` function, its virtual machine": contestants.casadi,
    "CasADi, its C code by `gcc -O2`": partial(contestants.casadi, compiled=True),
    "micrograd, the graph built anew": contestants.micrograd,
    "PyTorch, eager, a tensor for each number": contestants.pytorch_scalars,
    "autograd, number by number": contestants.autograd,
}
OF_A_BATCH = {
    "`Program`": contestants.replayed,
    "`Program(…, exact=False)`": partial(contestants.replayed, exact=False),
    "PyTorch, eager": contestants.pytorch,
    "`torch.compile`": partial(contestants.pytorch, compiled=True),
    "JAX, `jit`": contestants.jax,
}
NETS = {
    "relu, squared error": (),
    "tanh, cross-entropy": ("tanh", "binary_cross_entropy_with_logits"),
}
LIBRARIES = ["numpy", "numba", "micrograd", "autograd", "casadi", "torch", "jax", "scikit-learn"]


def agreed(entries, work):
    """What is to be timed of the contestants that are installed, and the seconds until each had its first result."""
    calls, ready, expected = {}, {}, None
    for name, contestant in entries.items():
        start = time.perf_counter()
        try:
            calls[name], read = contestant(work)
        except (ImportError, FileNotFoundError) as error:  # a library, or the compiler that it calls
            print(f"{name}: {error}", file=sys.stderr)
            continue
        result = calls[name]()
        ready[name] = time.perf_counter() - start
        loss, gradient = read(result)
        answer = [float(loss), *map(float, gradient)]
        expected = expected or answer
        np.testing.assert_allclose(answer, expected, rtol=1e-9, atol=1e-12, err_msg=name)
    return calls, ready


def race(calls, rounds=60):
    """The seconds that each function takes, the least of rounds in which all take their turn."""
    repeats = {}
    for name, call in calls.items():
        call()  # the first call may compile
        start = time.perf_counter()
        call()
        repeats[name] = math.ceil(0.002 / (time.perf_counter() - start))
    gc.collect()
    gc.freeze()  # so that the collections below are short
    times = dict.fromkeys(calls, math.inf)
    for _ in range(rounds):
        for name, call in calls.items():
            gc.collect()  # micrograd's nodes are cycles: nobody else is to pay for them
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            times[name] = min(times[name], (time.perf_counter() - start) / repeats[name])
    gc.unfreeze()
    return times


def with_ratio(seconds, unit):
    return duration(seconds) if seconds == unit else f"{duration(seconds)} ({ratio(seconds / unit)})"


def duration(seconds):
    scale, unit = next((s, u) for s, u in [(1e6, "µs"), (1e3, "ms"), (1, "s")] if seconds * s < 999 or u == "s")
    return f"{seconds * scale:#.3g}".rstrip(".") + f" {unit}"


def ratio(x):
    return f"{float(f'{x:.3g}'):,g}"  # three digits, and 1,090 for 1.09e+03


def table(title, header, rows):
    print(f"\n{textwrap.fill(title, 120)}\n\n| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def one_graph():
    work = Work(20)
    loss, parameters = work.graph()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = folder  # so that the kernel is compiled
        calls, ready = agreed(OF_ONE_GRAPH, work)
    times = race(calls, rounds=20)
    table(
        "The squared error of an MLP 2-16-16-1 (relu) on 20 samples as one graph of scalars, "
        f"{len(topological_order(loss)):,} nodes: value and {len(parameters)} gradients.",
        ["", "time", "until the first result"],
        ([name, with_ratio(times[name], times[OURS]), duration(ready[name])] for name in sorted(times, key=times.get)),
    )


def batches(sizes=(20, 1_000, 10_000)):
    rows = []
    for net, settings in NETS.items():
        entries = {name: x for name, x in OF_A_BATCH.items() if "tanh" in net or "exact" not in name}
        for m in sizes:
            times = race(agreed(entries, Work(m, *settings))[0])
            cells = [with_ratio(times[x], times["`Program`"]) if x in times else "" for x in OF_A_BATCH]
            rows.append([f"{net}, {m:,} samples", min(times, key=times.get), *cells])
    table(
        "The graph of one sample of such a network, replayed over a batch. PyTorch and JAX have the same network as "
        "matrices.",
        ["", "fastest", *OF_A_BATCH],
        rows,
    )


def fitted(X, y, tol):
    """Both models, each fitted until no component of the mean loss's gradient is larger than `tol`; and that component.

    AssertionError where a model stopped by another rule, or their coefficients are not the same to 100 times `tol`.
    """
    from sklearn.linear_model import LogisticRegression

    models = {
        "`nn.LogisticRegression`, gradient descent by `Program`": nn.LogisticRegression(tol=tol),
        "scikit-learn's, L-BFGS": LogisticRegression(C=np.inf, tol=tol),
    }
    slopes = {}
    for name, model in models.items():
        errors = model.fit(X, y).predict_proba(X)[:, 1] - y
        slopes[name] = max(abs(errors.mean()), *abs(errors @ X / len(y)))
        assert slopes[name] <= tol, name
    ours, theirs = (np.append(m.coef_, m.intercept_) for m in models.values())
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=100 * tol)
    return models, slopes


def heart_disease():
    X, y = map(np.array, patients())
    X, tol = (X - X.mean(0)) / X.std(0), 1e-4  # scikit-learn's default
    models, _ = fitted(X, y, tol)
    times = race({name: partial(model.fit, X, y) for name, model in models.items()}, rounds=20)
    table(
        f"Logistic regression of heart disease, {len(X)} patients with {len(X[0])} numbers, until no slope is larger "
        f"than {tol:g}.",
        ["", "time", "steps"],
        ([name, duration(times[name]), str(np.max(models[name].n_iter_))] for name in sorted(times, key=times.get)),
    )


def building():
    from tinygrad_lite import Program

    def chain(nodes):
        x = y = Value(1.0)
        for _ in range(nodes // 4):
            y = y * 0.999999 + 1e-9
        return y, [x]

    def ready(loss, parameters):
        program = Program(loss, parameters)
        value, slopes = program([x.data for x in parameters])  # the first call prepares the executor
        return program, value, slopes

    shapes = {"a chain": chain, "the MLP above": lambda nodes: Work(nodes // 663).graph()}
    graphs = {(name, n): shape(n) for name, shape in shapes.items() for n in (10_000, 100_000)}
    for loss, parameters in graphs.values():
        loss.backward()
        _, value, slopes = ready(loss, parameters)
        assert [value, *slopes] == [loss.data, *(p.grad for p in parameters)]
    times = race({key: partial(ready, *graph) for key, graph in graphs.items()}, rounds=5)
    rows = []
    for (name, n), graph in graphs.items():
        nodes = len(topological_order(graph[0]))
        each = f"{times[name, n] / nodes * 1e6:.2g} µs"
        rows.append(
            [f"{name}, {nodes:,} nodes", duration(times[name, n]), each, f"{ready(*graph)[0].nbytes / nodes:.0f}"]
        )
    first_call = (
        "import time; from tests.benchmarks.contestants import Work; work = Work(20); graph = work.graph_of_one();"
        "theta, batch = work.arrays; start = time.perf_counter(); from tinygrad_lite import Program;"
        "Program(*graph, executor='compiled')(theta, batch); print(time.perf_counter() - start)"
    )
    command = [sys.executable, "-c", first_call]
    _, *seconds = (float(subprocess.check_output(command, cwd=ROOT)) for _ in range(6))  # the first fills the cache
    rows.append(["one sample of the MLP, in a new process", duration(min(seconds)), "", ""])
    table(
        "A `Program` made of a graph, until its first result, the kernel compiled before.",
        ["", "time", "a node", "bytes a node"],
        rows,
    )


def language_model():
    print("\nTraining the GPT of [lesson 8](../notebooks/8_a_language_model_from_scalars.ipynb), one name a step.\n")
    compare_gpt.main()


TABLES = {
    "graph": one_graph,
    "batch": batches,
    "gpt": language_model,
    "heart": heart_disease,
    "building": building,
}


def measure(name):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder  # so that PyTorch compiles
        try:
            TABLES[name]()
        except ImportError as error:
            print(f"{name}: {error}", file=sys.stderr)


def main(*names):
    versions = {package.name: package.version for package in importlib.metadata.distributions()}
    installed = ", ".join(f"{name} {versions[name]}" for name in LIBRARIES if name in versions)
    print(textwrap.fill(f"CPython {platform.python_version()}, {installed}.", 120), flush=True)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # for the new processes, before they import anything
    for name in names or TABLES:
        process = multiprocessing.get_context("spawn").Process(target=measure, args=[name])
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(f"{name} failed")


if __name__ == "__main__":
    main(*sys.argv[1:])
