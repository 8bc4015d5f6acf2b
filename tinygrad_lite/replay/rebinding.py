"""A function made again over other names: how plain functions of floats get to run on something else."""

import builtins
import dis
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any


def names_used(function: FunctionType) -> dict[str, Any]:
    """What the code of a function finds in its module, or among Python's own names, by name."""
    names = set()
    codes = [function.__code__]
    for code in codes:  # and those of comprehensions and functions inside it
        names |= {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
        codes += [x for x in code.co_consts if isinstance(x, CodeType)]
    found = vars(builtins) | function.__globals__
    return {name: found[name] for name in sorted(names & found.keys())}


def rebuilt(function: FunctionType, replace: Callable[[Any], Any]) -> FunctionType:
    """A copy that finds `replace(x)` where the function found x in its module."""
    names: dict[str, Any] = {"__name__": __name__}  # a module that exists, for those who ask what this one is
    names |= {name: replace(x) for name, x in names_used(function).items()}
    return FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
