"""Losses by name or function."""

import math
import operator

import pytest
from sklearn.metrics import log_loss

from tinygrad_lite import Value
from tinygrad_lite.nn import mean_loss

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
