"""NumPy's and `math`'s functions called with a Value: those with a row are that row, others an error or a warning."""

import math
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from . import hints
from .declaration import TABLE

PACKAGE = __name__.partition(".")[0]
FUNCTION = 1  # in a code's flags, CO_OPTIMIZED of `inspect`
HELD_BY_FRAME = 3  # references to a dictionary: the frame's, a variable's, and that of the call that counts
# NumPy's names of the table's rows, where they differ: of an array of Values it calls methods with some of them.
METHODS = {
    "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan", "arctan2": "atan2",
    "arctanh": "atanh", "deg2rad": "radians", "fabs": "abs", "rad2deg": "degrees",
}  # fmt: skip
UFUNCS = {
    "absolute": "abs", "divide": "div", "float_power": "pow", "multiply": "mul", "negative": "neg",
    "positive": "identity_", "power": "pow", "sign": "sign_", "subtract": "sub", **METHODS,
}  # fmt: skip
COMPARISONS = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"}
PREDICATES = {"isfinite", "isinf", "isnan", "signbit"}
INSTEAD = {
    "fmax": "write maximum(a, b)",
    "fmin": "write minimum(a, b)",
    "logaddexp": "write a + softplus(b - a)",
    "reciprocal": "write 1 / v",
    "square": "write v * v",
    **dict.fromkeys(("ceil", "copysign", "floor", "floor_divide", "fmod", "remainder", "rint", "trunc"), hints.JUMPS),
}


def apply_ufunc(ufunc: Any, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """NumPy's function applied by the row of its name, number by number.

    Raises: TypeError, saying what to write, for a function that has no row.
    """
    import numpy as np

    name: str = ufunc.__name__
    if any(getattr(x, "dtype", np.dtype(float)).kind in "mM" for x in inputs):
        raise TypeError(f"np.{name} of a Value takes real numbers, not dates or durations: convert them, to days say")
    arrays = [np.array(x, object) if hasattr(x, "apply_primitive") else x for x in inputs]
    # A long double would ask the Value again and again, as a float does not.
    arrays = [np.asarray(x, float) if getattr(x, "dtype", None) == np.longdouble else x for x in arrays]
    if name in COMPARISONS:
        return getattr(ufunc, method)(*arrays, **kwargs)
    if name in PREDICATES:
        return getattr(ufunc, method)(*(np.asarray(x, float) for x in arrays), **kwargs)
    row = TABLE.get(UFUNCS.get(name, name))
    if row is None or len(row.partials) != ufunc.nin:
        advice = INSTEAD.get(name, "write it with the functions of tinygrad_lite")
        raise TypeError(f"np.{name} cannot be differentiated here: {advice}")
    return getattr(np.frompyfunc(row, ufunc.nin, 1), method)(*arrays, **kwargs)


# ── functions of `math`, which take a Value for its number ────────────────────────────────────────

HISTORY_LOST = (
    "math.{0} took a Value for its number, and what it gave has come back into a graph: no gradient flows that way. "
    "Write {0} of tinygrad_lite; where a number is meant, math.{0}(v.data)"
)
MOST = 10_000  # entries of either dictionary
lost: dict[float, str] = {}  # what functions of `math` made of Values, and the function's name
asked: dict[tuple[Any, int], Any] = {}  # the function of `math` that is called at a place in a program, or None


def note_loss(x: float) -> None:
    """Keep what a function of `math` is about to make of a Value of data `x`, if it is that which asks for a float."""
    frame = sys._getframe(2)
    place = frame.f_code, frame.f_lasti
    if place not in asked:
        if len(asked) > MOST:
            asked.clear()
        asked[place] = _called(frame)
    function = asked[place]
    try:
        result = function(x) if function else 0.0
    except (ArithmeticError, TypeError, ValueError):  # the caller will see
        return
    if type(result) is float and result % 1.0 and result != x:  # whole numbers, and x itself, may be anybody's
        if len(lost) > MOST:
            lost.clear()
        lost[result] = function.__name__


def _called(frame: Any) -> Any:
    """The function of `math` that a frame is calling; None for anything else.

    From its code alone, for a prompt keeps no source: what is loaded in the column where a call begins is its name,
    `math` and then `exp` of `math.exp(x)`.
    """
    import dis  # seldom needed, and slow to load

    begins = [position[::2] for position in frame.f_code.co_positions()]  # line and column
    begin = begins[frame.f_lasti // 2]
    before = [x for x in dis.get_instructions(frame.f_code) if x.offset <= frame.f_lasti]
    names = [x.argval for x in before if x.opname.startswith("LOAD_") and begins[x.offset // 2] == begin]
    call = before[-1]
    # Of one argument, or of *those: hypot(x, y) is not hypot(x), which `note_loss` would compute.
    if not names or None in begin or not (call.opname == "CALL_FUNCTION_EX" or (call.opname, call.arg) == ("CALL", 1)):
        return None
    found = {**frame.f_globals, **read_locals(frame)}.get(names[0])
    if names[1:]:
        return getattr(math, names[1], None) if found is math else None
    return found if getattr(found, "__module__", "") == "math" else None


def warn_of_loss(x: float) -> None:
    """Warn that a number whose history is lost has become a node."""
    if name := lost.pop(x, None):
        warnings.warn(HISTORY_LOST.format(name), RuntimeWarning, stacklevel=find_caller()[1])


def find_caller() -> tuple[Any, int]:
    """The innermost frame of code that is not this package's, and its level for a warning of the function that asks."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and is_ours(frame):
        frame, level = frame.f_back, level + 1
    return frame, level


def is_ours(frame: Any) -> bool:
    """Whether a frame is of this package's code."""
    name: str = frame.f_globals.get("__name__", PACKAGE)
    return name.partition(".")[0] == PACKAGE


def read_locals(frame: Any) -> dict[str, Any]:
    """The variables of a frame, by name. A function's frame is not left with a copy of them.

    Before Python 3.13 it has one from the first reading until it returns, and graphs that it names would live as long.
    """
    found = frame.f_locals
    variables = dict(found)
    if frame.f_code.co_flags & FUNCTION and type(found) is dict and sys.getrefcount(found) == HELD_BY_FRAME:
        found.clear()
    return variables
