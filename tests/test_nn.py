"""Networks against micrograd's, descent against closed forms, logistic regression against scikit-learn's."""

import copy
import math
import operator
import pickle
import random
import re
import subprocess
import sys
import warnings
from itertools import pairwise

import micrograd.engine
import micrograd.nn
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import linear_model
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted

from tinygrad_lite import Value, nn, scope
from tinygrad_lite.engine.derivatives import topological_order
from tinygrad_lite.nn import MLP, SGD, Layer, LogisticRegression, Neuron, mean_loss
from tinygrad_lite.nn.logistic_regression import curvature

seeds = st.integers(0, 2**32)
inputs = st.floats(-10, 10)

# ── networks ──────────────────────────────────────────────────────────────────────────────────────


@given(seeds, st.integers(2, 6), st.sampled_from([[], [2]]), st.lists(inputs, min_size=1, max_size=4))
def test_same_network_as_micrograd_bit_for_bit(seed: int, hidden: int, second: list[int], x: list[float]) -> None:
    # No hidden neuron feeds more than two others: micrograd sums three terms in an order that varies.
    outputs, models = [], []
    for library in (micrograd.nn, nn):
        random.seed(seed)
        models.append(library.MLP(len(x), [hidden, *second, 1]))
        for layer in models[-1].layers:
            for neuron in layer.neurons:
                neuron.b.data = random.uniform(-1, 1)
        outputs.append(models[-1](x))
        outputs[-1].backward()
    theirs, ours = models
    assert [p.data for p in ours.parameters()] == [p.data for p in theirs.parameters()]
    assert outputs[1].data == outputs[0].data
    assert [p.grad for p in ours.parameters()] == [p.grad for p in theirs.parameters()]
    assert repr(ours) == repr(theirs)
    ours.zero_grad()
    assert not any(p.grad for p in ours.parameters())


def two_moons(n: int, seed: int) -> tuple[list[list[float]], list[int]]:
    """Two interleaving half circles, with noise; the labels are 1 and −1 by turns."""
    generator = random.Random(seed)
    points, signs = [], []
    for i in range(n):
        angle = generator.uniform(0, math.pi)
        upper = i % 2 == 0
        centre, side = ((0.0, 0.0), 1) if upper else ((1.0, 0.5), -1)
        arc = (math.cos(angle), math.sin(angle))
        points.append([c + side * a + generator.gauss(0, 0.1) for c, a in zip(centre, arc, strict=True)])
        signs.append(side)
    return points, signs


def train_on_two_moons(nn, Value, steps):
    """micrograd's demo: the max-margin loss of an MLP, with an L2 penalty; the losses and accuracies."""
    points, signs = two_moons(24, seed=7)
    random.seed(1337)
    model = nn.MLP(2, [8, 8, 1])
    history = []
    for k in range(steps):
        rows = [list(map(Value, row)) for row in points]
        scores = list(map(model, rows))
        losses = [(1 + -sign * score).relu() for sign, score in zip(signs, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        penalty = 1e-4 * sum(p * p for p in model.parameters())
        total_loss = data_loss + penalty
        right = [(sign > 0) == (score.data > 0) for sign, score in zip(signs, scores, strict=True)]
        history.append((total_loss.data, sum(right) / len(right)))
        model.zero_grad()
        total_loss.backward()
        for p in model.parameters():
            p.data -= (1.0 - 0.9 * k / 100) * p.grad
    return history


def test_two_moons_training_of_micrograd_gives_the_same_losses() -> None:
    theirs = train_on_two_moons(micrograd.nn, micrograd.engine.Value, 15)
    ours = train_on_two_moons(nn, Value, 15)
    # Not to the last bit: micrograd adds up the gradient of a weight in an order that varies from run to run.
    assert [loss for loss, _ in ours] == pytest.approx([loss for loss, _ in theirs], rel=1e-9)
    assert [accuracy for _, accuracy in ours] == [accuracy for _, accuracy in theirs]
    assert ours[-1][0] < 0.6 * ours[0][0]


@pytest.mark.parametrize(
    ("activation", "function"),
    [("tanh", math.tanh), ("sin", math.sin), ("exp", math.exp), ("abs", abs), (lambda z: z * z, lambda z: z * z)],
)
def test_activation_by_name_or_function(activation, function) -> None:
    x = [0.5, -2.0, 1.5]
    linear = Neuron(3, nonlin=False, activation=activation, seed=5)
    assert Neuron(3, activation=activation, seed=5)(x).data == function(linear(x).data)
    assert linear.activation(Value(0.7)).data == function(0.7)
    mlp = MLP(3, [2, 1], activation=activation, seed=5)
    assert [neuron.nonlin for layer in mlp.layers for neuron in layer.neurons] == [True, True, False]
    hidden = [neuron(x) for neuron in mlp.layers[0].neurons]
    assert mlp(x).data == mlp.layers[1](hidden).data


def test_an_activation_that_loses_the_graph_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^activation <built-in function tanh> returned .*, no Value: is it one of"):
        Neuron(1, activation=math.tanh)([1.0])


def test_the_parameters_of_a_neuron_alone_have_names() -> None:
    assert [p.label for p in Neuron(2, seed=0).parameters()] == ["w1", "w2", "b"]
    assert {p.label for p in MLP(2, [2, 1], seed=0).parameters()} == {None}


def test_own_operation_as_activation() -> None:
    from tinygrad_lite.engine.declaration import TABLE, primitive

    primitive("cube_of_test", lambda x: x * x * x, lambda x, y: 3 * x * x)
    try:
        neuron = Neuron(1, activation="cube_of_test", seed=0)
        assert neuron(2.0).data == pytest.approx((2 * neuron.w[0].data) ** 3)
        assert repr(neuron) == "Cube_of_testNeuron(1)"
    finally:
        del TABLE["cube_of_test"]


def test_representations() -> None:
    assert repr(Layer(2, 2, activation="tanh")) == "Layer of [TanhNeuron(2), TanhNeuron(2)]"
    assert repr(Neuron(2, activation=lambda z: z)) == "<lambda>Neuron(2)"
    assert repr(Neuron(2, nonlin=False)) == "LinearNeuron(2)"


@given(seeds, seeds)
def test_a_seed_gives_the_weights_and_leaves_the_module_random_alone(seed: int, other: int) -> None:
    state = random.getstate()
    weights = [[p.data for p in MLP(3, [2, 2], seed=s).parameters()] for s in (seed, seed, random.Random(seed), other)]
    assert random.getstate() == state
    assert weights[0] == weights[1] == weights[2]
    assert (weights[0] == weights[3]) == (seed == other)
    assert len(set(weights[0])) == 3 * 2 + 2 * 2 + 1  # every neuron draws its own; the biases are all 0
    assert [p.data for p in Layer(3, 2, seed=seed).parameters()] == weights[0][: 4 * 2]
    assert all(-1 <= w <= 1 for w in weights[0])


@given(st.integers(1, 5), st.integers(0, 7), st.sampled_from([list, tuple, np.array]), st.booleans())
def test_number_of_inputs(expected: int, given_: int, container, nodes: bool) -> None:
    x = container([Value(1.0) if nodes and container is not np.array else 1.0] * given_)
    for network in (Neuron(expected), Layer(expected, 2), MLP(expected, [2, 1])):
        if given_ == expected:
            network(x)
        else:
            with pytest.raises(ValueError, match=rf"expects {expected} inputs, {given_} given"):
                network(x)


def test_one_input_needs_no_list() -> None:
    chain = MLP(1, [1, 1, 2], seed=3)  # a layer of one neuron gives a node, not a list
    for x in (0.5, Value(0.5), np.float64(0.5)):
        assert [out.data for out in chain(x)] == [out.data for out in chain([0.5])]
        assert Neuron(1, seed=1)(x).data == Neuron(1, seed=1)([0.5]).data


def test_inputs_that_are_no_numbers() -> None:
    for network in (Neuron(2), Layer(2, 2), MLP(2, [1])):
        with pytest.raises(TypeError):
            network(["a", "b"])


def test_gradients_reach_the_inputs() -> None:
    x = [Value(0.5), Value(-0.25)]
    neuron = Neuron(2, nonlin=False)
    neuron(x).backward()
    assert [v.grad for v in x] == [w.data for w in neuron.w]


@pytest.mark.parametrize(
    ("construct", "message"),
    [
        (lambda: Neuron(0), "nin is 0"),
        (lambda: Neuron(1.5), "nin is 1.5"),
        (lambda: Layer(2, -1), "nout is -1"),
        (lambda: MLP(2, []), "number of layers is 0"),
        (lambda: MLP(2, [2, 0]), "nout is 0"),
        (lambda: Neuron(2, activation="rellu"), "unknown activation 'rellu'.* relu,"),
        (lambda: MLP(2, [2], activation="add"), "unknown activation 'add'"),
        (lambda: Neuron(2, activation=None), "unknown activation None"),
    ],
)
def test_bad_networks(construct, message) -> None:
    with pytest.raises(ValueError, match=message):
        construct()


def test_what_is_no_list_is_pointed_to_one() -> None:
    with pytest.raises(TypeError, match=r"nouts is 4: it must be a list .* \[16, 16, 1\]"):
        MLP(3, 4)
    with pytest.raises(TypeError, match=r"not 'MLP': model.parameters\(\)"):
        SGD(MLP(3, [4]), 0.1)


def scopes_of(node: Value) -> tuple[str, ...]:
    names, s = [], node.scope
    while s is not None:
        names.append(s.name)
        s = s.parent
    return tuple(reversed(names))


def test_scopes_of_layers_and_neurons() -> None:
    mlp = MLP(2, [2, 1])
    x = Value(1.0)
    with scope("model"):
        y = mlp([x, 3.0])
    groups = {scopes_of(node) for node in topological_order(y) if node.op}
    assert groups == {
        ("model", *at) for at in [("layer 1", "neuron 1"), ("layer 1", "neuron 2"), ("layer 2", "neuron 1")]
    }
    leaves = {scopes_of(node) for node in topological_order(y) if not node.op}
    assert leaves == {(), ("model",)}  # parameters and inputs belong to no layer
    assert y.scope.parameters == mlp.layers[1].neurons[0].parameters()  # a drawing folds them with their neuron
    assert mlp([x, 3.0]).scope is not y.scope  # each call is a cluster of its own
    assert x.scope is None
    with pytest.raises(ValueError, match="expects 2 inputs"):
        mlp([x])
    assert Value(1.0).scope is None


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_copies(duplicate) -> None:
    original = MLP(2, [3, 1], activation="tanh", seed=0)
    twin = duplicate(original)
    assert twin([0.5, 1.0]).data == original([0.5, 1.0]).data
    assert not set(twin.parameters()) & set(original.parameters())
    twin.layers[0].neurons[0].w[0].data += 1.0
    assert twin([0.5, 1.0]).data != original([0.5, 1.0]).data


# ── descent ───────────────────────────────────────────────────────────────────────────────────────


@given(st.floats(0.01, 1.0), st.floats(0.0, 0.95), st.floats(-5, 5))
def test_heavy_ball_satisfies_its_recurrence(rate: float, momentum: float, start: float) -> None:
    # θₖ₊₁ = θₖ − η f′(θₖ) + μ (θₖ − θₖ₋₁), for f = θ² + 3θ (Polyak, 1964)
    theta = Value(start)
    optimizer = SGD([theta], learning_rate=rate, momentum=momentum)
    path = [start, start]
    for _ in range(6):
        optimizer.zero_grad()
        (theta * theta + 3 * theta).backward()
        optimizer.step()
        before, now = path[-2:]
        path.append(theta.data)
        assert theta.data == pytest.approx(now - rate * (2 * now + 3) + momentum * (now - before), rel=1e-9, abs=1e-9)


def test_sgd_steps_only_what_it_was_given() -> None:
    a, b = Value(1.0), Value(2.0)
    optimizer = SGD((p for p in [a]), 0.5)
    (a * b).backward()
    optimizer.step()
    assert (a.data, b.data) == (0.0, 2.0)
    optimizer.learning_rate = 0.25
    optimizer.step()
    optimizer.zero_grad()
    assert (a.data, a.grad, b.grad) == (-0.5, 0.0, 1.0)


def test_a_step_out_of_range_moves_nothing() -> None:
    a, b = Value(1.0), Value(1.0)
    (a + 1e300 * b).backward()
    with pytest.raises(OverflowError, match=r"learning_rate 10000000000\.0 is too large"):
        SGD([a, b], 1e10).step()
    assert (a.data, b.data) == (1.0, 1.0)


p = Value(1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 0.1), "parameters must be"),
        (([p, p], 0.1), "each given once"),
        (([p * 2], 0.1), "not computed"),
        (([1.0], 0.1), "must be Values"),
        (([p], 0), "learning_rate is 0"),
        (([p], -0.1), "learning_rate is -0.1"),
        (([p], math.inf), "learning_rate is inf"),
        (([p], "0.1"), "learning_rate is '0.1'"),
        (([p], 0.1, 1.0), "momentum is 1.0"),
        (([p], 0.1, -0.5), "momentum is -0.5"),
        (([p], 0.1, math.nan), "momentum is nan"),
    ],
)
def test_bad_settings_of_sgd(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        SGD(*arguments)


def test_losses_by_name() -> None:
    predictions = [Value(0.25), Value(0.5), Value(0.9)]
    targets = [0, 1, Value(0.4)]
    assert mean_loss("squared_error", predictions, targets).data == pytest.approx((0.0625 + 0.25 + 0.25) / 3)
    assert mean_loss("binary_cross_entropy", predictions[:2], [0, 1]).data == pytest.approx(
        log_loss([0, 1], [0.25, 0.5])
    )
    assert mean_loss(operator.sub, predictions, targets).data == pytest.approx(0.25 / 3)
    loss = mean_loss("binary_cross_entropy_with_logits", [Value(0.0)], [1])
    assert loss.data == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("hinge", [p], [1]), "unknown loss 'hinge'.*squared_error"),
        (("squared_error", [p], [1, 2]), "1 predictions and 2 targets"),
        (("squared_error", [], []), "0 predictions"),
    ],
)
def test_bad_losses(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        mean_loss(*arguments)


# ── logistic regression ───────────────────────────────────────────────────────────────────────────

X = [[-2.0, 1.0], [-1.0, -1.0], [0.5, 0.0], [-0.5, 2.0], [1.5, 0.5], [2.0, -0.5]]
Y = [0, 0, 1, 1, 0, 1]
columns = st.integers(1, 3)


def overlapping(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """60 samples, correlated columns, labels of odds that the columns set in part."""
    generator = np.random.default_rng(seed)
    data = generator.normal(size=(60, n)) @ (np.eye(n) + 0.3)
    return data, (generator.random(60) < 1 / (1 + np.exp(0.3 - data.sum(axis=1)))).astype(int)


@given(seeds, columns)
@settings(max_examples=12)
def test_same_optimum_as_scikit_learn(seed: int, n: int) -> None:
    data, y = overlapping(seed, n)
    ours = LogisticRegression(tol=1e-7).fit(data, y)
    theirs = linear_model.LogisticRegression(C=np.inf, tol=1e-9, max_iter=1000).fit(data, y)
    assert ours.coef_ == pytest.approx(theirs.coef_, abs=1e-4)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=1e-4)
    assert (ours.coef_.shape, ours.intercept_.shape) == (theirs.coef_.shape, theirs.intercept_.shape)
    new = overlapping(seed + 1, n)[0]
    assert ours.decision_function(new) == pytest.approx(theirs.decision_function(new), abs=1e-3)
    assert ours.predict_proba(new) == pytest.approx(theirs.predict_proba(new), abs=1e-3)
    assert ours.score(data, y) == theirs.score(data, y)
    probabilities = ours.predict_proba(data)[:, 1]
    assert list(ours.predict(data)) == [int(probability >= 0.5) for probability in probabilities]
    assert ours.loss_curve_[0] == pytest.approx(math.log(2))
    assert ours.loss_curve_[-1] == pytest.approx(log_loss(y, probabilities))
    assert ours.n_iter_ == len(ours.loss_curve_) - 1
    slope = np.c_[data, np.ones(60)].T @ (probabilities - y) / 60
    assert np.abs(slope).max() <= 1.001e-7


@given(arrays(float, st.tuples(st.integers(2, 8), columns), elements=st.floats(-1e3, 1e3)), st.data())
@settings(max_examples=60)
def test_every_step_descends_on_any_data(data: np.ndarray, draw: st.DataObject) -> None:
    y = draw.draw(st.lists(st.integers(0, 1), min_size=len(data), max_size=len(data)))
    assume(len(set(y)) == 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nn.ConvergenceWarning)
        losses = LogisticRegression(max_iter=15).fit(data, y).loss_curve_
    assert all(after <= before * (1 + 1e-12) for before, after in pairwise(losses))


@given(arrays(float, st.tuples(st.integers(1, 8), columns), elements=st.floats(-1e3, 1e3)))
def test_curvature_is_a_bound_and_a_close_one(data: np.ndarray) -> None:
    augmented = np.c_[data, np.ones(len(data))]
    largest = np.linalg.eigvalsh(augmented.T @ augmented / (4 * len(data)))[-1]
    assert largest * (1 - 1e-9) <= curvature(data.tolist()) <= largest * 4 ** (1 / 4) * (1 + 1e-9)


def test_a_tie_is_class_1() -> None:
    model = LogisticRegression().fit([[-1], [1], [-1], [1]], [0, 0, 1, 1])
    assert (model.n_iter_, list(model.predict([[0], [1]]))) == (0, [1, 1])


def test_probabilities_far_out() -> None:
    model = LogisticRegression().fit([[-1], [1], [1], [-1], [1]], [0, 0, 1, 1, 1])
    for side, z in ((1, -100), (0, 100)):
        [probabilities] = model.predict_proba([[z / model.coef_[0][0]]])
        assert 0.0 < probabilities[side] < 1e-30  # not 1 − 1.0
        assert probabilities[1 - side] == 1.0


def replaced(i: int, j: int, x: object) -> list[list[object]]:
    return [[x if (k, m) == (i, j) else v for m, v in enumerate(row)] for k, row in enumerate(X)]


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (replaced(3, 1, math.nan), Y, "row 3, column 1 of X is nan"),
        (replaced(0, 0, -math.inf), Y, "row 0, column 0 of X is -inf"),
        (np.array(replaced(5, 0, math.nan)), Y, "row 5, column 0 of X is nan"),
        (replaced(2, 1, "tall"), Y, "row 2, column 1 of X is 'tall'"),
        (replaced(2, 1, None), Y, "row 2, column 1 of X is None"),
        (replaced(2, 1, 1j), Y, "row 2, column 1 of X is 1j"),
        (replaced(2, 1, [1.0]), Y, r"row 2, column 1 of X is \[1.0\]"),
        (replaced(2, 1, Value(1.0)), Y, "row 2, column 1 of X is Value"),
        ([1.0, 2.0, 3.0], [0, 1, 1], "two-dimensional"),
        (np.arange(3.0), [0, 1, 1], "two-dimensional"),
        (3.0, [0, 1, 1], "two-dimensional"),
        (["ab", "cd"], [0, 1], "two-dimensional"),
        ([[1.0, 2.0], [3.0], [4.0, 5.0]], [0, 1, 1], "row 1 of X has 1 columns, but row 0 has 2"),
        ([], [], "X is empty"),
        ([[], []], [0, 1], "X is empty"),
        (np.empty((0, 2)), [], "X is empty"),
        (X, Y[:4], "a list of 6 labels.*: 4 labels given"),
        (X, None, "a list of 6 labels.*: 'NoneType' given"),
        (X, [0, 1, 2, 1, 0, 1], "label 2 of y is 2"),
        (X, [0, 1, -1, 1, 0, 1], "label 2 of y is -1"),
        (X, [0, 1, 0.5, 1, 0, 1], "label 2 of y is 0.5"),
        (X, [0, 1, math.nan, 1, 0, 1], "label 2 of y is nan"),
        (X, list("011010"), "label 0 of y is '0'"),
        (X, np.array(Y).reshape(-1, 1), r"label 0 of y is \[0\]"),
        (X, list(np.array(Y).reshape(-1, 1)), r"label 0 of y is array\(\[0\]\)"),
        (X, [1] * 6, "one class only, 1"),
        (X, [False] * 6, "one class only, 0"),
        (replaced(1, 0, 1e200), Y, "too large: standardise"),
    ],
)
def test_bad_data(X, y, message) -> None:
    model = LogisticRegression()
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not model.__sklearn_is_fitted__()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"max_iter": 0}, "max_iter is 0"),
        ({"max_iter": 10.0}, "max_iter is 10.0"),
        ({"tol": 0.0}, "tol is 0.0"),
        ({"tol": "small"}, "tol is 'small'"),
    ],
)
def test_bad_settings_are_told_by_fit(settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        LogisticRegression(**settings).fit(X, Y)


def test_other_columns_than_fitted() -> None:
    model = LogisticRegression().fit(X, Y)
    for method in (model.predict, model.predict_proba, model.decision_function, lambda new: model.score(new, [0])):
        with pytest.raises(ValueError, match=r"X has 3 features.* expecting 2"):
            method([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="a list of 6 labels"):
        model.score(X, Y[:-1])


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_not_fitted(method) -> None:
    with pytest.raises(NotFittedError, match="call fit first"):
        getattr(LogisticRegression(), method)(X)


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        ([[1000 * a, b] for a, b in X], {}, "standardise X, or raise max_iter"),
        ([[label + a / 10] for (a, _), label in zip(X, Y, strict=True)], {}, "X separates the classes"),
        (X, {"learning_rate": 1e-6}, "leave learning_rate at None"),
    ],
)
def test_a_warning_where_max_iter_comes_first(data, settings, message) -> None:
    model = LogisticRegression(max_iter=np.int64(20), **settings)
    with pytest.warns(nn.ConvergenceWarning, match=message) as caught:
        model.fit(data, Y)
    assert caught[0].filename == __file__
    assert model.n_iter_ == 20
    assert len(model.loss_curve_) == 21
    model.predict(data)


def test_settings_by_name() -> None:
    model = LogisticRegression(tol=1e-3)
    assert model.get_params() == {"learning_rate": None, "max_iter": 1000, "tol": 1e-3, "verbose": False}
    assert repr(model) == "LogisticRegression(tol=0.001)"
    assert model.set_params(max_iter=5, tol=1e-6) is model
    assert repr(model) == "LogisticRegression(max_iter=5)"
    with pytest.raises(ValueError, match=r"'alpha' is no setting .*max_iter"):
        model.set_params(max_iter=7, alpha=1.0)
    assert model.max_iter == 5
    with pytest.raises(TypeError):
        LogisticRegression(0.1)


@pytest.mark.parametrize("installed", [True, False])
def test_verbose(installed, monkeypatch, capsys) -> None:
    if not installed:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    model = LogisticRegression(verbose=True).fit(X, Y)
    out, err = capsys.readouterr()
    result = rf"loss {model.loss_curve_[-1]:.6f} after {model.n_iter_} steps, largest gradient component \d\.\de-07"
    assert re.fullmatch(rf"{result} \(tol=1e-06\)\n", out)
    assert (" gradients" in err) == installed
    LogisticRegression().fit(X, Y)
    assert capsys.readouterr() == ("", "")


def test_fit_leaves_the_module_random_alone() -> None:
    state = random.getstate()
    LogisticRegression().fit(X, Y)
    assert random.getstate() == state


class Frame:
    """Data that say how to become an array, as data frames do; iterating over them gives column names."""

    def __init__(self, data: object) -> None:
        self.data = np.array(data)

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self.data

    def __iter__(self):
        return iter("names")


def test_columns_in_another_order_are_refused() -> None:
    frame, other, nameless = Frame(X), Frame(X), Frame(X)
    frame.columns, other.columns = ["age", "dose"], ["dose", "age"]
    model = LogisticRegression().fit(frame, Y)
    assert list(model.feature_names_in_) == ["age", "dose"]
    assert (model.predict(frame) == model.predict(nameless)).all()
    with pytest.raises(ValueError, match=r"should match .* during fit, in that order: age, dose; X has dose, age"):
        model.predict(other)
    model.fit(nameless, Y)
    assert not hasattr(model, "feature_names_in_")
    model.predict(other)


@pytest.mark.parametrize("convert", [np.array, Frame, tuple, lambda data: list(np.array(data))])
def test_containers(convert) -> None:
    reference = LogisticRegression().fit(X, Y)
    model = LogisticRegression().fit(convert(X), convert(Y))
    assert (model.coef_ == reference.coef_).all()
    assert (model.predict_proba(convert(X)) == reference.predict_proba(X)).all()
    assert model.score(convert(X), convert(Y)) == reference.score(X, Y) == np.mean(reference.predict(X) == np.array(Y))


def test_lists_where_there_is_no_numpy() -> None:
    program = f"""
import sys
sys.modules["numba"] = sys.modules["numpy"] = sys.modules["sklearn"] = sys.modules["tqdm"] = None
from tinygrad_lite.nn import LogisticRegression
model = LogisticRegression(verbose=True)
try:
    model.predict({X})
except ValueError as error:
    print(type(error).__module__, isinstance(error, AttributeError), error)
model.fit({X}, {Y})
print([type(x) is list for x in (model.coef_, model.coef_[0], model.intercept_, model.classes_)])
print(model.predict_proba({X}))
print(model.predict({X}), model.score({X}, {Y}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    not_fitted, _, lists, probabilities, labels = done.stdout.splitlines()
    model = LogisticRegression().fit(X, Y)
    raised = "True this LogisticRegression has learned nothing yet: call fit first"
    assert not_fitted == f"tinygrad_lite.nn.logistic_regression {raised}"
    assert lists == str([True] * 4)
    assert probabilities == str(model.predict_proba(X).tolist())
    assert labels == f"{model.predict(X).tolist()} {model.score(X, Y)}"


# ── in scikit-learn ───────────────────────────────────────────────────────────────────────────────


def test_checks_of_scikit_learn() -> None:
    words = "the message is our own: it names the row, the column or the label"
    labels = "labels are 0 and 1, nothing else"
    expected = {
        "check_estimators_dtypes": labels,
        "check_classifier_data_not_an_array": labels,
        "check_classifiers_classes": labels,
        "check_fit2d_1feature": labels,
        "check_supervised_y_2d": "labels have one dimension",
        "check_dtype_object": words,
        "check_complex_data": words,
        "check_estimators_empty_data_messages": words,
        "check_classifiers_regression_target": words,
        "check_classifier_not_supporting_multiclass": words,
        "check_fit2d_predict1d": words,
        "check_requires_y_none": words,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # separable data, and checks that do not apply
        check_estimator(LogisticRegression(max_iter=100), expected_failed_checks=expected)


@pytest.mark.parametrize("scoring", [None, "accuracy", "roc_auc", "f1", "neg_log_loss"])
def test_pipeline_and_cross_validation(scoring) -> None:
    data, y = overlapping(3, 2)
    far = 1e4 + 50 * data
    for pairs in ((far, y), (far.tolist(), y.tolist())):
        ours, theirs = (
            cross_val_score(make_pipeline(StandardScaler(), model), *pairs, cv=4, scoring=scoring)
            for model in (LogisticRegression(tol=1e-7), linear_model.LogisticRegression(C=np.inf, tol=1e-9))
        )
        assert ours == pytest.approx(theirs, abs=1e-3)


def test_lists_straight_into_cross_validation() -> None:
    data, y = overlapping(4, 2)
    scores = cross_val_score(LogisticRegression(), data.tolist(), y.tolist(), cv=3, scoring="roc_auc")
    assert scores == pytest.approx(cross_val_score(LogisticRegression(), data, y, cv=3, scoring="roc_auc"))


def test_clone_and_search() -> None:
    data, y = overlapping(5, 1)
    model = LogisticRegression(tol=1e-5).fit(data, y)
    check_is_fitted(model)
    twin = clone(model)
    assert repr(twin) == "LogisticRegression(tol=1e-05)"
    with pytest.raises(NotFittedError):
        check_is_fitted(twin)
    restored = pickle.loads(pickle.dumps(model))
    assert (restored.predict_proba(data) == model.predict_proba(data)).all()
    search = GridSearchCV(LogisticRegression(), {"tol": [1e-1, 1e-5]}, cv=3).fit(data, y)
    assert search.cv_results_["split0_test_score"][1] == cross_val_score(model, data, y, cv=3)[0]
    assert (search.predict(data) == LogisticRegression(**search.best_params_).fit(data, y).predict(data)).all()
