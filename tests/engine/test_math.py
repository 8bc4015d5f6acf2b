"""`import tinygrad_lite as math`: what a program over `math` finds there."""

import math
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tl
from tinygrad_lite import Value

NUMBERS = st.lists(st.floats(-9, 9), min_size=1, max_size=4)
ARGUMENTS = {
    "comb": (5, 2),
    "dist": ([1.0, 2.0], [3.0, 5.0]),
    "fma": (2, 3, 4),
    "fsum": ([0.1] * 10,),
    "gcd": (4, 6),
    "perm": (5, 2),
}
ARGUMENTS |= {
    "fma": (2, 3, 4),
    "factorial": (4,),
    "isqrt": (17,),
    "lcm": (4, 6),
    "ldexp": (0.5, 3),
    "prod": ([2.0, 3.0],),
}
TWO = ("atan2", "copysign", "fmod", "hypot", "isclose", "nextafter", "pow", "remainder")


@pytest.mark.parametrize("name", [name for name in dir(math) if name[0] != "_"])
def test_every_name_of_math_is_there_and_of_numbers_the_same(name):
    expected, ours = getattr(math, name), getattr(tl, name)
    if callable(expected):
        arguments = ARGUMENTS.get(name, (1.25, 2.5) if name in TWO else (1.25 if name == "acosh" else 0.625,))
        assert ours(*arguments) == pytest.approx(expected(*arguments), rel=4e-16, abs=0)
    else:
        assert repr(ours) == repr(expected)


@given(NUMBERS, NUMBERS)
def test_sums_and_distances_are_formulas(a, b):
    n = min(len(a), len(b))
    p, q = list(map(Value, a[:n])), b[:n]
    for name, expected in (("sumprod", math.fsum(map(operator.mul, a, q))), ("dist", math.dist(a[:n], q))):
        y = getattr(tl, name)(p, q)
        assert y.data == pytest.approx(expected, abs=1e-12)
        assert tl.gradcheck(lambda *p, name=name, q=q: getattr(tl, name)(p, q), *a[:n]).ok
    assert tl.fsum(p).data == sum(a[:n])
    assert tl.prod(p).data == pytest.approx(math.prod(a[:n]))


def test_a_fused_product_and_sum_is_a_formula():
    """`math` has it from Python 3.13 on."""
    assert tl.gradcheck(tl.fma, 2.0, 3.0, 4.0).ok
    assert (tl.fma(Value(2.0), 3, 4).data, tl.fma(2, 3.0, 4)) == (10.0, 10.0)


@pytest.mark.parametrize(
    ("call", "instead"),
    [(lambda: tl.log(Value(8.0), 2), r"log\(x\) / log\(base\)"), (lambda: tl.hypot(1, 2, Value(2.0)), r"hypot\(hypot")],
)
def test_what_takes_more_arguments_in_math_says_what_to_write(call, instead):
    with pytest.raises(TypeError, match=instead):
        call()


JUMPS = {
    "//": lambda v: v // 2, "reflected //": lambda v: 2 // v, "%": lambda v: v % 2, "reflected %": lambda v: 2 % v,
    "divmod": lambda v: divmod(v, 2), "ceil": tl.ceil, "trunc": tl.trunc,
    "fmod": lambda v: tl.fmod(v, 2), "copysign": lambda v: tl.copysign(2, v), "floor": tl.floor,
    "np.floor": np.floor, "np.remainder": lambda v: np.remainder(v, 2), "np.copysign": lambda v: np.copysign(v, -1),
}  # fmt: skip


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_what_jumps_says_why_it_is_no_operation(jump):
    with pytest.raises(TypeError, match=r"no derivative to learn by: .*write v\.data"):
        jump(Value(2.5))


def test_a_function_without_a_row_says_what_to_do():
    with pytest.raises(TypeError, match=r"math\.gamma takes no Value: it has no row; declare one"):
        tl.gamma(Value(2.5))
    assert tl.isclose(Value(0.1) + 0.2, 0.3)
    assert not tl.isnan(Value(2.5))
