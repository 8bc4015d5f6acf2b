"""A row's plain function of floats, as numba compiles it.

One's own rows may hold anything that Python can do. What numba would compute otherwise is guarded, so that it
raises, and the sample is computed again by Python; or it is refused.
"""

import dis
import marshal
import math
import operator
from collections.abc import Iterator
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from numba import literal_unroll, njit, types
from numba.core import ir

from ..engine.declaration import Primitive
from .instructions import Call
from .rebinding import names_used, rebuilt

WHOLE = 2.0**53  # up to here whole numbers have floats of their own; numba's have no more than 64 bits
WHOLES = (math.floor, math.ceil, math.trunc, int, round)
OTHERS = (math.gamma, math.lgamma, math.hypot)  # numba has its own
PRODUCTS = (operator.mul, operator.imul, operator.lshift, operator.ilshift)
POWERS = (operator.pow, operator.ipow)


class NotCompilableError(TypeError):
    """A row of one's own is written in a way that numba does not understand, or understands otherwise than Python."""


def check_compiles(call: Call) -> None:
    """Raise NotCompilableError where numba does not understand what is called, or may compute something else."""
    name = call.row.name
    try:
        function = jitted(call.function, guarded=True)
        njit(lambda *operands: function(*operands)).get_call_template((types.float64,) * call.arity, {})
    except Exception as error:  # numba's own, and what code that it does not understand leads it to
        raise NotCompilableError(f"numba cannot compile {name}: {_reason(error)}") from error
    if any(_multiplies_integers(*operation) for operation in _operations(function)):
        reason = "multiplies integers, which have no bound in Python: make one a float, 1.0 for 1"
        raise NotCompilableError(f"{name} {reason}")


def _reason(error: Exception) -> str:
    """The first line of numba's message that says something of the user's code."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith(("Failed in", "\x1b"))), type(error).__name__)


def _operations(function: Any) -> Iterator[tuple[Any, Any]]:
    """The operators, with the types of their operands, in a compiled function and those that it calls."""
    if hasattr(function, "py_func"):
        for compiled in function.overloads.values():
            for expression, signature in compiled.type_annotation.calltypes.items():
                if isinstance(expression, ir.Expr) and expression.op in ("binop", "inplace_binop"):
                    yield expression.fn, signature.args
        for used in function.py_func.__globals__.values():
            yield from _operations(used)


def _multiplies_integers(operation: Any, operands: Any) -> bool:
    integers = [isinstance(x, types.Integer) for x in operands]
    return (operation in PRODUCTS and all(integers)) or (operation in POWERS and any(integers))


def fingerprint(function: Any) -> str:
    """A text that changes when the function, or one that it calls, does."""
    if isinstance(function, Primitive):
        return fingerprint(function.value)
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

    Guarded, as one's own rows are, it raises where Python would, else an infinity might pass unseen; and where
    numba's whole numbers end.
    """
    if not isinstance(function, FunctionType):
        return function

    def replaced(x: Any) -> Any:
        return _guarded(x) if guarded and not isinstance(x, FunctionType) else jitted(x, guarded)

    copy = rebuilt(function, replaced)
    if any(step.argrepr in ("**", "**=") for step in dis.get_instructions(copy)):
        # To numba x**3 is x·x·x; to Python it is pow(x, 3.0), and so it is to numba with a float. What needs an
        # integer elsewhere in such a function, a range or an index, is then not compiled.
        code = copy.__code__
        copy.__code__ = code.replace(co_consts=tuple(float(x) if type(x) is int else x for x in code.co_consts))
    return njit(error_model="python" if guarded else "numpy")(copy)


def _guarded(x: Any) -> Any:
    """What one's own row finds in its module, with guards around what Python and numba do not compute alike."""
    if x is math:
        return _guarded_math()
    if isinstance(x, Primitive):  # one row may call another
        return _finite(jitted(x.value, guarded=True))
    if any(x is function for function in WHOLES):
        return _whole(x)
    if any(x is function for function in OTHERS):
        raise NotCompilableError(f"numba's {x.__name__} has other bits than Python's")
    return _finite(x) if getattr(x, "__module__", "") == "math" else x


@cache
def _guarded_math() -> ModuleType:
    module = ModuleType("math")
    names = {name: x for name, x in vars(math).items() if name[0] != "_" and x not in OTHERS}
    vars(module).update({name: _guarded(x) for name, x in names.items()})
    return module


def _finite(function: Any) -> Any:
    """A function of `math` that raises, as it does in Python, where finite operands give no finite result."""

    @njit
    def checked(*operands):  # type: ignore[no-untyped-def]  # numba finds the types
        result = function(*operands)
        if result - result != 0.0:
            for x in literal_unroll(operands):
                if x - x != 0.0:
                    return result
            raise OverflowError
        return result

    return checked


def _whole(function: Any) -> Any:
    """A function to whole numbers that raises where those do not fit."""

    @njit
    def checked(x):  # type: ignore[no-untyped-def]  # numba finds the type
        if not abs(x) < WHOLE:
            raise OverflowError
        return function(x)

    return checked
