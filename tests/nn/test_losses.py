"""Losses by name or function."""

import math
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from sklearn.metrics import log_loss

from tinygrad_lite import Value
from tinygrad_lite.nn import cross_entropy, logsumexp, mean_loss, softmax

p = Value(1.0)


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


scores = st.lists(st.floats(-1000, 1000), min_size=1, max_size=5)


@given(scores, st.data())
def test_softmax_and_its_logarithm(numbers, data):
    """Against SciPy; and ∂ logsumexp/∂z is softmax, so that ∂ cross_entropy/∂z = p − [the target]."""
    target = data.draw(st.integers(0, len(numbers) - 1))
    p = special.softmax(numbers)
    logits = [Value(z) for z in numbers]
    np.testing.assert_allclose([float(p) for p in softmax(logits)], p, rtol=1e-12, atol=1e-300)
    total = logsumexp(logits)
    assert total.data == pytest.approx(special.logsumexp(numbers), rel=1e-14, abs=1e-14)
    total.backward()
    np.testing.assert_allclose([z.grad for z in logits], p, rtol=1e-12, atol=1e-15)

    for right in [target, float(target), Value(target)]:
        logits = [Value(z) for z in numbers]
        loss = cross_entropy(logits, right)
        assert loss.data == pytest.approx(-special.log_softmax(numbers)[target], rel=1e-12, abs=1e-12)
        loss.backward()
        np.testing.assert_allclose([z.grad for z in logits], p - np.eye(len(numbers))[target], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: softmax([]), ValueError, "softmax is of a list of at least one"),
        (lambda: logsumexp(p), ValueError, "logsumexp is of a list of at least one"),
        (lambda: cross_entropy([p, p], 2), ValueError, "target is 2: it must be a class, a whole number from 0 to 1"),
        (lambda: cross_entropy([p, p], -1), ValueError, "target is -1"),
        (lambda: cross_entropy([p, p], 0.5), ValueError, "target is 0.5"),
        (lambda: cross_entropy([p, p], "a"), TypeError, "target is 'a': it must be a class"),
        (lambda: cross_entropy([p, p], Value(2)), ValueError, "index"),
    ],
)
def test_bad_scores_and_classes(call, error, message):
    with pytest.raises(error, match=message):
        call()
