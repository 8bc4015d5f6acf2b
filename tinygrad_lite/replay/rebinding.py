"""A function made again over other names: how plain functions of floats get to run on something else."""

import builtins
import dis
from collections.abc import Callable
from types import CellType, CodeType, FunctionType
from typing import Any


def rebind(function: FunctionType, replace: Callable[[Any], Any]) -> FunctionType:
    """A copy that finds `replace(x)` where the function found x: in its module, among Python's names, around it."""
    names = set()
    codes = [function.__code__]
    for code in codes:  # and those of comprehensions and functions inside it
        names |= {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
        codes += [x for x in code.co_consts if isinstance(x, CodeType)]
    found = vars(builtins) | function.__globals__
    replaced: dict[str, Any] = {"__name__": __name__}  # a module that exists, for those who ask what this one is
    replaced |= {name: replace(found[name]) for name in names & found.keys()}
    cells = tuple(CellType(replace(cell.cell_contents)) for cell in function.__closure__ or ())
    copy = FunctionType(function.__code__, replaced, function.__name__, function.__defaults__, cells)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy
