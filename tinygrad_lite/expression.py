"""An expression typed by a person, read as a graph: Python's arithmetic and the table's functions, nothing else."""

import ast
import math
import warnings
from collections.abc import Mapping
from typing import Any

from .rows import TABLE
from .value import Value

OPERATORS = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.USub: "neg",
    ast.UAdd: "identity",
}
CONSTANTS = {"pi": math.pi, "e": math.e}
ELSEWHERE = {"max": "maximum", "min": "minimum", "ln": "log"}  # what others call the table's functions
FUNCTIONS = [row.name for row in TABLE.values() if not row.hidden]


def evaluate(text: str, values: Mapping[str, float]) -> Value:
    """The graph of `text`, with a labelled leaf for each name in it. Nothing is executed but the table's rows.

    Args:
        text: numbers, names, + - * / **, parentheses, functions of the table: "(2*a + b) * sigmoid(c)".
        values: a number for each name; pi and e, unless they have one here, are the constants.

    Raises: ValueError for anything else in the text, a name without a value or a value without a name;
        the table's errors where an operation fails.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text.strip(), mode="eval").body
        called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in called}
        if missing := sorted(names - values.keys() - CONSTANTS.keys()):
            raise ValueError(f"no value for {', '.join(missing)}: add {' '.join(f'{name}=1.5' for name in missing)}")
        if surplus := sorted(values.keys() - names):
            raise ValueError(f"the expression has no {' and no '.join(surplus)} in it")
        leaves = {name: Value(x, label=name) for name, x in values.items()}
        result = _node(tree, text.strip(), {**CONSTANTS, **leaves})
    except SyntaxError as error:
        hint = "; a product is written 2*a" if "literal" in error.msg else ""
        raise ValueError(f"not an expression ({error.msg}{hint}): {text}") from None
    except (RecursionError, MemoryError):
        raise ValueError("the expression is nested too deeply") from None
    if not isinstance(result, Value):
        raise ValueError("nothing to differentiate: the expression has no variable in it")
    return result


def _node(tree: ast.expr, text: str, leaves: Mapping[str, Value | float]) -> Any:
    """The node of a syntax tree; a float where no variable is below it."""
    match tree:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float(number)
        case ast.Name(id=name):
            return leaves[name]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
            return TABLE[OPERATORS[type(op)]](_node(operand, text, leaves))
        case ast.BinOp(op=op, left=left, right=right) if type(op) in OPERATORS:
            return TABLE[OPERATORS[type(op)]](_node(left, text, leaves), _node(right, text, leaves))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            return TABLE[name](*[_node(arg, text, leaves) for arg in args])
    part = ast.get_source_segment(text, tree)
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.BitXor):
        raise ValueError(f"not allowed: {part!r}: a power is written a**2")
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in ELSEWHERE:
        raise ValueError(f"not allowed: {part!r}: {tree.func.id} is called {ELSEWHERE[tree.func.id]} here")
    raise ValueError(f"not allowed: {part!r}. An expression has numbers, names, + - * / ** and {', '.join(FUNCTIONS)}")
