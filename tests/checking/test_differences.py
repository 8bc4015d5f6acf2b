"""The difference quotient accuses nobody."""

import pytest

import tinygrad_lite as tl
from tinygrad_lite import primitive
from tinygrad_lite.checking.certificate import gradcheck
from tinygrad_lite.checking.report import GradcheckError

# ── the difference quotient accuses nobody ────────────────────────────────────────────────────────


def test_a_difference_quotient_knows_its_noise():
    def small_slope(x):
        shift = 1e6 + x.data
        return (1e-6 * x + shift) - shift

    assert gradcheck(small_slope, 3.0).ok


def test_a_difference_quotient_crosses_no_kink():
    def kinked(x):
        shift = x.data
        return (tl.relu(x - 1 + 1e-6) + shift) - shift

    assert gradcheck(kinked, 1.0).ok


@pytest.mark.parametrize("x", [-718.0, -740.25, -744.5])
def test_what_a_subnormal_number_inside_ones_own_row_has_lost_is_no_fault(x):
    """σ(x) is subnormal there, and the factor x magnifies the rounding of its last place."""
    swish = primitive(
        "swish", lambda x: x * tl.sigmoid(x), lambda x, y: tl.sigmoid(x) + x * tl.sigmoid(x) * tl.sigmoid(-x)
    )
    assert gradcheck(swish, x).ok


@pytest.mark.parametrize("x", [-718.0, -740.25])
def test_a_wrong_slope_of_ones_own_row_is_found_among_subnormal_numbers(x):
    wrong = primitive("swish", lambda x: x * tl.sigmoid(x), lambda x, y: tl.sigmoid(x) + y * tl.sigmoid(x))
    with pytest.raises(GradcheckError):
        gradcheck(wrong, x)
