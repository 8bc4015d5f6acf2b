"""Every row of the table, by one factory: its numbers, its formulas, its spellings."""

import functools
import math
import operator
from decimal import Decimal

import pytest
import sympy
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tinygrad_lite
from tests.checking import rigorous
from tinygrad_lite import Value
from tinygrad_lite.checking import reference
from tinygrad_lite.checking.certificate import gradcheck
from tinygrad_lite.engine import primitives
from tinygrad_lite.engine.declaration import TABLE, Interval, carrier
from tinygrad_lite.engine.value import Constant
from tinygrad_lite.strategies import points

ROWS = [row for row in TABLE.values() if row.name in primitives.__all__ or row.name in ("abs", "pow")]
SLOPES = [row for row in TABLE.values() if row.hidden]
# Where this slope is asked: farther out its own partials, second derivatives, lose digits with the exponent.
REACHED = {
    "equals_": (Interval(2.0, 2.0), Interval(-40.0, 40.0), Interval(3.0, 3.0)),
    "pow_slope": (Interval(0.01, 100.0), Interval(-40.0, 40.0)),
    "sech_": (Interval(-1e6, 1e6),),  # beyond 1e18 even decimal's exponents end
    "power_term": (
        *(Interval(-40.0, 40.0), Interval(1.5, 100.0), Interval(-40.0, 40.0), Interval(0.0, 4.0), Interval(0.0, 4.0)),
    ),
}
STATED = [row for row in TABLE.values() if row.definition and row.reference]


# A row has more points in tests/benchmarks/measure_rows.py.
FEWER = settings(max_examples=settings().max_examples // 5)


@pytest.fixture(params=ROWS + SLOPES, ids=lambda row: row.name)
def row(request, monkeypatch):
    monkeypatch.setattr(request.param, "domain", REACHED.get(request.param.name, request.param.domain))
    return request.param


def arguments(row, x, free):
    """`x` as Values where its place is in `free`, else as numbers."""
    return [Value(each) if i in free else each for i, each in enumerate(x)]


def test_a_row_is_certified_in_every_choice_of_arguments(row):
    """Both references; boundary points, ties, saturation; the arguments that are constants vary."""

    @FEWER
    @given(st.data())
    def certify(data):
        arity = len(row.partials)
        free = data.draw(st.sets(st.integers(0, arity - 1), min_size=1))
        x = data.draw(points(row, sorted(free)))
        inputs = [x[i] for i in sorted(free)]

        def f(*values):
            rest = iter(values)
            return row(*(next(rest) if i in free else each for i, each in enumerate(x)))

        report = gradcheck(f, *inputs)
        assert {check.verdict for check in report.checks} == {"certified"}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reference, "compute", rigorous.compute)
            again = gradcheck(f, *inputs, raise_exception=False)
        huge = max(map(abs, x)) > 1e6  # exp(1e6) is beyond Arb's range in a definition
        assert huge or {check.verdict for check in again.checks} == {"certified"}

    certify()


def test_the_two_references_agree(row):
    @FEWER
    @given(points(row))
    def agree(x):
        if row.kink and row.kink.gap(*x) == 0:
            return
        decimal, arb = (compute(row, x, range(len(x))) for compute in (reference.compute, rigorous.compute))
        for a, b in zip(decimal, arb, strict=True):
            if b.is_finite():
                assert abs(a - b) <= abs(b) * reference.AGREEMENT + reference.NEGLIGIBLE

    agree()


@pytest.mark.parametrize("row", STATED, ids=lambda row: row.name)
def test_what_the_reference_states_is_the_definition(row, monkeypatch):
    """sigmoid and softplus have references beside their formulas, which the others are checked by."""

    @FEWER
    @given(st.tuples(*(st.floats(0.01, 20.0) | st.floats(-20.0, -0.01) for _ in row.partials)))
    def same(x):
        if row.name in ("xlogy_", "logit_"):
            x = tuple(map(abs, x))
        if row.name == "power_term":
            x = (x[0], 1.5 + abs(x[1]), *x[2:])
        stated = reference.compute(row, x, range(len(x)))
        with monkeypatch.context() as patch:
            patch.setattr(row, "reference", ())
            derived = reference.compute(row, x, range(len(x)))
        assert all(abs(a - b) <= reference.AGREEMENT * 10 * abs(b) for a, b in zip(stated, derived, strict=True))

    same()


# ── the formulas, proved ──────────────────────────────────────────────────────────────────────────


class Stopped(sympy.Function):
    """A constant, whatever it is made of."""

    def fdiff(self, argument=1):
        return sympy.S.Zero


@carrier
class Formula:
    """The table over sympy: rows with a definition are their definition, the rest is sympy's own."""

    def __init__(self, sympified):
        self.it = sympy.sympify(sympified)

    @staticmethod
    def apply_primitive(row, args):
        if row.definition:
            return row.definition(*(each if isinstance(each, Formula) else Formula(each) for each in args))
        known = {"neg": operator.neg, "identity_": operator.pos, "add": operator.add, "sub": operator.sub}
        known |= {
            "mul": operator.mul,
            "div": operator.truediv,
            "pow": operator.pow,
            "abs": sympy.Abs,
            "sign_": sympy.sign,
        }
        known |= {"maximum": sympy.Max, "minimum": sympy.Min, "step_": sympy.Heaviside}
        known |= {"wins_": lambda a, b: sympy.Heaviside(a - b), "degrees": sympy.deg, "radians": sympy.rad}
        known |= {"equals_": lambda i, j, n: sympy.Piecewise((1, sympy.Eq(i, j)), (0, True))}
        known |= {f"log{base}": functools.partial(lambda base, x: sympy.log(x, base), base) for base in (2, 10)}
        known["stopped_"] = Stopped
        known["gelu"] = lambda x: x * sympy.erfc(-x / sympy.sqrt(2)) / 2
        known["gelu_slope"] = lambda x: sympy.diff(known["gelu"](sympy.Symbol("t")), "t").subs("t", x)
        function = known.get(row.name) or getattr(sympy, row.name)
        return Formula(function(*(each.it if isinstance(each, Formula) else sympy.sympify(each) for each in args)))


def test_each_partial_is_the_derivative_of_its_value(row):
    symbols = sympy.symbols("a b c d e", positive=True)[: len(row.partials)]
    if row.name in ("sign_", "step_", "wins_", "abs", "relu", "leaky_relu"):
        symbols = [sympy.Symbol("a", real=True, nonzero=True), sympy.Symbol("b", real=True)][: len(row.partials)]
    # A number from 0 to 1 is 1/(1 + a) with a > 0, so that sympy knows roots and both logarithms to be real.
    ways = {1.0: lambda s: 1 / (1 + s)} if row.name != "binary_cross_entropy_with_logits" else {}
    terms = [ways.get(d.high, lambda s, d=d: s + max(d.low, 0))(s) for s, d in zip(symbols, row.domain, strict=True)]
    x = [Formula(term) for term in terms]
    y = Formula.apply_primitive(row, x)
    for symbol, term, partial in zip(symbols, terms, row.partials, strict=True):
        claimed = partial(*x, y)
        difference = sympy.diff(y.it, symbol) / sympy.diff(term, symbol) - (
            claimed.it if isinstance(claimed, Formula) else claimed
        )
        difference = difference.subs(sympy.DiracDelta(symbols[0]), 0).rewrite(sympy.Heaviside).rewrite(sympy.exp)
        difference = difference.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
        left = sympy.simplify(sympy.expand_log(sympy.simplify(difference), force=True))
        assert left == 0 or abs(left.subs(dict.fromkeys(symbols, 1.25))) < 1e-14  # where a constant is a float, log 2


# ── the public spelling ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_spelling_is_the_same_node(row):
    """Function, method, operator, reflected operator; int and bool operands."""
    functions = {"neg": operator.neg, "add": operator.add, "sub": operator.sub, "mul": operator.mul}
    functions |= {"div": operator.truediv, "pow": operator.pow, "abs": operator.abs}
    x = tuple(0.5 if domain.high == 1.0 else 1.0 for domain in row.domain)
    spellings = [getattr(tinygrad_lite, row.name), functions.get(row.name, row), getattr(Value, row.method)]
    for free in range(1, 2 ** len(x)):
        kinds = [[Value] if free >> i & 1 else [float, int, bool] for i in range(len(x))]
        for spelling in spellings[: 3 if free & 1 else 2]:
            for kind in zip(*(options * (3 // len(options)) for options in kinds), strict=True):
                if any(cast is not Value and cast(each) != each for cast, each in zip(kind, x, strict=True)):
                    continue
                y = spelling(*(cast(each) for cast, each in zip(kind, x, strict=True)))
                assert y.op is row
                assert [(type(node), node.data) for node in y.inputs] == [
                    (Value if cast is Value else Constant, each) for cast, each in zip(kind, x, strict=True)
                ]
                assert y.data == row(*x)


SAME = [name for name in dir(math) if name in TABLE and name not in ("cbrt", "erfc", "hypot")]  # forms of our own


@pytest.mark.parametrize("name", [*SAME, "fabs"])
def test_a_value_on_floats_is_what_math_gives(name):
    row, function = TABLE["abs" if name == "fabs" else name], getattr(math, name)

    @FEWER
    @given(points(row))
    def same(x):
        assert row(*map(Value, x)).data.hex() == function(*x).hex()

    same()


def test_a_partial_is_as_precise_as_promised_for_soft_labels():
    """(1 − y)·σ(z) − y·σ(−z) has a zero at y = σ(z): near it, the error is that of inputs 8 ULP off."""
    loss = functools.partial(TABLE["binary_cross_entropy_with_logits"])
    for z, y in [(0.1, 0.525), (1e-9, 0.5), (-3.0, 0.0474258731775668), (2.5, 0.924141819978757), (1e-220, 0.5)]:
        assert gradcheck(lambda z, y: loss(z, y), z, y)
        assert gradcheck(lambda z, y=y: loss(z, y), z)


@FEWER
@given(st.floats(-745.0, -700.0), st.floats(0.01, 690.0), st.booleans(), st.booleans())
@example(-744.0, 20.8, False, True)
def test_the_slopes_of_a_power_keep_their_digits_among_subnormal_numbers(logarithm, base, reciprocal, whole):
    """x to the power n is exp(logarithm) there: what it has lost, neither n nor log x may magnify."""
    x = math.exp(base if reciprocal else -base)
    n = logarithm / math.log(x)
    n = float(round(n)) or 1.0 if whole else n
    y, exact = TABLE["pow"].evaluate([x, n]), reference.compute(TABLE["pow"], [x, n], [0, 1])
    for i, true in enumerate(exact[1:]):
        off = abs(Decimal(TABLE["pow"].slope(i, [x, n], y)) - true)
        assert off <= 4 * Decimal(math.ulp(float(true)))
