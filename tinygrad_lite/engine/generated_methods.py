"""The methods of `Value`, written out from the rows: plain Python that tracebacks and `inspect` show.

Every row gives its forward step and its step of the backward pass, with the formulas inlined (as
`dataclasses` and `attrs` write `__init__`): no second copy of a rule, and no interpreter of rules at
run time.
"""

import linecache
from collections.abc import Callable
from typing import Any

from .declaration import TABLE, Primitive
from .symbol import Symbol, write

FORWARD = """\
def {method}({signature}):
    {doc!r}
{coercion}\
    try:
        data = {value}
        if data - data:  # not 0 for inf and NaN only: `evaluate` tells whether that is an error
            raise OverflowError
    except (ArithmeticError, TypeError, ValueError):
        data = row.evaluate([{data}], [{labels}])
    node = new(Value)
    node.data = data
    node.grad = 0.0
    node.op = row
    node.inputs = {inputs}
    node.label = None
    node.scope = this_thread.innermost if open_scopes else None
    return node
"""

OPERATOR_OPERAND = """\
    if type(other) is not Value:
        other = operand(other)
        if other is NotImplemented:
            return other
"""

METHOD_OPERAND = """\
    if type(other) is not Value:
        other = required(row, other)
"""

REFLECTED = """
def {reflected}(self, other):
    {doc!r}
    other = operand(other)
    return other if other is NotImplemented else Value.{method}(other, self)
"""

BACKWARD = '''
def backward(node):
    """Pass node.grad on to the inputs: upstream gradient times partial derivative, summed up."""
    {inputs} = node.inputs
    upstream = node.grad
'''

TERM = """\
    if type({input}) is not Constant:
        {input}.grad += {product}
"""


def generate(row: Primitive, names: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    """The functions of one row: its method, the reflected operator if it has one, and `backward`.

    `names` are those of `value` that the text uses: Value, Constant, new, operand, required,
    open_scopes and this_thread.
    """
    arity = len(row.partials)
    inputs = [["self"], ["self", "other"]][arity - 1] if arity <= 2 else [f"input_{i}" for i in range(arity)]
    data = [f"{name}.data" for name in inputs]
    packed = ", ".join(inputs) + "," * (arity == 1)
    words = {"method": row.method, "reflected": f"__r{row.method[2:]}", "doc": row.doc, "signature": ", ".join(inputs)}
    operator = arity == 2 and row.method.startswith("__")
    globals_ = {**{other.name: other.value for other in TABLE.values()}, **names, "row": row}

    text = FORWARD.format(
        **words,
        coercion=(OPERATOR_OPERAND if operator else METHOD_OPERAND) * (arity == 2),
        value=write(Symbol("", row, tuple(map(Symbol, data))), "python"),
        data=", ".join(data),
        labels=", ".join(f"{name}.label" for name in inputs),
        inputs=f"({packed})",
    )
    if operator:
        text += REFLECTED.format(**words)
    text += BACKWARD.format(inputs=packed)
    row.opaque = ()
    for i, (name, partial) in enumerate(zip(inputs, row.partials, strict=True)):
        try:
            slope = partial(*map(Symbol, data), Symbol("node.data"))
        except Exception:  # one's own function, over `math` say, may fail on a symbol in any way: called as it is
            row.opaque += (i,)
            globals_[f"partial_{i}"] = partial
            slope = Symbol(f"partial_{i}({', '.join(data)}, node.data)")
        if isinstance(slope, Symbol) or slope != 0:
            text += TERM.format(input=name, product=write(TABLE["mul"](Symbol("upstream"), slope), "python"))

    filename = f"<tinygrad_lite: {row.name}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    functions: dict[str, Callable[..., Any]] = {}
    exec(compile(text, filename, "exec"), globals_, functions)
    return functions
