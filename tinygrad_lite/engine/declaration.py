"""What a row of the table is: `Primitive`, and `primitive(...)`, which declares one."""

import keyword
import math
import sys
from collections.abc import Callable, Sequence
from itertools import zip_longest
from math import inf, nan
from types import FunctionType
from typing import Any, NamedTuple


class Interval(NamedTuple):
    """The numbers from `low` to `high`; `open` leaves out both ends."""

    low: float
    high: float
    open: bool = False

    def __contains__(self, x: object) -> bool:
        assert isinstance(x, (int, float))
        return self.low < x < self.high if self.open else self.low <= x <= self.high

    def describe(self, name: str) -> str:
        """The interval as a condition on `name`: `x > 0`, `0 ≤ p ≤ 1`; empty for all numbers."""
        less = "<" if self.open else "≤"
        match (self.low > -inf, self.high < inf):
            case (True, True):
                return f"{self.low:g} {less} {name} {less} {self.high:g}"
            case (True, False):
                return f"{name} {'>' if self.open else '≥'} {self.low:g}"
            case (False, True):
                return f"{name} {less} {self.high:g}"
        return ""


class Kink(NamedTuple):
    """Where a row has no single slope: at the zeros of `gap`, every slope in `slopes` is one of Clarke's."""

    gap: Callable[..., float]
    slopes: Interval


REALS = Interval(-inf, inf)
VARARGS = 4  # in a code's flags, as in `inspect`, which takes longer to import than all of this


class Primitive:
    """One row of the table, and the function of that name: `exp(v)` on Values, `exp(2.0)` on floats.

    Made, and its columns explained, by `primitive`.
    """

    name: str
    value: Callable[..., float]
    partials: tuple[Callable[..., Any], ...]
    python: str
    plain: str
    latex: str
    method: str
    domain: tuple[Interval, ...]
    doc = ""
    precedence = 9
    definition: Callable[..., Any] | None = None
    kink: Kink | None = None
    ieee: Callable[..., float] = staticmethod(lambda *operands: nan)
    advice = ""
    hidden = False
    # On Values; written by `generated_methods`, with the slots whose partial takes only floats.
    forward: Callable[..., Any] | None = None
    backward: Callable[..., None] | None = None
    opaque: tuple[int, ...] = ()

    def __init__(self, **columns: Any) -> None:
        for column, content in columns.items():
            if not hasattr(Primitive, column) and column not in Primitive.__annotations__:
                raise TypeError(f"primitive() has no column {column!r}")
            setattr(self, column, content)

    def __call__(self, *args: Any) -> Any:
        """Apply the operation to numbers or Values (any carrier); numbers alone give a float.

        Raises: TypeError for anything that is not a real number; otherwise as `evaluate`.
        """
        if len(args) != len(self.partials):
            plural = "s" * (len(self.partials) > 1)
            raise TypeError(f"{self.name} takes {len(self.partials)} argument{plural}, {len(args)} given")
        for arg in args:
            if hasattr(arg, "apply_primitive"):
                return arg.apply_primitive(self, args)
        return self.evaluate([real(arg, f"{self.name} needs real numbers or Values") for arg in args])

    def evaluate(self, operands: Sequence[float], labels: Sequence[str | None] = ()) -> float:
        """The value at `operands`, with one rule for every row: finite in, non-finite out raises.

        Where an operand already is infinite or NaN the result is what IEEE 754 says; underflow is
        silent. `labels` name the operands in the message.

        Raises: ValueError outside the domain, ZeroDivisionError at a pole, OverflowError out of range; TypeError
            for an operand that is no number.
        """
        operands = [
            x
            if type(x) is float
            else real(x, f"the data of {f'node {label!r}' if label else 'a node'} must be a number")
            for x, label in zip_longest(operands, labels)
        ]
        finite = all(map(math.isfinite, operands))
        try:
            y = self.value(*operands)
        except (ArithmeticError, ValueError) as error:
            if not finite:
                return self.ieee(*operands)
            raise self.failure(error, operands, labels) from None
        if finite and not math.isfinite(y):
            raise self.failure(OverflowError(), operands, labels)
        return y

    def failure(
        self, error: Exception, operands: Sequence[float], labels: Sequence[str | None] = (), prefix: str = ""
    ) -> Exception:
        """The exception of `error`'s builtin kind that names the operation: `log of 0.0 (node 'ŷ'): …`."""
        nodes = [f"{x!r} (node {label!r})" if label else repr(x) for x, label in zip_longest(operands, labels)]
        subject = f"{prefix}{self.name} of {' and '.join(nodes)}"
        if isinstance(error, ZeroDivisionError):
            return ZeroDivisionError(f"{subject}: division by zero")
        if isinstance(error, OverflowError):
            return OverflowError(f"{subject}: the result is too large for a float")
        code = getattr(self.partials[0], "__code__", None)  # where the arguments have names
        names = code.co_varnames if code and code.co_argcount > len(operands) else "x" * len(operands)
        arguments = zip(names, operands, self.domain, strict=False)
        conditions = [domain.describe(name) for name, x, domain in arguments if x not in domain]
        advice = f" ({self.advice})" if self.advice else ""
        return ValueError(f"{subject}: outside the domain {', '.join(conditions)}".rstrip() + advice)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> Any:
        """Pickled by name: a row is a fact, not data. One's own row must be declared before loading."""
        return _row_named, (self.name,)


def is_real(x: Any) -> bool:
    """Whether `x` is an int, float, bool or real NumPy scalar (if NumPy was never imported, it is none)."""
    if isinstance(x, (float, int)):
        return True
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(x, (numpy.floating, numpy.integer, numpy.bool_))


def real(x: Any, demand: str) -> float:
    """`x` as a float; a TypeError that begins with `demand` if it is no real number."""
    if not is_real(x):
        raise TypeError(f"{demand}, not {type(x).__name__!r}")
    return float(x)


TABLE: dict[str, Primitive] = {}
installers: list[Callable[[Primitive], None]] = []  # what makes a method of a row declared later; `value` has it
RESERVED = {"self", "other", "node", "data", "upstream"}  # names in generated code; `primitives` adds its rows


def _row_named(name: str) -> Primitive:
    if name not in TABLE:
        raise LookupError(f"no primitive {name!r}: declare it with primitive({name!r}, ...) before unpickling")
    return TABLE[name]


def primitive(name: str, value: Callable[..., float], *partials: Callable[..., Any], **columns: Any) -> Primitive:
    """Declare an operation: it then works in backprop, higher derivatives, drawings and checks.

        cube = primitive("cube", lambda x: x * x * x, lambda x, y: 3 * x * x, plain="{}³")
        cube(Value(2.0)).backward()

    Args:
        name: an identifier not yet in the table (one's own row may be declared again, as a notebook cell is).
        value: the float result for float operands, a plain function over `math`.
        partials: one function per argument, of (inputs ..., y), y being the result. Written with operators
            and the table's functions they can be differentiated again, and are written out now, with the
            numbers that they find around them; over `math`, or with an `if`, only once.
        doc: what it computes, in one line.
        python, plain, latex: how it is written: templates with one `{}` per argument.
        precedence: how tightly a template binds, 1 for a sum to 9 for a call (the default).
        method: its name as a method of Value (default: `name`).
        definition: the formula in the table's own operations, where a stable `value` hides it.
        domain: an `Interval` for each argument (default: all numbers).
        kink: where the slope jumps, and between which values.
        ieee: the value where an operand is infinite or NaN and `value` raises (default: NaN).
        advice: what helps, at the end of a domain error's message.
        hidden: True for a row that only serves as another row's slope.

    Raises: ValueError for a name that is no identifier or is a builtin row's, or without partials; TypeError for
        functions that take another number of arguments.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name in RESERVED:
        raise ValueError(f"{name!r} cannot name a primitive: it is no identifier, or taken; choose another name")
    if not partials:
        raise ValueError(f"primitive {name!r} needs one partial derivative for each argument of its value")
    _check_takes(value, len(partials), f"the value of {name}", "as many as it has partials")
    for i, partial in enumerate(partials, start=1):
        _check_takes(partial, len(partials) + 1, f"partial {i} of {name}", f"the inputs of {name}, then its result")
    slots = ", ".join(["{}"] * len(partials))
    call = f"{name}({slots})"
    latex = rf"\operatorname{{{{{name}}}}}\left({slots}\right)".replace("_", r"\_")
    defaults = {"method": name, "python": call, "plain": call, "latex": latex, "domain": (REALS,) * len(partials)}
    TABLE[name] = row = Primitive(name=name, value=value, partials=partials, **{**defaults, **columns})
    for install in installers:
        install(row)
    return row


def _check_takes(function: Any, n: int, name: str, arguments: str) -> None:
    """Raise TypeError for what cannot be called with n arguments, where it is written in Python and tells."""
    if not callable(function):
        raise TypeError(f"{name} must be a function, not {type(function).__name__!r}")
    if isinstance(function, FunctionType) and not function.__code__.co_flags & VARARGS:
        most = function.__code__.co_argcount
        if not most - len(function.__defaults__ or ()) <= n <= most:
            raise TypeError(f"{name} must take {n} argument{'s' * (n > 1)}: {arguments}")


def carrier(cls: type) -> type:
    """Class decorator: Python's operators on `cls`, and their reflections, each applying its row."""

    def applying(row: Primitive, step: int) -> Callable[..., Any]:
        return lambda *args: row(*args[::step])

    for row in TABLE.values():
        if row.method.startswith("__"):
            setattr(cls, row.method, applying(row, 1))
            if len(row.partials) == 2:
                setattr(cls, f"__r{row.method[2:]}", applying(row, -1))
    return cls
