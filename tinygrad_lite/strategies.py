"""Hypothesis strategies for gradients: numbers, points, whole programs; and `check_gradients`.

    from hypothesis import given

    from tinygrad_lite import gradcheck, sigmoid, tanh
    from tinygrad_lite.strategies import check_gradients, expressions, values

    check_gradients(tanh)
    check_gradients(lambda w, b: sigmoid(2 * w + b), values(), values())


    @given(expressions())
    def test_engine(expression):
        gradcheck(expression, *expression.inputs)

Nothing is filtered: what falls out of a domain is repaired while it is drawn.
"""

import functools
import inspect
import math
import operator
import sys
from collections.abc import Callable, Sequence
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

try:
    import hypothesis
    from hypothesis import configuration
    from hypothesis import strategies as st
except ImportError:
    raise ImportError(
        "tinygrad_lite.strategies needs Hypothesis: `pip install '.[check]'` in tinygrad_lite's checkout"
    ) from None

from .checking import reference
from .checking.certificate import gradcheck
from .engine.arguments import flatten
from .engine.declaration import TABLE, Interval, Primitive, make_row
from .engine.derivatives import grad
from .engine.primitives import step
from .engine.selection import take
from .engine.value import Value

MODERATE = Interval(-40.0, 40.0)
BOUND = 1e9  # the numbers of a program stay below, and so the product of its slopes within range
# `take`, which is no row, is drawn as if it were one: of two by whether the number before them is positive.
CHOICE = make_row(
    "take", lambda c, a, b: b if c > 0 else a,
    lambda c, a, b, y: 0, lambda c, a, b, y: 1 - step(c), lambda c, a, b, y: step(c),
)  # fmt: skip
Line = tuple[Any, ...]  # a row's name, and its operands: int, counted back from the newest; float, a constant


def values(op: Primitive | Interval = TABLE["neg"], argument: int = 0) -> st.SearchStrategy[float]:
    """Floats of the domain of `op` in `argument` (or of an interval): moderate, saturating, tiny and huge.

    0.0, −0.0, ±1 and the ends of the domain, and numbers next to them, are drawn on purpose;
    subnormal numbers, which no formula keeps the digits of, are not.
    """
    low, high, is_open = interval = op if isinstance(op, Interval) else op.domain[argument]
    ends = [x for x in (low, high) if math.isfinite(x)]
    near = [x + s * 2.0**-k for x in (0.0, *ends) for k in (2, 10, 30, 52) for s in (1, -1)]
    marks = (_inside(interval), 0.0, -0.0, 1.0, -1.0, 2.0, 0.5, *ends)
    drawn = [st.sampled_from([x for x in some if x in interval] or marks[:1]) for some in (marks, near)]
    for size in (4.0, 40.0, 1e3, 1e100, sys.float_info.max):
        a, b = max(low, -size), min(high, size)
        if a < b and (size <= 1e100 or len(drawn) == 2):
            drawn.append(st.floats(a, b, exclude_min=is_open, exclude_max=is_open, allow_subnormal=False))
            if (a, b) == (low, high):
                break
    return st.one_of(drawn)


def _inside(interval: Interval) -> float:
    low, high, _ = interval
    if low < 1.0 < high:
        return 1.0
    if math.isfinite(low) and math.isfinite(high):
        return (low + high) / 2
    return low + 1.0 if math.isfinite(low) else high - 1.0


def points(op: Primitive, wanted: Sequence[int] | None = None) -> st.SearchStrategy[tuple[float, ...]]:
    """Operands for which `op` has a value, and slopes in the arguments `wanted` (default: all); ties often.

    Those in other arguments are made whole numbers where that helps: exponents of negative numbers.
    """
    arity = range(len(op.partials))
    ways: list[Callable[[float], float]] = [abs, lambda x: math.copysign(math.log1p(abs(x)), x), math.cbrt]

    def repaired(x: tuple[float, ...]) -> tuple[float, ...]:
        if wanted is not None and not _is_legal(op, x, wanted, 1e300):
            x = tuple(each if i in wanted or abs(each) > 9 else float(round(each)) for i, each in enumerate(x))
        for _ in range(4):
            for way in ways:
                if _is_legal(op, x, arity if wanted is None else wanted, 1e300):
                    return x
                x = tuple(
                    way(each) if each in domain else _inside(domain) for each, domain in zip(x, op.domain, strict=True)
                )
        return tuple(map(_inside, op.domain))

    drawn = st.tuples(*(values(op, i) for i in arity))
    return (st.one_of(drawn, drawn.map(lambda x: x[:1] * len(x))) if len(arity) > 1 else drawn).map(repaired)


def _is_legal(op: Primitive, x: Sequence[float], wanted: Sequence[int], bound: float) -> bool:
    """Whether `op` has a value at `x`, and slopes, all within the bound.

    What its partials say against it counts only if the reference agrees: a wrong one is not to be avoided.
    """
    if not all(each in domain for each, domain in zip(x, op.domain, strict=True)):
        return False
    try:
        y = op.evaluate(x)
    except (ArithmeticError, ValueError):
        return False
    try:
        slopes = [op.partials[i](*x, y) for i in wanted]
    except (ArithmeticError, ValueError):
        slopes = [math.inf]
    if not all(abs(slope) < bound for slope in slopes):
        slopes = list(map(float, reference.compute(op, x, wanted) or []))
    return abs(y) < bound and all(abs(slope) < bound for slope in slopes)


class Expression(NamedTuple):
    """A straight-line program over the table's rows: a function of as many Values as it has `inputs`.

    Operations that are operators in Python are called as such, with plain numbers for constants: `2.0 - v`.
    ("take", c, a, b) is b where c > 0, else a.
    """

    inputs: tuple[float, ...]
    operations: tuple[Line, ...]

    def __call__(self, *xs: Any) -> Any:
        """The newest node of the program."""
        nodes = list(xs)
        for name, *operands in self.operations:
            row = _find_row(name)
            apply = getattr(operator, row.method) if row.method.startswith("__") else _choose if row is CHOICE else row
            nodes.append(apply(*(_find_operand(nodes, x) for x in operands)))
        return nodes[-1]


def _find_row(name: str) -> Primitive:
    return TABLE.get(name, CHOICE)


def _choose(c: Any, a: Any, b: Any) -> Any:
    """`take`, and of numbers the sum that it is of Values: the item alone may be a zero of another sign."""
    index = step(c)
    return take([a, b], index) if isinstance(index, Value) else (1 - index) * a + index * b


def _find_operand(nodes: Sequence[Any], x: int | float) -> Any:
    return nodes[-1 - (x - 1) % len(nodes)] if isinstance(x, int) else x


def expressions(*operations: Primitive, max_operations: int = 8, max_inputs: int = 3) -> st.SearchStrategy[Expression]:
    """Random programs over `operations` (default: the whole table, user-defined rows included, and `take`).

    They share sub-expressions, use operands twice, and mix in constants, whole numbers often. Evaluated while drawn: an
    operation out of its domain becomes an `add` of the same operands. A line can be deleted and the rest
    stays valid, so that a failing program shrinks to a few operations; its repr is to be pasted under
    `@example(...)`.
    """
    rows = operations or (*(row for row in TABLE.values() if not row.hidden), CHOICE)

    @functools.cache
    def line(shape: tuple[Primitive, int | None]) -> st.SearchStrategy[Line]:
        row, constant = shape
        operands: list[st.SearchStrategy[int | float]] = [st.integers(1, 12)] * len(row.partials)
        if constant is not None:
            low, high, is_open = row.domain[constant]
            whole = st.sampled_from([float(x) for x in range(-3, 6) if float(x) in row.domain[constant]])
            operands[constant] = whole | values(Interval(max(low, MODERATE.low), min(high, MODERATE.high), is_open))
        return st.tuples(st.just(row.name), *operands)

    # Few choices a line, five at most for two operands: Hypothesis then deletes lines one by one.
    shapes = [(row, i) for row in rows for i in (None, *range(len(row.partials))) if i is None or len(row.partials) > 1]
    numbers = values(MODERATE) | values(Interval(0.0, 1.0))
    inputs = st.lists(numbers, min_size=1, max_size=max_inputs).map(tuple)
    lines = st.lists(st.sampled_from(shapes).flatmap(line), min_size=1, max_size=max_operations)

    @st.composite  # and not `map`, whose results Hypothesis prints as the call that made them
    def program(draw: st.DrawFn) -> Expression:
        return _repair(draw(inputs), draw(lines))

    return program()


def _repair(inputs: tuple[float, ...], lines: list[Line]) -> Expression:
    numbers, repaired = list(inputs), []
    for name, *operands in lines:
        x = [_find_operand(numbers, operand) for operand in operands]
        wanted = [i for i, operand in enumerate(operands) if isinstance(operand, int)]
        if not _is_legal(_find_row(name), x, wanted, BOUND):
            name, operands, x = "add", (operands * 2)[:2], (x * 2)[:2]
        numbers.append(_find_row(name).evaluate(x))
        repaired.append((name, *operands))
        if hypothesis.currently_in_test_context():
            hypothesis.event(name)
    return Expression(inputs, tuple(repaired))


def check_gradients(
    f: Callable[..., Value], *strategies: st.SearchStrategy[Any], order: int = 1, max_examples: int = 500
) -> None:
    """Run `gradcheck` on `f` at many drawn inputs: in a notebook, a script, or a test.

    Args:
        f: a function of Values, or a row of the table.
        strategies: one for each input; by default `values()` for each argument without a default, and for a row
            `points`, with a plain number for each of its arguments in turn.
        order: 2 to certify second derivatives too, the slopes of what `grad` gives; 3 for third ones. Where such a
            derivative is out of the range of floats, or does not exist, the point counts for the lower ones alone.

    Raises: GradcheckError at the simplest inputs found that show the fault; a note says what to paste under
        `@example`. TypeError where the signature of f does not tell how many inputs it has. What `f` raises out of
        its domain is raised too: give strategies that stay inside.
    """
    if isinstance(f, Primitive) and not strategies:
        drawn = _calls(f)
    else:
        drawn = st.tuples(st.just(f), st.tuples(*strategies or [values() for _ in _required_inputs(f)]))

    @hypothesis.settings(deadline=None, database=None, max_examples=max_examples, phases=list(hypothesis.Phase)[1:-1])
    @hypothesis.given(drawn)
    def certify(call: tuple[Callable[..., Value], tuple[Any, ...]]) -> None:
        g, inputs = call
        try:
            report = gradcheck(g, *inputs)
            _check_higher(g, inputs, order - 1)
        except AssertionError as error:
            pasted = repr(g) if isinstance(g, Expression) else ", ".join(map(repr, inputs))
            error.add_note(f"paste: @example({pasted})")
            raise
        hypothesis.target(max(c.ulps for c in report.checks if c.verdict == "certified"), label="ULP")

    home = getattr(configuration, "__hypothesis_home_directory", None)
    with TemporaryDirectory() as elsewhere:  # or a .hypothesis/ would land beside the notebook
        configuration.set_hypothesis_home_dir(elsewhere)
        try:
            certify()
        finally:
            configuration.set_hypothesis_home_dir(home)


def _calls(row: Primitive) -> st.SearchStrategy[tuple[Callable[..., Value], tuple[float, ...]]]:
    """A row and operands, or a program that calls it with a plain number in one place."""
    arity = len(row.partials)
    ways = [points(row).map(lambda x: (row, x))]
    for constant in range(arity if arity > 1 else 0):
        wanted = [i for i in range(arity) if i != constant]

        def call(x: tuple[float, ...], constant: int = constant, wanted: list[int] = wanted) -> Any:
            inputs = tuple(x[i] for i in wanted)
            back = iter(range(len(wanted), 0, -1))
            line = (row.name, *(x[i] if i == constant else next(back) for i in range(arity)))
            return Expression(inputs, (line,)), inputs

        ways.append(points(row, wanted).map(call))
    return st.one_of(ways)


def _check_higher(f: Callable[..., Value], inputs: tuple[Any, ...], times: int) -> None:
    """`gradcheck` of the derivative of `f` in each of its numbers, and of theirs."""
    for k in range(len(flatten(list(inputs))) if times > 0 else 0):

        def slope(*nodes: Any, k: int = k) -> Value:
            gradients: list[Value] = flatten(list(grad(f, range(len(nodes)))(*nodes)))
            return gradients[k]

        try:
            gradcheck(slope, *inputs)
        except (ArithmeticError, ValueError):
            continue
        _check_higher(slope, inputs, times - 1)


def _required_inputs(f: Callable[..., Value]) -> list[str]:
    """The names of the arguments that a call of `f` must give; a TypeError if that takes keywords, or none is."""
    signature = inspect.signature(f)
    required = [p for p in signature.parameters.values() if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    names = [p.name for p in required if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(names) < len(required) or not names:
        advice = "give a strategy for each, and its keywords by functools.partial"
        raise TypeError(f"check_gradients cannot tell the inputs of f{signature}: {advice}")
    return names


st.register_type_strategy(Expression, lambda _: expressions())
