"""The exact numbers that `gradcheck` compares with have the digits that they are asked for."""

from decimal import Decimal, localcontext

import mpmath
import pytest

from tinygrad_lite.engine import exact_forms

FORMS = {
    "arctangent": mpmath.atan,
    "cosine": mpmath.cos,
    "cube_root": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "hyperbolic_tangent": mpmath.tanh,
    "normal": mpmath.ncdf,
}
POINTS = ["0.3", "1.1", "2.5", "5.2", "7.3", "12.5", "-0.4", "-3.3", "-9"]


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("digits", [30, 120])
def test_no_digits_are_lost(name, digits):
    for x in POINTS:
        with localcontext(prec=digits):
            found = getattr(exact_forms, name)(Decimal(x))
        with mpmath.workdps(2 * digits), localcontext(prec=2 * digits):
            true = Decimal(mpmath.nstr(FORMS[name](mpmath.mpf(x)), 2 * digits))
            assert abs(found - true) <= abs(true).scaleb(3 - digits), x
