"""An expression typed by a person, read as a graph: Python's arithmetic and the table's functions, nothing else."""

import ast
import math
import warnings
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from .engine.declaration import TABLE
from .engine.value import Value

OPERATORS = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.USub: "neg",
    ast.UAdd: "identity_",
}
CONSTANTS = {"pi": math.pi, "e": math.e}
ELSEWHERE = {"max": "maximum", "min": "minimum", "ln": "log", "σ": "sigmoid"}  # what others call the table's functions
SIGNS = str.maketrans({"·": "*", "×": "*", "−": "-", "÷": "/"})  # as `explain` and books write them
FUNCTIONS = [row.name for row in TABLE.values() if not row.hidden]


def parse(text: str, values: Mapping[str, float]) -> Value:
    """The graph of `text`, with a labelled leaf for each name in it. Nothing is executed but the table's rows.

    Args:
        text: numbers, names, + - * / **, parentheses, functions of the table: "(2*a + b) * sigmoid(c)"; or · × − ÷.
        values: a number for each name; pi and e, unless they have one here, are the constants.

    Raises: ValueError for anything else in the text, a name without a value or a value without a name;
        the table's errors where an operation fails.
    """
    text = text.translate(SIGNS).strip()
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text, mode="eval").body
        for part in ast.walk(tree):
            if isinstance(part, ast.expr) and (hint := _refusal(part)):
                raise ValueError(f"not allowed: {ast.get_source_segment(text, part)!r}{hint}")
        called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in called}
        if missing := sorted(names - values.keys() - CONSTANTS.keys()):
            products = [name for name in missing if len(name) > 1 and set(name) <= values.keys()]
            hint = f" (is {products[0]} a product? That is written {'*'.join(products[0])})" if products else ""
            added = " ".join(f"{name}=1.5" for name in missing)
            raise ValueError(f"no value for {', '.join(missing)}: add {added}{hint}")
        if surplus := sorted(values.keys() - names):
            raise ValueError(f"the expression has no {' and no '.join(surplus)} in it")
        leaves = {name: Value(x, label=name) for name, x in values.items()}
        result = _node(tree, {**CONSTANTS, **leaves})
    except SyntaxError as error:
        hint = "; a product is written 2*a" if "literal" in error.msg else ""
        raise ValueError(f"not an expression ({error.msg}{hint}): {text}") from None
    except (RecursionError, MemoryError):
        raise ValueError("the expression is nested too deeply") from None
    if not isinstance(result, Value):
        raise ValueError("nothing to differentiate: the expression has no variable in it")
    return result


def _refusal(part: ast.expr) -> str:
    """What helps where a part of an expression is not allowed; empty if it is."""
    match part:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return ""
        case ast.Name():
            return ""
        case ast.UnaryOp(op=op) | ast.BinOp(op=op) if type(op) in OPERATORS:
            return ""
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in FUNCTIONS:
            return ""
        case ast.BinOp(op=ast.BitXor()):
            return ": a power is written a**2"
        case ast.Call(func=ast.Name(id=name)) if name in ELSEWHERE:
            return f": {name} is called {ELSEWHERE[name]} here"
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), keywords=[]):
            if near := get_close_matches(name, FUNCTIONS):
                return f": is {near[0]} meant?"
    return f". An expression has numbers, names, + - * / ** and {', '.join(FUNCTIONS)}"


def _node(tree: ast.expr, leaves: Mapping[str, Value | float]) -> Any:
    """The node of a syntax tree; a float where no variable is below it."""
    match tree:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return leaves[name]
        case ast.UnaryOp(op=op, operand=operand):
            return TABLE[OPERATORS[type(op)]](_node(operand, leaves))
        case ast.BinOp(op=op, left=left, right=right):
            return TABLE[OPERATORS[type(op)]](_node(left, leaves), _node(right, leaves))
        case ast.Call(func=ast.Name(id=name), args=args):
            return TABLE[name](*[_node(arg, leaves) for arg in args])
