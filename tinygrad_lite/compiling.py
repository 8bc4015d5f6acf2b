"""A row's plain function of floats, as numba compiles it."""

import dis
import marshal
import math
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from numba import njit, types

from .flat import Call
from .rebuilding import names_used, rebuilt


class NotCompilableError(TypeError):
    """A row of one's own is written in a way that numba does not understand."""


def check_compiles(call: Call) -> None:
    """Raise NotCompilableError where numba does not understand what is called."""
    try:
        function = jitted(call.function, guarded=True)
        njit(lambda *operands: function(*operands)).get_call_template((types.float64,) * call.arity, {})
    except Exception as error:  # numba's own, and what code that it does not understand leads it to
        raise NotCompilableError(f"numba cannot compile {call.row.name}, for executor='compiled': {error}") from error


def fingerprint(function: Any) -> str:
    """A text that changes when the function, or one that it calls, does."""
    if isinstance(function, np.ndarray):
        return f"{function.dtype} {function.shape} {function.tobytes()!r}"
    if not isinstance(function, FunctionType):
        return repr(function)
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    parts = [*names_used(function).values(), *cells, *(function.__defaults__ or ())]
    code = function.__code__.replace(co_filename="", co_firstlineno=1)  # a notebook's cell has a new one each time
    # Version 2 of the format: later ones also say how often a part is referred to elsewhere.
    return f"{marshal.dumps(code, 2)!r}{[*map(fingerprint, parts)]}"


def jitted(function: Any, guarded: bool) -> Any:
    """A row's function for numba, with those that it calls.

    Guarded, as one's own rows are, it raises where Python would; else an infinity might pass unseen.
    """
    if not isinstance(function, FunctionType):
        return function

    def replaced(x: Any) -> Any:
        if guarded and (x is math or getattr(x, "__module__", "") == "math"):
            return _guarded_math() if x is math else _guarded(x)
        return jitted(x, guarded)

    copy = rebuilt(function, replaced)
    if any(step.argrepr in ("**", "**=") for step in dis.get_instructions(copy)):
        # To numba x**3 is x·x·x; to Python it is pow(x, 3.0), and so it is to numba with a float.
        code = copy.__code__
        copy.__code__ = code.replace(co_consts=tuple(float(x) if type(x) is int else x for x in code.co_consts))
    return njit(error_model="python" if guarded else "numpy")(copy)


def _guarded(function: Any) -> Any:
    """A function of `math` that raises, as it does in Python, where finite operands give no finite result."""

    @njit
    def checked(*operands):  # type: ignore[no-untyped-def]  # numba finds the types
        result = function(*operands)
        if result - result != 0.0:
            for x in operands:
                if x - x != 0.0:
                    return result
            raise OverflowError
        return result

    return checked


@cache
def _guarded_math() -> ModuleType:
    module = ModuleType("math")
    vars(module).update({name: _guarded(x) if callable(x) else x for name, x in vars(math).items() if name[0] != "_"})
    return module
