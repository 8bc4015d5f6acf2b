"""Print what replaying a graph costs beside its peers: the tables of the README (Linux; several minutes).

    python tests/benchmarks/compare_replay.py              # all tables
    python tests/benchmarks/compare_replay.py relu limit   # some, by the names in TABLES

All in float64. A table is measured in a process of its own that may use one core only, unless its title says otherwise:
JAX computes on every core it sees, whatever its flags for threads say. The contestants first have to agree on the loss
and its gradient; then they take turns in short rounds. Times are those of a call, in parentheses the ratio to the first
row that could be measured. "Ready" is the time from the graph or the arrays to the first result: with compiling, and in
the first row of a library with importing it. Our kernel, compiled once on a computer, is compiled in "graph" only.
"""

import gc
import importlib.metadata
import math
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks import contestants
from tests.benchmarks.contestants import Work
from tests.heart_disease import patients
from tests.project import ROOT
from tinygrad_lite import Value, nn
from tinygrad_lite.engine.value import topological_order

OURS = "`Program`, compiled"
PYTHON = "`Program`, straight-line Python"
PEERS = {
    "PyTorch, eager": contestants.pytorch,
    "PyTorch, `torch.compile`": partial(contestants.pytorch, compiled=True),
    "JAX": contestants.jax_matrices,
    "JAX, the function of `Program.to_jax()`": contestants.jax_program,
}
OF_ONE_GRAPH = {
    OURS: partial(contestants.replayed, whole=True),
    PYTHON: partial(contestants.replayed, whole=True, executor="python"),
    "`backward()` on a graph built anew": contestants.eager,
    "CasADi, `SX` function, its virtual machine": contestants.casadi,
    "CasADi, C code by `gcc -O2`": partial(contestants.casadi, compiled=True),
    "micrograd": contestants.micrograd,
    "PyTorch, eager, a tensor for each number": contestants.pytorch_scalars,
    "autograd, number by number": contestants.autograd,
}
LIBRARIES = ["numpy", "numba", "micrograd", "autograd", "casadi", "torch", "jax", "scikit-learn"]


def agreed(entries, work):
    """What is to be timed of the contestants that are installed, and the seconds until each had its first result."""
    calls, ready, expected = {}, {}, None
    for name, contestant in entries.items():
        start = time.perf_counter()
        try:
            calls[name], read = contestant(work)
        except (ImportError, FileNotFoundError):  # a library, or the compiler that it calls
            continue
        result = calls[name]()
        ready[name] = time.perf_counter() - start
        loss, gradient = read(result)
        answer = [float(loss), *map(float, gradient)]
        expected = expected or answer
        np.testing.assert_allclose(answer, expected, rtol=1e-9, atol=1e-12, err_msg=name)
    return calls, ready


def race(calls, rounds=60):
    """The seconds that each function takes, minimum and median over rounds in which all take their turn."""
    repeats = {}
    for name, call in calls.items():
        call()  # the first call may compile
        start = time.perf_counter()
        call()
        repeats[name] = math.ceil(0.002 / (time.perf_counter() - start))
    gc.collect()
    gc.freeze()  # so that the collections below are short
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            gc.collect()  # micrograd's nodes are cycles: nobody else is to pay for them
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            times[name].append((time.perf_counter() - start) / repeats[name])
    gc.unfreeze()
    return {name: (min(each), statistics.median(each)) for name, each in times.items()}


def ranking(names, times, ready=()):
    """Rows of a table: name, minimum, median, and, if given, the time until the first result."""
    units = next(iter(times.values()), ())
    for name in names:
        pairs = zip(times.get(name, ()), units, strict=False)
        row = [name, *([f"{duration(t)} ({ratio(t / unit)})" for t, unit in pairs] or ["not installed", ""])]
        yield [*row, *([duration(ready[name]) if name in ready else ""] if ready else [])]


def duration(seconds):
    scale, unit = next((s, u) for s, u in [(1e6, "µs"), (1e3, "ms"), (1, "s")] if seconds * s < 999 or u == "s")
    return f"{seconds * scale:#.3g}".rstrip(".") + f" {unit}"


def ratio(x):
    return f"{float(f'{x:.3g}'):,g}"  # three digits, and 1,090 for 1.09e+03


def table(title, header, rows):
    print(f"\n{title}\n\n| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def one_graph():
    work = Work(20)
    nodes = len(topological_order(work.graph()[0]))
    title = f"Squared error of an MLP 2-16-16-1 (relu), 20 samples in one graph of {nodes:,} nodes"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = folder  # so that the kernel is compiled
        calls, ready = agreed(OF_ONE_GRAPH, work)
    table(title, ["", "minimum", "median", "ready"], ranking(OF_ONE_GRAPH, race(calls, rounds=20), ready))


def batches(title, *settings, sizes=(20, 1_000, 10_000), **more):
    rows = []
    for m in sizes:
        slow = {PYTHON: partial(contestants.replayed, executor="python")} if m == 20 else {}
        entries = {OURS: contestants.replayed, **slow, **more, **PEERS}
        calls, ready = agreed(entries, Work(m, *settings))
        rows += [[f"{m:,}", *row] for row in ranking(entries, race(calls), ready)]
    table(title, ["samples", "", "minimum", "median", "ready"], rows)


def relu():
    nodes = len(topological_order(Work(1).graph_of_one()[0]))
    batches(f"Squared error of an MLP 2-16-16-1 (relu), the graph of one sample, {nodes} nodes, replayed over a batch")


def relu_on_two_cores():
    two = {f"{OURS}, threads=2": partial(contestants.replayed, threads=2)}
    batches("Squared error of an MLP 2-16-16-1 (relu), replayed on two cores", sizes=[10_000], **two)


def tanh():
    title = "Cross-entropy of an MLP 2-16-16-1 (tanh, sigmoid), the graph of one sample, replayed over a batch"
    batches(title, "tanh", "binary_cross_entropy_with_logits")


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
    models, slopes = fitted(X, y, tol)
    times = race({name: partial(model.fit, X, y) for name, model in models.items()}, rounds=20)
    rows = [
        [*row, str(np.max(m.n_iter_)), f"{slope:.1g}"]
        for row, m, slope in zip(ranking(models, times), models.values(), slopes.values(), strict=True)
    ]
    header = ["", "minimum", "median", "steps", "largest slope"]
    title = (
        f"Logistic regression of heart disease, {X.shape[0]} × {X.shape[1]}, standardised, until no slope is > {tol:g}"
    )
    table(title, header, rows)


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

    shapes = {"chain": chain, "MLP 2-16-16-1": lambda nodes: Work(nodes // 663).graph()}
    graphs = {(name, n): shape(n) for name, shape in shapes.items() for n in (10_000, 100_000)}
    for loss, parameters in graphs.values():
        loss.backward()
        _, value, slopes = ready(loss, parameters)
        assert [value, *slopes] == [loss.data, *(p.grad for p in parameters)]
    times = race({key: partial(ready, *graph) for key, graph in graphs.items()}, rounds=5)
    rows = []
    for (name, n), graph in graphs.items():
        nodes = len(topological_order(graph[0]))
        each = [f"{duration(t)} ({t / nodes * 1e6:.2g} µs a node)" for t in times[name, n]]
        rows.append([f"{name}, {nodes:,} nodes", *each, f"{ready(*graph)[0].nbytes / nodes:.0f}"])
    first_call = (
        "import time; from tests.benchmarks.contestants import Work; work = Work(20); graph = work.graph_of_one();"
        "theta, batch = work.arrays; start = time.perf_counter(); from tinygrad_lite import Program;"
        "Program(*graph, executor='compiled')(theta, batch); print(time.perf_counter() - start)"
    )
    command = [sys.executable, "-c", first_call]
    _, *seconds = (float(subprocess.check_output(command, cwd=ROOT)) for _ in range(6))  # the first fills the cache
    name = "MLP 2-16-16-1, one sample, in a new process; the kernel compiled before"
    rows.append([name, duration(min(seconds)), duration(statistics.median(seconds)), ""])
    table("Building a `Program`, until its first result", ["", "minimum", "median", "bytes a node"], rows)


def limit():
    import numba

    @numba.njit
    def polynomials(x, a, b, out):
        p, q, r, s = x
        for i in range(len(out)):
            t, u, v, w = p[i], q[i], r[i], s[i]
            for _ in range(16):
                t, u, v, w = t * a + b, u * a + b, v * a + b, w * a + b
            out[i] = t + u + v + w

    x, out = tuple(np.ones((4, 1024))), np.empty(1024)
    a, b, c = np.ones((3, 512, 512))
    source, target = np.ones((2, 1 << 15))
    amounts = {  # what is called, how many additions and multiplications that makes, how many bytes are moved
        "multiply and add in registers, not fused": (lambda: polynomials(x, 0.5, 1.0, out), 131 * 1024, 0),
        "product of matrices, 512 × 512, fused": (lambda: np.dot(a, b, c), 2 * 512**3, 0),
        "copy of 0.26 MB": (lambda: np.copyto(target, source), 0, 2 * source.nbytes),
    }
    # Three passes: forward, and back to the weights; back to the inputs, but not to those of the first layer.
    layers = [(nout, width - 1) for nout, width in contestants.SHAPES]
    passes = layers + layers + layers[1:]
    hidden = sum(nout for nout, _ in layers[:-1])
    operations = sum(2 * nout * nin for nout, nin in passes) + sum(nout for nout, _ in layers)
    moved = 8 * (sum(nout + nin for nout, nin in passes) + 5 * hidden)  # 5: relu, and the product with its slope
    for m in (1_000, 10_000):
        for name, call in agreed({OURS: contestants.replayed, **PEERS}, Work(m))[0].items():
            amounts[f"{name}, {m:,} samples"] = call, m * operations, m * moved
    calls, *columns = zip(*amounts.values(), strict=True)
    times = race(dict(zip(amounts, calls, strict=True)))

    def rates(column):
        """10⁹ a second, and which part that is of the first in the column."""
        each = [amount / times[name][0] / 1e9 for name, amount in zip(amounts, column, strict=True)]
        most = next(filter(None, each))
        return [f"{rate:.3g} ({rate / most:.0%})" if rate else "" for rate in each]

    header = ["", "10⁹ operations a second", "10⁹ bytes moved a second, at least"]
    table("How far from the limits of one core", header, zip(amounts, *map(rates, columns), strict=True))


TABLES = {
    "graph": (one_graph, 1),
    "relu": (relu, 1),
    "two": (relu_on_two_cores, 2),
    "tanh": (tanh, 1),
    "heart": (heart_disease, 1),
    "building": (building, 1),
    "limit": (limit, 1),
}


def measure(name):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder  # so that PyTorch compiles
        try:
            TABLES[name][0]()
        except ImportError as error:
            print(f"\n{name}: not installed: {error.name}")


def main(*names):
    versions = {package.name: package.version for package in importlib.metadata.distributions()}
    cores = sorted(os.sched_getaffinity(0))
    installed = [f"{name} {versions[name]}" for name in LIBRARIES if name in versions]
    print(f"{len(cores)} cores, CPython {platform.python_version()}, {', '.join(installed)}", flush=True)
    for name in names or TABLES:
        os.sched_setaffinity(0, cores[: TABLES[name][1]])  # for the new process, before it imports anything
        process = multiprocessing.get_context("spawn").Process(target=measure, args=[name])
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(f"{name} failed")


if __name__ == "__main__":
    main(*sys.argv[1:])
