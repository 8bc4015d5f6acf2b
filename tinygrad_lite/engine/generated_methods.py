"""The methods of `Value`, generated from the rows: plain Python that tracebacks and `inspect` show.

Each row gives its forward step and its step of the backward pass, with the formulas written in (as
`dataclasses` and `attrs` write `__init__`): no second copy of a rule, and no interpreter of rules at
run time. They are written when the row is first used: a program uses few of them, and its import is not to wait
for all. The docstring of `value` shows those of `mul`.
"""

import linecache
import textwrap
from collections.abc import Callable
from typing import Any

from . import hints
from .arguments import to_float
from .declaration import RESERVED, TABLE, Primitive, make_row
from .foreign_functions import METHODS
from .scopes import forget, innermost, open_no_grads, open_scopes
from .symbol import Symbol, write
from .value import Constant, Value, as_node, as_operand, evaluate_nodes, new, require_node, require_operand

FORWARD = """\
def {method}({signature}):
    {doc}
{coercion}\
    try:
        data = {value}
        if type(data) is not float or data - data:  # data - data is not 0 for infinity and NaN
            raise OverflowError
    except (ArithmeticError, TypeError, ValueError, Warning):
        data = evaluate_nodes(row, {inputs})
    node = new(Value)
    node.data = data
    node.grad = 0.0
    node.op = row
    node.first = self
    node.second = {second}
    node.label = ""
    node.scope = innermost.get() if open_scopes else None
    if open_no_grads:
        forget(node)
    return node
"""

SECOND_OPERAND = """\
    if type(other) is Value:
        number = other.data
    else:
{coercion}\
        if type(other) is float:
            number = other
        elif other._goes_first:
            return other.apply_primitive(row, (self, other))
        else:
            number = other.data
"""

OF_AN_OPERATOR = """\
        other = as_operand(other)
        if other is NotImplemented:
            return other
"""

OF_A_FUNCTION = """\
        other = require_operand(row, other)
"""

FURTHER_OPERAND = """\
    if type({name}) is not Value:
        {name} = require_node(row, {name})
        if {name}._goes_first:
            return {name}.apply_primitive(row, {inputs})
"""

REFLECTED = """

def {reflected}(self, other):
    {doc}
    other = as_node(other)
    return other if other is NotImplemented else Value.{method}(other, self)
"""

BACKWARD = '''

def backward(node):
    """The chain rule: each input's gradient grows by upstream gradient times partial derivative."""
{operands}    upstream = node.grad
'''

TERM = """\
    if type({input}) is not Constant:
        {input}.grad += {product}
"""

BESIDE_A_NUMBER = """\
    if type(other) is float:
{first}\
        return
"""

# What generated text calls by name, apart from the rows; no row can have one of these names.
NAMES = {
    "Value": Value,
    "Constant": Constant,
    "new": new,
    "as_node": as_node,
    "as_operand": as_operand,
    "require_node": require_node,
    "require_operand": require_operand,
    "evaluate_nodes": evaluate_nodes,
    "innermost": innermost,
    "open_scopes": open_scopes,
    "open_no_grads": open_no_grads,
    "forget": forget,
    "nan": float("nan"),
    "inf": float("inf"),
}
TRIED = (0.5, -1.25, 3.0, 0.0, 1.0, -40.0)
OWN = frozenset(vars(Value))  # what the table does not add to the class
RESERVED.update(NAMES)


def generate(row: Primitive) -> dict[str, Callable[..., Any]]:
    """Write the functions of one row: its method, the reflected operator if it has one, and `backward`.

    Raises: TypeError for a partial derivative that is a constant and no real number.
    """
    arity = len(row.partials)
    inputs = [["self"], ["self", "other"]][arity - 1] if arity <= 2 else ["self", *(f"_{i}" for i in range(1, arity))]
    data = [f"{name}.data" for name in inputs]
    slopes = [write_partial(row, i, data, "node.data") for i in range(arity)]
    names = values_by_name() | NAMES | {row.name: row.value, "row": row, "_value": row.value}
    for i in (opaque := tuple(i for i, slope in enumerate(slopes) if slope is None)):
        names[f"_slope_{i}"] = lambda *numbers, i=i: row.slope(i, numbers[:-1], numbers[-1])
        slopes[i] = Symbol(f"_slope_{i}({', '.join(data)}, node.data)")
    flat = tuple(i for i, slope in enumerate(slopes) if not isinstance(slope, Symbol) and slope == 0)
    text = _write_forward(row, inputs, data) + _write_backward(inputs, slopes, flat)

    filename = f"<tinygrad_lite: {row.name}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    functions: dict[str, Callable[..., Any]] = {}
    exec(compile(text, filename, "exec"), names, functions)
    row.opaque, row.flat = opaque, flat  # when they are whole: another thread may ask
    return functions


def _write_forward(row: Primitive, inputs: list[str], data: list[str]) -> str:
    doc = '"""' + row.doc.replace("\\", r"\\").replace('"', r"\"") + '"""'
    words = {"method": row.method, "reflected": f"__r{row.method[2:]}", "doc": doc, "signature": ", ".join(inputs)}
    called = Symbol("", row, tuple(map(Symbol, data)))
    value = write(called, "python") if row.builtin else f"_value({', '.join(data)})"
    operator = len(inputs) == 2 and row.method.startswith("__")
    packed = "(self,)" if len(inputs) == 1 else f"({', '.join(inputs)})"
    if len(inputs) == 2:
        coercion = SECOND_OPERAND.format(coercion=OF_AN_OPERATOR if operator else OF_A_FUNCTION)
        value, second = value.replace("other.data", "number"), "other"
    else:
        coercion = "".join(FURTHER_OPERAND.format(name=name, inputs=packed) for name in inputs[1:])
        second = f"({', '.join(inputs[1:])})" if inputs[1:] else "None"
    text = FORWARD.format(**words, coercion=coercion, value=value, inputs=packed, second=second)
    return text + REFLECTED.format(**words) * operator


def _write_backward(inputs: list[str], slopes: list[Any], flat: tuple[int, ...]) -> str:
    others = ", ".join(inputs[1:])
    text = BACKWARD.format(operands="    self = node.first\n" + (f"    {others} = node.second\n" if others else ""))
    products = [write(TABLE["mul"](Symbol("upstream"), slope), "python") for slope in slopes]
    terms = [
        TERM.format(input=x, product=y) for i, (x, y) in enumerate(zip(inputs, products, strict=True)) if i not in flat
    ]
    if others == "other":
        first = "".join(terms[: 0 not in flat]).replace("other.data", "other")
        text += BESIDE_A_NUMBER.format(first=textwrap.indent(first, "    "))
    return text + "".join(terms)


def values_by_name() -> dict[str, Callable[..., float]]:
    """The plain functions that formulas written as Python call."""
    return {row.name: row.value for row in TABLE.values()}


def write_partial(row: Primitive, argument: int, data: list[str], result: str) -> Symbol | float | None:
    """A partial derivative over names; None where it takes only floats: over `math`, say, or with an `if`."""
    try:
        slope = row.partials[argument](*map(Symbol, data), Symbol(result))
    except Exception:  # a user-defined function may fail on a symbol in any way
        return None
    if not isinstance(slope, Symbol):
        return to_float(slope, f"partial derivative {argument + 1} of {row.name} must be a real number")
    return slope if row.builtin or _agrees(row, argument, slope) else None


def _agrees(row: Primitive, argument: int, slope: Symbol) -> bool:
    """Whether a formula gives what its function gives for floats: it may have asked what a symbol is, and branched."""
    names = [f"_{i}" for i in range(len(row.partials) + 1)]
    formula = write(row.partials[argument](*map(Symbol, names)), "python")
    written = eval(f"lambda {', '.join(names)}: {formula}", values_by_name() | NAMES | {row.name: row.value})
    for shift in range(len(TRIED)):
        tried = [TRIED[shift:] + TRIED[:shift]] * len(row.partials)
        x = [next((x for x in each if x in domain), 0.0) for each, domain in zip(tried, row.domain, strict=True)]
        try:
            y = row.evaluate(x)
            expected = row.slope(argument, x, y)
        except (ArithmeticError, TypeError, ValueError):
            continue
        if written(*x, y) != expected:
            return False
    return True


def install(row: Primitive, functions: dict[str, Callable[..., Any]]) -> None:
    """Make the functions of a row its steps, and methods of Value."""
    row.forward, row.backward = functions[row.method], functions["backward"]
    for name in method_names(row):
        setattr(Value, name, functions[name])


def method_names(row: Primitive) -> list[str]:
    """What a row adds to Value: no name that Value itself has, and of a hidden row operators alone."""
    is_operator = row.method.startswith("__")
    names = [row.method, f"__r{row.method[2:]}"] if is_operator and len(row.partials) == 2 else [row.method]
    return [name for name in names if name not in OWN and (is_operator or not row.hidden)]


class Unwritten:
    """A method of Value whose row is not used yet: it is written, in the place of this, when first asked for."""

    def __init__(self, row: Primitive, name: str) -> None:
        self.row, self.name = row, name

    def __get__(self, node: Any, cls: type) -> Any:
        if isinstance(vars(Value)[self.name], Unwritten):
            install(self.row, generate(self.row))
        return vars(Value)[self.name].__get__(node, cls)


def primitive(name: str, value: Callable[..., float], *partials: Callable[..., Any], **columns: Any) -> Primitive:
    """Declare an operation: it then works in backprop, higher derivatives, drawings and checks.

        cube = primitive("cube", lambda x: x * x * x, lambda x, y: 3 * x * x, plain="{}³")
        cube(Value(2.0)).backward()

    Args:
        name: an identifier not yet in the table (a user-defined row may be declared again, as a notebook cell is).
        value: the float result for float operands, written with operators, the table's functions, or `math`.
        partials: one function per argument, of (inputs ..., y), y being the result. Written with operators
            and the table's functions they can be differentiated again, and numbers that they find around them are
            those of the declaration; over `math`, or with an `if`, they can be differentiated once.
        doc: what it computes, in one line.
        python, plain, latex: how it is written: templates with one `{}` per argument.
        precedence: how tightly a template binds, 1 for a sum to 9 for a call (the default).
        method: its name as a method of Value (default: `name`).
        definition: the formula in the table's own operations, where a stable `value` hides it.
        domain: an `Interval` for each argument (default: all numbers).
        reference: for `gradcheck`, where neither `value` nor `definition` is written in the table's operations: the
            value and the partials again, as functions of `Decimal` numbers, (value, partial, ...).
        kink: a `Kink`, which says where the slope jumps, and between which values.
        ieee: the value where an operand is infinite or NaN and `value` raises (default: NaN).
        advice: what helps, at the end of a domain error's message.
        hidden: True for a row that only serves as another row's slope.

    Raises: ValueError for a name that is no identifier or is taken (by a builtin row, an attribute of Value, the
        generated text), or without partials; TypeError for functions that take another number of arguments, and
        for a constant partial derivative that is no real number. The table is then as it was.
    """
    row = make_row(name, value, *partials, **columns)
    functions = generate(row)
    TABLE[name] = row
    install(row, functions)
    return row


for _row in TABLE.values():
    for _name in method_names(_row):
        setattr(Value, _name, Unwritten(_row, _name))
for _name, _operation in METHODS.items():
    setattr(Value, _name, Unwritten(TABLE[_operation], TABLE[_operation].method))
RESERVED.update(vars(Value))
for _name, _advice in hints.ATTRIBUTES.items():
    setattr(Value, _name, hints.Refused(_name, _advice))
