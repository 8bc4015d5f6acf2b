"""Where a float is wanted, a Value is one: for Python's conversions, and for comparisons that allow for rounding."""

import math
import operator
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite import Value

FINITE = st.floats(allow_infinity=False, allow_nan=False)


@given(FINITE, st.sampled_from([".3e", "+.2f", ">30", "%", "012.4g"]))
def test_what_python_makes_of_its_float(x, spec):
    v = Value(x)
    assert format(v, spec) == format(x, spec)
    assert [f(v) for f in (float, int, round, math.trunc, math.floor, math.ceil)] == [
        f(x) for f in (float, int, round, math.trunc, math.floor, math.ceil)
    ]
    assert round(v, 2) == round(x, 2)
    assert math.isclose(v, x)
    assert complex(v) == x


@given(st.integers(0, 60))
def test_as_text_it_is_its_repr(width):
    v = Value(2.0, "x")
    assert f"{v:>{width}s}" == f"{v!r:>{width}s}"
    assert f"{v}" == str(v) == repr(v)


@given(st.floats(-1e100, 1e100))
def test_pytest_compares_it_within_rounding(x):
    v, far = Value(x), x + 1 + abs(x)
    assert (v == pytest.approx(x)) is (pytest.approx(x) == v) is True
    assert x == pytest.approx(v)
    assert [v, v] == pytest.approx([x, x])
    assert {"v": v} == pytest.approx({"v": x})
    assert np.array([v]) == pytest.approx(np.array([x]))
    assert v != pytest.approx(far)
    assert [v, v] != pytest.approx([x, far])
    assert repr(pytest.approx(v))


@given(FINITE)
def test_numpy_compares_it_within_rounding(x):
    v = Value(x)
    assert np.allclose(v, x)
    assert np.isclose([v, v], x).all()
    assert np.isfinite(v)
    np.testing.assert_allclose(float(v), x)
    np.testing.assert_allclose(np.array([v], float), [x])


@pytest.mark.parametrize("number", [Fraction(1, 2), Decimal("0.5"), 0.5j])
@pytest.mark.parametrize("operate", [operator.add, operator.sub, operator.mul, operator.truediv, operator.lt])
def test_other_kinds_of_numbers_take_no_value_for_its_float(number, operate):
    v = Value(2.0)
    for operands in ((v, number), (number, v)):
        with pytest.raises(TypeError, match=r"not '(Fraction|Decimal|complex)': write float\(x\)"):
            operate(*operands)
    assert v != number
