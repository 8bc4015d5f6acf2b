"""`gradcheck`: a certificate for a gradient, node by node, that names the culprit if there is none.

Every node is checked at its recorded point: its value and its partial derivatives against `reference`,
its gradient against the sum that its consumers pass on. If all hold, the gradient is the chain rule over
the recorded graph. Whether that is the graph of the function is asked three times: of the function at plain
numbers, of the derivative as a graph, and, where a number moves with the inputs but is not connected to
them, of a difference quotient.
"""

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

from ..engine import derivatives
from ..engine.arguments import expect_number, flatten, is_real, map_nested, unflatten
from ..engine.declaration import Primitive
from ..engine.value import Constant, Value, as_node, dependents, reached, read_gradient, topological_order
from . import reference
from .differences import branch_signature, differentiate, differentiate_row, find_loose_ends
from .report import Check, GradcheckReport, InputReport, make_error

UNIT_ROUNDOFF = 2.0**-53  # the relative error of one rounding
VALUE_ULPS, PARTIAL_ULPS = 4, 8
ROUNDED = 12  # digits of a number, at most, that a person may have written down


def gradcheck(f: Callable[..., Value] | Value, *inputs: Any, raise_exception: bool = True) -> GradcheckReport:
    """Certify the gradient of `f` at `inputs`; or that of a graph, as `backward()` left it: `gradcheck(J)`.

    Every number is certified to the last places: values to 4 ULP, partial derivatives to 8 ULP; at a kink
    they lie in Clarke's interval (*Optimization and Nonsmooth Analysis*, 1983). The derivative as a graph, as
    `gradient` makes it, has to be what `backward()` gives, and `f` of plain numbers what it is of Values.
    Gradients that were there before are there again afterwards.

    Args:
        f: a function of Values that returns a Value; or a Value.
        inputs: where; real numbers or Values (whose data and labels count), or lists, tuples, dicts and arrays of
            them, nested or not.
        raise_exception: False to get the report even if something is wrong.

    Raises: GradcheckError, naming the operation, for a wrong gradient; TypeError if `f` returns no Value, and
        for other inputs; ValueError for an input that is not finite, a graph without backward(), a function of
        chance; else what `f` and `backward()` raise.
    """
    if isinstance(f, Value):
        if inputs or f.grad == 0.0:
            raise ValueError("gradcheck(J) certifies what J.backward() left: call that first; it takes no inputs")
        order = topological_order(f)
        for x in order:
            x.grad = read_gradient(x, x.grad)
        return _report(order, [], list(_check_nodes(_compute_partials(order), [(f, f.grad)])), raise_exception)
    code = getattr(f, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code else ()
    names = names if len(names) == len(inputs) else [f"x{i + 1}" for i in range(len(inputs))]
    arguments = [map_nested(_label, x, name) for x, name in zip(inputs, names, strict=True)]
    shape = map_nested(lambda x, _: x, arguments)  # f may change what it is given
    xs, y = flatten(shape), f(*arguments)
    if not isinstance(y, Value):
        raise TypeError(f"gradcheck: the function returned {y!r}, not a Value: the graph was lost on the way")
    order = topological_order(y)
    held = [x.grad for x in order]
    try:
        y.zero_grad()
        y.backward()
        partials = _compute_partials(order)
        checks = [*_check_nodes(partials, [(y, 1.0)]), *_check_second_pass(order, partials)]
        if not any(check.verdict == "wrong" for check in checks):
            checks += _check_numbers(lambda *numbers: f(*unflatten(shape, iter(numbers))), xs, order)
            checks += _check_derivatives(order, xs)
            checks += _check_edges(lambda *nodes: f(*unflatten(shape, iter(nodes))), xs, order)
        return _report(order, xs, checks, raise_exception)
    finally:
        for x, grad in zip(order, held, strict=True):
            x.grad = grad


def _label(x: Any, name: str) -> Value:
    """A node of its own for a number of this name."""
    number, label = (x.data, x.label or name) if isinstance(x, Value) else (x, name)
    if not is_real(number):
        advice = "what is no number goes into the function, as in gradcheck(lambda x: f(x, 'abc'), x)"
        raise TypeError(f"gradcheck: {name} {expect_number(x)}; {advice}")
    node = Value(number, label)
    if not math.isfinite(node.data):
        raise ValueError(f"gradcheck needs finite inputs: {label} is {node.data}")
    return node


def _report(order: Sequence[Value], xs: Sequence[Value], checks: list[Check], raise_exception: bool) -> GradcheckReport:
    leaves = list(dict.fromkeys([*xs, *(x for x in order if not x.inputs and type(x) is not Constant)]))
    exact, wrong = [reference.NAN] * len(leaves), any(check.verdict == "wrong" for check in checks)
    if not any(check.remark for check in checks):
        exact = reference.compute_gradient(order, leaves)
    inputs = []
    for i, (x, slope) in enumerate(zip(leaves, exact, strict=True), 1):
        true = Decimal(order[-1].grad) * slope
        ulps = _ulps(x.grad, true)
        lost = min(16.0, math.log10(max(1.0, ulps))) if ulps == ulps and not wrong else math.nan
        inputs.append(InputReport(x.label or f"x{i}", x.data, x.grad, float(true), ulps, lost))
    report = GradcheckReport(order[-1].data, tuple(inputs), tuple(checks))
    for check in report.failures * raise_exception:
        raise make_error(check, report)
    return report


# ── node by node ──────────────────────────────────────────────────────────────────────────────────


def _compute_partials(order: Sequence[Value]) -> dict[Value, dict[int, float]]:
    """The partial derivatives that gradients are multiplied by: of each node, from the output down, by argument."""
    asked, partials = reached(order, order[-1:]), {}
    for node in (x for x in reversed(order) if type(x) is not Constant):
        data, row = [x.data for x in node.inputs], node.op
        wanted = [i for i, x in enumerate(node.inputs) if node in asked and type(x) is not Constant]
        partials[node] = {i: row.slope(i, data, node.data) if row and _is_finite(node) else math.nan for i in wanted}
    return partials


def _check_nodes(partials: dict[Value, dict[int, float]], given: Iterable[tuple[Value, float]]) -> Iterator[Check]:
    """The checks of every node of the table `partials`; `given` as for `_check_gradients`."""
    for check in _check_gradients(partials, given):
        yield check
        node = check.node
        if node.op and _is_finite(node):
            yield from _check_operation(node, node.op, [x.data for x in node.inputs], partials[node])
        elif node.op:
            yield Check(node, (node,), "value", node.data, math.nan, math.nan, "unchecked", "not finite")


def _check_gradients(partials: dict[Value, dict[int, float]], given: Iterable[tuple[Value, float]]) -> Iterator[Check]:
    """The checks of every gradient; `given` is what nodes have from elsewhere than a consumer, such as the seed."""
    passed: dict[Value, list[tuple[float, Value]]] = defaultdict(list)
    for x, grad in given:
        passed[x].append((grad, Value(grad)))
    for node, slopes in partials.items():
        yield _check_gradient(node, passed[node])
        for i, slope in slopes.items():
            passed[node.inputs[i]].append((node.grad * slope, node))


def _is_finite(node: Value) -> bool:
    return all(math.isfinite(x.data) for x in (node, *node.inputs))


def _check_second_pass(order: Sequence[Value], partials: dict[Value, dict[int, float]]) -> Iterator[Check]:
    """What is wrong after a second `backward`, from another gradient: leaves add up, all others are set afresh."""
    left = {x: x.grad for x in order}
    seed = -0.5
    order[-1].backward(seed)
    for check in _check_gradients(partials, [(order[-1], seed), *((x, left[x]) for x in order if not x.op)]):
        if check.verdict == "wrong":
            yield check._replace(remark=f"in backward({seed}), called after backward(): {check.remark}")
    for x, grad in left.items():
        x.grad = grad


def _check_derivatives(order: Sequence[Value], xs: Sequence[Value]) -> Iterator[Check]:
    """The derivatives as graphs, as `gradient` makes them, that are not what `backward()` has left."""
    leading = dependents(order, xs)
    nodes = [x for x in reversed(order) if x in leading]
    try:
        slopes = derivatives.gradient(order[-1], nodes)
    except (ArithmeticError, TypeError):  # beyond the range of floats on its way; a row over `math`
        return
    for x, slope in zip(nodes, slopes, strict=True):
        if slope.data != x.grad and math.isfinite(x.grad):
            via = tuple(node for node in order if x in node.inputs)
            ulps = _ulps(slope.data, Decimal(x.grad))
            yield Check(x, via, "derivative", slope.data, x.grad, ulps, "wrong", "it is not what backward() gives")


def _check_numbers(f: Callable[..., Any], xs: Sequence[Value], order: Sequence[Value]) -> Iterator[Check]:
    """The value, where `f` of plain numbers gives another: are operands swapped on the way to a row?"""
    y = order[-1]
    try:
        number = as_node(f(*(x.data for x in xs))).data
        again = f(*(Value(x.data) for x in xs)).data
    except Exception:  # a function of Values may fail on numbers in any way
        return
    noise = 4 * UNIT_ROUNDOFF * sum(abs(x.data * x.grad) for x in order) + 4 * math.ulp(y.data)
    if again == y.data and abs(y.data - number) > noise:
        remark = "of plain numbers the function gives another value"
        yield Check(y, (y,), "value", y.data, number, _ulps(y.data, Decimal(number)), "wrong", remark)


def _check_gradient(node: Value, passed: Sequence[tuple[float, Value]]) -> Check:
    """Whether `node.grad` is the sum of what its consumers passed on, up to the rounding of that sum."""
    terms = [term for term, _ in passed]
    via = tuple(dict.fromkeys(consumer for _, consumer in passed if consumer.op))
    size = sum(map(abs, terms))
    if not math.isfinite(size):
        return Check(node, via, "gradient", node.grad, math.nan, math.nan, "unchecked", "not finite")
    total = math.fsum(terms)
    ulps = _ulps(node.grad, Decimal(total))
    if abs(node.grad - total) <= (len(terms) + 2) * (UNIT_ROUNDOFF * size + math.ulp(0.0)):
        return Check(node, via, "gradient", node.grad, total, ulps, "certified")
    remark = f"its uses pass on {' + '.join(map(repr, terms)) or '0.0'}"
    if rounded := _describe_rounding(node.grad, Decimal(total)):
        remark += f"; {rounded}"
    elif len(terms) > 1 and node.grad in terms:
        remark += ", only one is counted: is there an = where += is meant?"
    elif node.op is None and (not total or node.grad / total > 2 - 1e-9):  # descent goes down from larger ones
        remark += "; leaves add up over calls of backward(): was zero_grad() forgotten?"
    elif factor := _name_factor([([], _divide(Decimal(total), node.grad))], []):
        remark += f"; {factor}"
    return Check(node, via, "gradient", node.grad, total, ulps, "wrong", remark)


def _describe_rounding(recorded: float, true: Decimal) -> str:
    """That a number is what a person has rounded, as 0.33 is of 1/3; empty where it does not look so."""
    written = Decimal(repr(recorded))
    digits = len(written.as_tuple().digits)
    if not recorded or not written.is_finite() or not 2 <= digits <= ROUNDED:
        return ""
    if abs(written - true) >= Decimal(1).scaleb(written.adjusted() + 1 - digits):
        return ""
    return f"it looks rounded to {digits} digits, where all 16 count: write the formula, or compare by math.isclose"


def _describe_change(node: Value, row: Primitive, data: list[float], true: Decimal) -> str:
    """That a value is right for other operands: theirs have been changed since it was computed of them."""
    try:
        if _ulps(row.evaluate(data), true) > VALUE_ULPS:
            return ""
    except (ArithmeticError, ValueError):  # of the new ones there is none
        pass
    leaves = [x.label or f"the leaf {x.data!r}" for x in node.inputs if not x.op and type(x) is not Constant]
    changed = " or ".join(dict.fromkeys(leaves)) or "an operand"
    return f"was it computed before the .data of {changed} was changed? compute it again, and backward() too"


def _describe_slip(node: Value, row: Primitive, argument: int | None, recorded: float, true: Decimal) -> str:
    """What a slip of the pen has left out, of a value or of the slope in an argument; empty where it is none.

    A factor at one point is no law: 3x for 3x² lacks a factor of 2 at 2. So other points are asked too.
    """
    data = [x.data for x in node.inputs]
    factor = _divide(true, recorded)
    if not factor or abs(factor - 1) < 1e-6:
        return _describe_rounding(recorded, true)
    others = list(_find_factors(row, data, argument))
    result = row.python.format(*row.arguments) if "y" in row.arguments else "y"
    remark = _name_factor([([*data, node.data], factor), *others], [*row.arguments, result])
    remark = remark or _describe_rounding(recorded, true)
    if not remark:
        for (*place, _), other in others:
            if abs(other - factor) > 1e-6 * abs(factor):
                there = ", ".join(map(repr, place))
                return f"the right one is {factor:.4g} times this one here, but {other:.4g} times at ({there})"
    return remark


def _find_factors(row: Primitive, data: list[float], argument: int | None) -> Iterator[tuple[list[float], float]]:
    """Other points: the operands and the result, and what a number is to be multiplied by there.

    Quarters away, for kinks that nobody declared are at whole numbers and halves.
    """
    for scale, shift in ((1.0, 0.75), (1.5, 0.0), (0.75, 0.0), (1.0, 0.125), (-1.0, 0.0)):
        operands = [scale * x + shift * i for i, x in enumerate(data, start=1)]
        try:
            if not all(x in domain for x, domain in zip(operands, row.domain, strict=True)):
                continue
            y = row.evaluate(operands)
            exact = reference.compute(row, operands, [] if argument is None else [argument])
            number = y if argument is None else row.slope(argument, operands, y)
            at_kink = row.kink and row.kink.gap(*operands) == 0
        except Exception:  # a user-defined function may fail elsewhere in any way
            continue
        factor = _divide(exact[-1], number) if exact and not at_kink and operands != data else 0.0
        if factor:
            yield [*operands, y], factor


def _name_factor(factors: Sequence[tuple[list[float], float]], names: Sequence[str]) -> str:
    """The factor that is missing at all points: a simple number, perhaps times a power of what has one of `names`."""
    everywhere = len(factors) > 1
    powers = product((1, -1, 2), enumerate(names)) if everywhere else ()
    for power, (i, name) in [(0, (0, "")), *powers]:
        try:
            number, *more = {_simplify(factor / (place[i] ** power if power else 1.0)) for place, factor in factors}
        except ArithmeticError:  # a 0
            continue
        if number and not more and (number != 1 or power):
            symbol = {-1: f"1/{name}", 0: "", 1: name, 2: f"{name}**2"}[power]
            written = " * ".join(filter(None, [f"{number}" if number != 1 else "", symbol]))
            what = "the sign is wrong" if written == "-1" else f"a factor of {written} is missing"
            return f"{'' if everywhere else 'here '}{what}"
    return ""


def _divide(true: Decimal, recorded: float) -> float:
    """What `recorded` is to be multiplied by, or 0 where that says nothing."""
    return float(true / Decimal(recorded)) if recorded and math.isfinite(recorded) and true.is_finite() else 0.0


def _simplify(x: float) -> Fraction | None:
    """The simple fraction that `x` is, or None."""
    if not abs(x) < 1e6:
        return None
    simple = Fraction(x).limit_denominator(12)
    return simple if abs(x - simple) <= 1e-9 * abs(x) else None


def _describe_jump(row: Primitive, data: Sequence[float], argument: int | None, recorded: float) -> str:
    """That the slope of a row jumps here, from one side of `recorded` to the other, and no kink is declared."""
    if argument is None or row.kink:
        return ""
    before, x, after = data[:argument], Decimal(data[argument]), data[argument + 1 :]
    step = Decimal(math.ulp(data[argument]))
    sides = [reference.compute(row, [*before, x + to, *after], [argument]) for to in (-step, step)]
    left, right = (float(side[-1] if side else reference.NAN) for side in sides)
    low, high = min(left, right), max(left, right)
    margin = 1e-6 * (high - low)
    if not high - low > 1e-6 * max(-low, high) or not low - margin <= recorded <= high + margin:
        return ""
    interval = f"Interval({low:.6g}, {high:.6g})"
    return f"its slope jumps here, from {left:.6g} to {right:.6g}: declare kink=Kink(gap, {interval})"


def _check_operation(node: Value, row: Primitive, data: list[float], slopes: dict[int, float]) -> Iterator[Check]:
    """The value of a node, and its partial derivatives by argument, against the reference."""
    exact = reference.compute(row, data, [*slopes]) or [reference.NAN] * (1 + len(slopes))
    kink = row.kink if row.kink and row.kink.gap(*data) == 0 else None
    # Along a line that stays on the kink, as a = b does for maximum(a, b), there is one slope: their sum.
    along = kink and len(slopes) == len(data) > 1 and kink.gap(*(x + 1 for x in data)) == 0
    for i, recorded, true in zip([None, *slopes], [node.data, *slopes.values()], exact, strict=True):
        what, limit = ("value", VALUE_ULPS) if i is None else (f"partial {i + 1}", PARTIAL_ULPS)
        ulps, remark = _ulps(recorded, true), ""
        if i is not None and kink:
            right = recorded in kink.slopes and not (along and sum(slopes.values()) != sum(exact[1:]))
            remark = f"at a kink the slopes lie in {list(kink.slopes[:2])}" + " and sum to 1" * bool(along)
        elif not true.is_finite():
            yield _compare_with_differences(node, row, data, i, recorded)
            continue
        elif ulps <= limit or not math.isfinite(recorded):
            right = ulps <= limit or recorded == float(true)  # both out of range
        else:
            allowance = _compute_allowance(node, row, data, i, recorded)
            right = abs(Decimal(recorded) - true) <= limit * _ulp(true) + allowance
        if not right and i is None:
            remark = _describe_change(node, row, data, true)
        if not right and not remark:
            remark = _describe_jump(row, data, i, recorded) or _describe_slip(node, row, i, recorded, true)
        yield Check(node, (node,), what, recorded, float(true), ulps, "certified" if right else "wrong", remark)


def _compute_allowance(
    node: Value, row: Primitive, data: Sequence[float], argument: int | None, recorded: float
) -> Decimal:
    """By how much the exact number moves when an input moves by 8 ULP: what no formula in floats can avoid.

    Only where digits do cancel: in the rows known for it, in user-defined rows, and among subnormal numbers.
    There a slope made from the recorded value also inherits what that has lost; and in a user-defined row an
    input may magnify what a subnormal number on the way has lost, as x does in x·σ(x). An input counts as its
    distance from the ends of its domain: a label of exactly 1 stays 1, or any error of a saturated slope
    would be excused.
    """
    subnormal = any(0.0 < abs(x) < sys.float_info.min for x in (*data, node.data, recorded))
    if row.builtin and not row.cancels and not subnormal:
        return reference.ZERO
    wanted = [] if argument is None else [argument]
    here = reference.compute(row, data, wanted)
    total = reference.ZERO
    if not row.builtin:
        total += 8 * Decimal(math.ulp(0.0)) * math.prod(max(reference.ONE, abs(Decimal(x))) for x in data)
    if argument is not None and abs(node.data) < sys.float_info.min:
        inherited = row.slope(argument, data, node.data + math.copysign(4 * math.ulp(0.0), node.data)) - recorded
        total += Decimal(abs(inherited)) if math.isfinite(inherited) else 0
    for i, (x, (low, high, _)) in enumerate(zip(data, row.domain, strict=True)):
        step = Decimal(8 * UNIT_ROUNDOFF) * Decimal(min(abs(x), x - low, high - x)) + Decimal(math.ulp(0.0) if x else 0)
        there = reference.compute(row, [*data[:i], Decimal(x) + step, *data[i + 1 :]], wanted)
        if here and there and there[-1].is_finite():
            total += abs(there[-1] - here[-1])
    return total


def _compare_with_differences(node: Value, row: Primitive, data: list[float], i: int | None, recorded: float) -> Check:
    """A number without a reference: a partial derivative against difference quotients of the row's value."""
    if i is None:
        remark = "no reference: write its formula with functions of tinygrad_lite, exp for math.exp, or give reference="
        return Check(node, (node,), "value", recorded, math.nan, math.nan, "unchecked", remark)
    slope, error = differentiate_row(row, data, i)
    # What a formula such as (cos x − y) / x loses near 0 is no fault. A wrong sign is never "guarded".
    rounding = abs(node.data) * min(2 * UNIT_ROUNDOFF / (abs(data[i]) or 1.0), 1e-6)
    verdict, remark = _judge(recorded, slope, error, abs(recorded), rounding)
    remark = f"no reference; {remark}"
    return Check(node, (node,), f"partial {i + 1}", recorded, slope, _ulps(recorded, Decimal(slope)), verdict, remark)


def _judge(recorded: float, slope: float, error: float, size: float, rounding: float = 0.0) -> tuple[str, str]:
    """The verdict on a slope by difference quotients, and what they say.

    They guard nothing where their error is beyond `size`. `rounding` is what formulas of the slope may lose.
    """
    if math.isnan(slope):
        return "unchecked", "difference quotients of neighbouring steps do not agree"
    off, remark = abs(recorded - slope), f"difference quotients give {slope:.6g} ± {error:.1g}"
    if off > 10 * error + rounding:
        return "wrong", remark
    return "guarded" if off <= 10 * error <= size or not off else "unchecked", remark


def _ulp(x: Decimal) -> Decimal:
    return Decimal(math.ulp(min(abs(float(x)), sys.float_info.max)))


def _ulps(recorded: float, true: Decimal) -> float:
    """The distance in units in the last place of `true`."""
    return float(abs(Decimal(recorded) - true) / _ulp(true)) if true.is_finite() else math.nan


# ── the whole function ────────────────────────────────────────────────────────────────────────────


def _check_edges(f: Callable[..., Value], xs: Sequence[Value], order: Sequence[Value]) -> Iterator[Check]:
    """The gradients that a difference quotient of `f` contradicts, where a number is not connected to the inputs."""
    ends = find_loose_ends(f, xs, order)
    if ends == []:
        return
    again = topological_order(f(*(Value(x.data) for x in xs)))
    if [x.data for x in again] != [x.data for x in order]:
        raise ValueError("gradcheck: the function gives another result each time; fix its random numbers")
    sides = branch_signature(order)
    loose = set(ends or ())
    names = dict.fromkeys(
        f"{x.data!r} in {node.op.name}" for node in order if node.op for x in node.inputs if x in loose
    )
    hole = f"not connected to the inputs, though it moves with them: {', '.join(names) or 'a number'}"
    noise = 4 * UNIT_ROUNDOFF * sum(abs(x.data * x.grad) for x in order)
    size = max((abs(x.grad) for x in xs), default=0.0)
    for i, x in enumerate(xs):

        def along(t: float, i: int = i) -> float:
            there = topological_order(f(*(Value(t if j == i else x.data) for j, x in enumerate(xs))))
            if branch_signature(there) != sides:
                raise ValueError
            return there[-1].data

        slope, error = differentiate(along, x.data, noise, size)
        verdict, quotients = _judge(x.grad, slope, error, size)
        if verdict == "wrong" or (verdict == "unchecked" and ends):
            remark = f"{hole}; {'is .data or float() used?' if verdict == 'wrong' else quotients}"
            yield Check(x, (), "edge", x.grad, slope, _ulps(x.grad, Decimal(slope)), verdict, remark)
