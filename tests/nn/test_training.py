"""Training by replay: the same steps as a loop over Values."""

import itertools
import math
import operator
import random
import re
import sys
from collections import Counter
from math import cos, sin
from types import FunctionType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frame import Frame
from tests.project import python
from tinygrad_lite import Program, Value, log, nn, sigmoid, take
from tinygrad_lite.nn import MLP, SGD, Adam, Module, Neuron, mean_loss, train, training

seeds = st.integers(0, 2**32)
numbers = st.floats(-2, 2)


def samples_of(seed, m, n, k):
    """m rows of n numbers, and for each k targets between 0 and 1 (a plain number for k = 1)."""
    generator = random.Random(seed)
    rows = [[generator.gauss(0, 1) for _ in range(n)] for _ in range(m)]
    targets = [[generator.random() for _ in range(k)] for _ in range(m)]
    return rows, targets if k > 1 else [t for [t] in targets]


def by_values(model, rows, targets, loss, learning_rate, momentum, steps):
    """Gradient descent over all samples as micrograd's users write it; the losses."""
    optimizer = SGD(model.parameters(), learning_rate, momentum)
    curve = []
    for _ in range(steps):
        predictions, wanted = [], []
        for row, target in zip(rows, targets, strict=True):
            outputs = model(row)
            predictions += outputs if isinstance(outputs, list) else [outputs]
            wanted += target if isinstance(target, list) else [target]
        total = mean_loss(loss, predictions, wanted) * (len(predictions) / len(rows))
        model.zero_grad()
        total.backward()
        optimizer.step()
        curve.append(total.data)
    return curve


class Probability(Module):
    """A network's output as a probability."""

    def __init__(self, network):
        self.network = network

    def __call__(self, x):
        outputs = self.network(x)
        return [sigmoid(z) for z in outputs] if isinstance(outputs, list) else sigmoid(outputs)

    def parameters(self):
        return self.network.parameters()


def absolute(prediction, target):
    return abs(prediction - target)


@pytest.mark.parametrize(
    "loss", [*sorted(nn.losses.keys() - {"cross_entropy"}), absolute], ids=lambda loss: getattr(loss, "__name__", loss)
)
@settings(max_examples=12)
@given(
    st.integers(1, 3),
    st.lists(st.integers(1, 4), max_size=1),
    st.integers(1, 3),
    st.sampled_from(["relu", "tanh", "sigmoid"]),
    st.sampled_from([0.0, 0.9]),
    st.integers(1, 20),
    seeds,
)
def test_the_steps_of_a_loop_over_values(loss, n, hidden, k, activation, momentum, m, seed):
    models = [MLP(n, [*hidden, k], activation=activation, seed=seed) for _ in range(2)]
    if loss == "binary_cross_entropy":
        models = [Probability(model) for model in models]
    rows, targets = samples_of(seed, m, n, k)
    curve = train(models[0], rows, targets, loss=loss, learning_rate=0.05, momentum=momentum, steps=8)
    wanted = by_values(models[1], rows, targets, loss, 0.05, momentum, 8)
    assert curve == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    for ours, theirs in zip(*(model.parameters() for model in models), strict=True):
        assert ours.data == pytest.approx(theirs.data, rel=1e-12, abs=1e-12)


def test_the_loss_decreases_and_a_network_learns():
    model = MLP(2, [8, 1], activation="tanh", seed=0)
    rows = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    curve = train(model, rows, [0, 1, 1, 0], learning_rate=0.2, momentum=0.9, steps=500)
    assert len(curve) == 500
    assert all(type(loss) is float for loss in curve)
    assert curve[-1] < 1e-3 < 0.2 < curve[0]
    assert [round(model(row).data) for row in rows] == [0, 1, 1, 0]


@given(seeds)
@settings(max_examples=30)
def test_small_steps_downhill_never_lead_up(seed):
    rows, targets = samples_of(seed, 10, 2, 1)
    curve = train(MLP(2, [3, 1], activation="tanh", seed=seed), rows, targets, learning_rate=1e-3, steps=20)
    assert all(after <= before * (1 + 1e-12) for before, after in itertools.pairwise(curve))


def test_the_curve_is_the_loss_before_each_step():
    p = Value(3.0)
    model = type("Constant", (Module,), {"parameters": lambda self: [p], "__call__": lambda self, x: p + 0 * x[0]})()
    # (p − 1)², with η = ¼: the distance from 1 is halved by each step.
    assert train(model, [[5.0]], [1.0], learning_rate=0.25, steps=4) == [4.0, 1.0, 0.25, 0.0625]
    assert p.data == 1.125


# ── batches ───────────────────────────────────────────────────────────────────────────────────────


def watched(monkeypatch):
    """The batches that `train` will take."""
    batches = []

    class Noting(Program):
        def __call__(self, theta, batch=None, **kwargs):
            batches.append([tuple(row) for row in np.asarray(batch).tolist()])
            return super().__call__(theta, batch, **kwargs)

    monkeypatch.setattr(training, "Program", Noting)
    return batches


@given(st.integers(2, 12), st.integers(1, 14), seeds)
@settings(max_examples=40)
def test_every_sample_is_drawn_once_before_any_is_drawn_again(m, size, seed):
    with pytest.MonkeyPatch.context() as monkeypatch:
        batches = watched(monkeypatch)
        rows, targets = [[float(i)] for i in range(m)], [float(-i) for i in range(m)]
        curve = train(Neuron(1), rows, targets, learning_rate=1e-9, steps=3 * m, batch_size=size, seed=seed)
    size = min(size, m)
    assert len(curve) == len(batches) == 3 * m
    assert {len(batch) for batch in batches} == {size}
    assert all(target == -x for batch in batches for x, target in batch)
    epoch = m // size  # batches in which no sample is left out but those that would not fill one
    for i in range(0, 3 * m - epoch + 1, epoch):
        drawn = Counter(sample for batch in batches[i : i + epoch] for sample in batch)
        assert set(drawn.values()) == {1}
        assert len(drawn) == epoch * size
    assert size == m or m < 4 or len({tuple(batch) for batch in batches}) > 1


@given(st.integers(1, 9), seeds)
@settings(max_examples=20)
def test_a_seed_draws_the_same_batches_and_leaves_the_module_random_alone(size, seed):
    rows, targets = samples_of(1, 10, 2, 1)
    state = random.getstate()
    curves = [
        train(MLP(2, [3, 1], seed=0), rows, targets, steps=15, learning_rate=0.01, batch_size=size, seed=s)
        for s in (seed, seed, seed + 1)
    ]
    assert random.getstate() == state
    assert curves[0] == curves[1] != curves[2]


def test_a_batch_of_all_samples_or_more_is_all_of_them_in_order():
    rows, targets = samples_of(2, 7, 2, 1)
    curves = [
        train(MLP(2, [3, 1], seed=0), rows, targets, steps=10, batch_size=size, seed=seed)
        for size, seed in [(None, None), (7, 1), (100, 2), (np.int64(7), 3)]
    ]
    assert curves[0] == curves[1] == curves[2] == curves[3]


def test_a_step_on_a_batch_is_a_step_on_its_samples(monkeypatch):
    batches = watched(monkeypatch)
    models = [MLP(2, [3, 2], activation="tanh", seed=0) for _ in range(2)]
    rows, targets = samples_of(3, 9, 2, 2)
    curve = train(models[0], rows, targets, steps=6, batch_size=4, seed=5, momentum=0.5)
    optimizer = SGD(models[1].parameters(), 0.1, 0.5)
    for loss, batch in zip(curve, batches, strict=True):
        predictions = [prediction for a, b, *_ in batch for prediction in models[1]([a, b])]
        total = mean_loss("squared_error", predictions, [t for _, _, *wanted in batch for t in wanted]) * 2
        models[1].zero_grad()
        total.backward()
        optimizer.step()
        assert loss == pytest.approx(total.data, rel=1e-12)
    assert [p.data for p in models[0].parameters()] == pytest.approx([p.data for p in models[1].parameters()], 1e-12)


def blobs():
    """Three clouds of points around the corners of a triangle, and their classes."""
    chance = random.Random(0)
    labels = [0, 1, 2] * 10
    return [[cos(2 * k) + chance.gauss(0, 0.2), sin(2 * k) + chance.gauss(0, 0.2)] for k in labels], labels


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_classes_are_learned_by_name(optimizer):
    points, labels = blobs()
    model = MLP(2, [8, 3], activation="tanh", seed=0)
    curve = train(model, points, labels, loss="cross_entropy", optimizer=optimizer, learning_rate=0.05, steps=150)
    predictions = [model(x) for x in points]
    assert mean_loss("cross_entropy", predictions, labels).data < curve[-1] < 0.3 < math.log(3) / 2 < curve[0]
    assert [max(range(3), key=scores.__getitem__) for scores in predictions] == labels


def test_an_optimizer_is_a_name_or_a_function_of_the_parameters():
    points, labels = blobs()
    found = []
    for optimizer in ["adam", Adam, lambda parameters: Adam(parameters, 0.01)]:
        rate = {} if isinstance(optimizer, FunctionType) else {"learning_rate": 0.01}
        model = MLP(2, [3], seed=0)
        train(model, points, labels, loss="cross_entropy", optimizer=optimizer, steps=3, **rate)
        found.append([p.data for p in model.parameters()])
    assert found[0] == found[1] == found[2]


def test_a_function_of_all_predictions_and_one_target():
    points, labels = blobs()
    curves = [
        train(MLP(2, [3], seed=0), points, labels, loss=loss, steps=3)
        for loss in ["cross_entropy", lambda scores, label: nn.logsumexp(scores) - take(scores, label)]
    ]
    assert curves[0] == curves[1]


@pytest.mark.parametrize(
    ("labels", "options", "error", "message"),
    [
        ([0, 1, 3], {}, ValueError, "target 2 of y is 3: it must be a class, a whole number from 0 to 2"),
        ([0, 0.5, 1], {}, ValueError, r"target 1 of y is 0\.5"),
        ([[0, 1]] * 3, {}, ValueError, "the model gives 3 predictions, but y has 2 targets a sample"),
        ([0, 1, 2], {"loss": "squared_error"}, ValueError, "the model gives 3 predictions, but y has 1 targets"),
        ([0, 1, 2], {"optimizer": "lion"}, ValueError, "unknown optimizer 'lion': use a function, or one of sgd, adam"),
        ([0, 1, 2], {"optimizer": "adam", "momentum": 0.5}, ValueError, 'momentum is what optimizer="sgd" has'),
        ([0, 1, 2], {"optimizer": list}, TypeError, "no Optimizer"),
    ],
)
def test_wrong_classes_and_optimizers(labels, options, error, message):
    with pytest.raises(error, match=message):
        train(MLP(2, [3], seed=0), [[0, 1]] * 3, labels, steps=1, **{"loss": "cross_entropy", **options})


# ── arguments ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", [list, tuple, np.array, lambda data: np.array(data, np.float32), Frame])
def test_data_in_any_form(form):
    rows, targets = [[0, 1], [1, 0], [1, 1], [2, 0]], [[0, 1], [1, 1], [0, 0], [1, 0]]
    wanted = train(MLP(2, [3, 2], seed=0), rows, targets, steps=5)
    assert train(MLP(2, [3, 2], seed=0), form(rows), form(targets), steps=5) == wanted
    flat = train(MLP(2, [3, 1], seed=0), rows, [t for t, _ in targets], steps=5)
    assert train(MLP(2, [3, 1], seed=0), form(rows), form([t for t, _ in targets]), steps=5) == flat
    assert train(MLP(2, [3, 1], seed=0), form(rows), form([[t] for t, _ in targets]), steps=5) == flat


ROWS, TARGETS = samples_of(0, 4, 2, 1)


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ((ROWS, TARGETS[:3]), {}, "4 rows of X and 3 targets in y: one for each is needed"),
        ((ROWS, [[0, 1]] * 4), {}, "the model gives 1 predictions, but y has 2 targets a sample"),
        ((ROWS, TARGETS), {"loss": "hinge"}, "unknown loss 'hinge': .*squared_error"),
        ((ROWS, TARGETS), {"learning_rate": 0}, "learning_rate is 0"),
        ((ROWS, TARGETS), {"learning_rate": math.nan}, "learning_rate is nan"),
        ((ROWS, TARGETS), {"momentum": 1}, "momentum is 1:"),
        ((ROWS, TARGETS), {"steps": 0}, "steps is 0: it must be a whole number, at least 1"),
        ((ROWS, TARGETS), {"steps": 2.5}, r"steps is 2\.5"),
        ((ROWS, TARGETS), {"batch_size": 0}, "batch_size is 0"),
        ((ROWS, TARGETS), {"batch_size": 1.5}, r"batch_size is 1\.5"),
        (([], []), {}, "X is empty"),
        (([1.0, 2.0], [1, 2]), {}, "X must be a two-dimensional"),
        (([[1.0, 2.0], [1.0]], [1, 2]), {}, "row 1 of X has 1 columns, but row 0 has 2"),
        (([[1.0, 2.0], [1.0, math.nan]], [1, 2]), {}, "row 1, column 1 of X is nan"),
        (([[1.0, "2"]], [1]), {}, "row 0, column 1 of X is '2'"),
        (([[1.0, 2.0, 3.0]], [1]), {}, "a neuron with 2 weights expects 2 inputs, 3 given"),
        ((ROWS, [0, 1, math.inf, 0]), {}, "target 2 of y is inf"),
        ((ROWS, [0, 1, "1", 0]), {}, "target 2 of y is '1'"),
        ((ROWS, 3), {}, r"\by\b"),
        ((ROWS, None), {}, r"\by\b"),
    ],
)
def test_wrong_arguments_are_named_and_nothing_is_moved(arguments, settings, message):
    model = MLP(2, [2, 1], seed=0)
    before = [(p.data, p.grad) for p in model.parameters()]
    with pytest.raises(ValueError, match=message):
        train(model, *arguments, **settings)
    assert [(p.data, p.grad) for p in model.parameters()] == before


class Logarithm(Module):
    """log(w·x)."""

    def __init__(self, w=1.0):
        self.w = Value(w, label="w")

    def __call__(self, x):
        return log((self.w * x[0]).named("product"))

    def parameters(self):
        return [self.w]


def test_an_error_names_node_and_sample_and_keeps_the_steps_before_it():
    model = Logarithm()
    with pytest.raises(ValueError, match=r"^log of -2\.0 \(node 'product'\): outside the domain x > 0, in sample 2$"):
        train(model, [[1.0], [1.0], [-2.0], [-3.0]], [0, 0, 0, 0])
    assert model.w.data == 1.0
    # (log w + 3)² at w = 1 has the slope 6, so that η = 8 leads to −47.
    with pytest.raises(ValueError, match=r"^log of -47\.0 .*, in sample 0$"):
        train(model, [[1.0]], [-3.0], learning_rate=8.0, steps=50)
    assert model.w.data == -47.0


def test_a_learning_rate_that_is_too_large_is_told():
    model = MLP(2, [2, 1], seed=0)
    with pytest.raises(OverflowError, match=re.escape("learning_rate 1e+300 is too large")):
        train(model, [[1e10, 1e10]], [0.0], learning_rate=1e300, steps=5)
    assert all(math.isfinite(p.data) for p in model.parameters())


class Line(Module):
    """w·x, by way of a function of the product's factors."""

    def __init__(self, product=operator.mul):
        self.w, self.product = Value(1.0, label="w"), product

    def __call__(self, x):
        return self.product(self.w, x[0])

    def parameters(self):
        return [self.w]


def test_an_overflow_on_the_way_names_step_and_learning_rate():
    model = Line()
    # (1e100·w)² has the slope 2e200 at w = 1, so that η = 1e100 leads to w = −2e300.
    with pytest.raises(
        OverflowError, match=r"^mul of .*, in sample 0, at step 1: is learning_rate 1e\+100 too large\?$"
    ):
        train(model, [[1e100]], [0.0], learning_rate=1e100, steps=5)
    assert model.w.data == -2e300


@pytest.mark.parametrize(
    ("product", "loss"),
    [
        (lambda w, x: w.data * x, "squared_error"),
        (lambda w, x: float(w) * x.data, "squared_error"),
        (lambda w, x: Value((w * x).data), "squared_error"),
        (operator.mul, lambda prediction, target: 0.5),
        (operator.mul, lambda prediction, target: target * 2),
    ],
)
def test_a_loss_without_parameters_is_told(product, loss):
    told = r"^the loss depends on none of model\.parameters\(\): is \.data or float\(\) used on the way\?$"
    with pytest.raises(ValueError, match=told):
        train(Line(product), [[1.0]], [1.0], loss=loss)


@pytest.mark.parametrize("given", [1.0, Value(1.0), None, MLP(1, [1]).parameters])
def test_what_is_no_list_of_parameters_is_named(given):
    told = rf"^SGD moves a list of parameters, not {type(given).__name__!r}: model\.parameters\(\)$"
    with pytest.raises(TypeError, match=told):
        SGD(given, 0.1)


def test_a_parameter_that_is_not_used_stays_and_no_grad_is_written():
    model = MLP(1, [1, 1], seed=0)
    unused = Value(7.0)
    for p in (*model.parameters(), unused):
        p.grad = 0.5
    model.parameters = lambda: [*MLP.parameters(model), unused]
    train(model, [[1.0], [2.0]], [1, 2], steps=3)
    assert unused.data == 7.0
    assert {p.grad for p in model.parameters()} == {0.5}


def test_verbose_shows_a_progress_bar(capsys):
    silent = train(MLP(1, [2, 1], seed=0), [[0.0], [1.0]], [1, 2], steps=7)
    assert capsys.readouterr() == ("", "")
    shown = train(MLP(1, [2, 1], seed=0), [[0.0], [1.0]], [1, 2], steps=7, verbose=True)
    out, err = capsys.readouterr()
    assert (err, shown) == ("", silent)
    assert "7/7" in out


def test_verbose_without_tqdm(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert len(train(MLP(1, [2, 1], seed=0), [[0.0], [1.0]], [1, 2], steps=7, verbose=True)) == 7
    assert capsys.readouterr() == ("", "")


FIT = """
import sys
if {barred}:
    sys.modules["numba"] = sys.modules["llvmlite"] = None
from tinygrad_lite.nn import LogisticRegression, MLP, train
rows = [[i * 0.37 % 1.0, i * 0.61 % 1.0] for i in range(60)]
model = LogisticRegression(tol=1e-4).fit(rows, [int(i % 3 == 0) for i in range(60)])
print(*(x for row in model.coef_ for x in row), *model.intercept_, len(model.loss_curve_))
print(*train(MLP(2, [4, 1], activation="tanh", seed=0), rows, [i % 3 for i in range(60)], batch_size=7, seed=1))
"""


def test_with_and_without_numba_the_same_is_learned():
    learned = []
    for barred in (True, False):
        code = FIT.format(barred=barred)
        done = python("-c", code)
        learned.append(list(map(float, done.stdout.split())))
    assert learned[0] == pytest.approx(learned[1], rel=1e-9)
