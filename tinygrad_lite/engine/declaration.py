"""What a row of the table is, `Primitive`, and how one is declared."""

import keyword
import math
from collections.abc import Callable, Sequence
from itertools import zip_longest
from math import inf, nan
from types import FunctionType
from typing import Any, NamedTuple

from .arguments import to_float


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
    """Where a row has no single slope: at the zeros of `gap`, every slope in `slopes` is one of Clarke's.

    `gap` is a function of the operands: for relu it is `lambda x: x`, and `slopes` is `Interval(0, 1)`.
    """

    gap: Callable[..., float]
    slopes: Interval


REALS = Interval(-inf, inf)
GENERATED = ("forward", "backward", "opaque", "flat")
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
    reference: tuple[Callable[..., Any], ...] = ()
    kink: Kink | None = None
    ieee: Callable[..., float] = staticmethod(lambda *operands: nan)
    advice = ""
    cancels = False  # whether its numbers have a zero near which no formula in floats keeps their digits
    hidden = False
    __name__ = ""
    builtin = False  # True for the rows of `primitives`
    # Written by `generated_methods`, of a builtin row when one of them is first asked for: the steps on Values, the
    # arguments whose partial takes only floats, and those in which it is 0 everywhere.
    forward: Callable[..., Any]
    backward: Callable[..., None]
    opaque: tuple[int, ...]
    flat: tuple[int, ...]

    def __init__(self, **columns: Any) -> None:
        for column, content in columns.items():
            if not hasattr(Primitive, column) and column not in Primitive.__annotations__:
                raise TypeError(f"primitive() has no column {column!r}")
            setattr(self, column, content)

    def __getattr__(self, name: str) -> Any:
        if name not in GENERATED or not self.builtin:
            raise AttributeError(f"{self!r} has no {name!r}")
        from .generated_methods import generate, install  # which stands on this file

        install(self, generate(self))
        return vars(self)[name]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of the arguments, as the first partial derivative has them."""
        code, arity = getattr(self.partials[0], "__code__", None), len(self.partials)
        return code.co_varnames[:arity] if code and code.co_argcount > arity else ("x",) * arity

    def __call__(self, *args: Any) -> Any:
        """Apply the operation to numbers or Values (any carrier); numbers alone give a float.

        Raises: TypeError for anything that is not a real number; otherwise as `evaluate`.
        """
        if len(args) != len(self.partials):
            plural = "s" * (len(self.partials) > 1)
            from .hints import ARITY  # which stands on this file

            advice = ARITY.get(self.name, "")
            raise TypeError(f"{self.name} takes {len(self.partials)} argument{plural}, {len(args)} given{advice}")
        carrier: Any = None
        for arg in args:  # a subclass goes first, as with Python's operators
            if hasattr(arg, "apply_primitive") and (carrier is None or isinstance(arg, type(carrier))):
                carrier = arg
        if carrier is not None:
            return carrier.apply_primitive(self, args)
        return self.evaluate([to_float(arg, f"{self.name} needs real numbers or Values") for arg in args])

    def evaluate(self, operands: Sequence[float], labels: Sequence[str | None] = ()) -> float:
        """The value at `operands`, with one rule for every row: finite in, non-finite out raises.

        Where an operand already is infinite or NaN the result is what IEEE 754 says; underflow is
        silent. `labels` name the operands in the message.

        Raises: ValueError outside the domain, ZeroDivisionError at a pole, OverflowError out of range; TypeError
            where the value is no real number.
        """
        finite = all(map(math.isfinite, operands))
        try:
            y = self.value(*operands)
        except (ArithmeticError, ValueError) as error:
            if not finite:
                return self.ieee(*operands)
            raise self.failure(error, operands, labels) from None
        if type(y) is not float:
            y = to_float(y, f"the value of {self.describe(operands, labels)} must be a real number")
        if finite and not math.isfinite(y):
            raise self.failure(OverflowError(), operands, labels)
        return y

    def slope(self, argument: int, operands: Sequence[float], y: float) -> float:
        """The partial derivative in an argument, counted from 0, at float operands, whose value is `y`.

        Raises: what the partial derivative raises; TypeError where it is no real number.
        """
        slope = self.partials[argument](*operands, y)
        if type(slope) is float:
            return slope
        return to_float(slope, f"partial derivative {argument + 1} of {self.describe(operands)} must be a real number")

    def describe(self, operands: Sequence[float], labels: Sequence[str | None] = ()) -> str:
        """The operation at its operands: `div of 1.0 and 0.0 (node 'b')`."""
        nodes = [f"{x!r} (node {label!r})" if label else repr(x) for x, label in zip_longest(operands, labels)]
        return f"{self.name} of {' and '.join(nodes)}"

    def failure(
        self, error: Exception, operands: Sequence[float], labels: Sequence[str | None] = (), prefix: str = ""
    ) -> Exception:
        """The exception of `error`'s builtin kind that names the operation: `log of 0.0 (node 'ŷ'): …`."""
        subject = prefix + self.describe(operands, labels)
        if isinstance(error, ZeroDivisionError):
            return ZeroDivisionError(f"{subject}: division by zero")
        if isinstance(error, OverflowError):
            return OverflowError(f"{subject}: the result is too large for a float")
        arguments = zip(self.arguments, operands, self.domain, strict=True)
        conditions = [domain.describe(name) for name, x, domain in arguments if x not in domain]
        advice = f" ({self.advice})" if self.advice else ""
        return ValueError(f"{subject}: outside the domain {', '.join(conditions)}".rstrip() + advice)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> Any:
        """Pickled by name: a row is a fact, not data. A user-defined row must be declared before loading."""
        return _row_named, (self.name,)


TABLE: dict[str, Primitive] = {}
# What no row may be called: the names in generated text, and the attributes of Value, which `generated_methods` adds.
RESERVED = {"self", "other", "node", "number", "data", "upstream", "row", "nan", "inf"}


def _row_named(name: str) -> Primitive:
    if name not in TABLE:
        raise LookupError(f"no primitive {name!r}: declare it with primitive({name!r}, ...) before unpickling")
    return TABLE[name]


def declare(name: str, value: Callable[..., float], *partials: Callable[..., Any], **columns: Any) -> Primitive:
    """Put a row into the table."""
    TABLE[name] = row = make_row(name, value, *partials, **columns)
    return row


def make_row(name: str, value: Callable[..., float], *partials: Callable[..., Any], **columns: Any) -> Primitive:
    """A row, not in the table yet; its arguments and errors are those of `primitive`."""
    _check_name(name)
    _check_name(columns.get("method", name))
    if name.startswith("_"):
        raise ValueError(f"{name!r} cannot name a primitive: names in generated text begin with an underscore")
    if not partials:
        raise ValueError(f"primitive {name!r} needs one partial derivative for each argument of its value")
    n = len(partials)
    given = "there is 1 partial derivative" if n == 1 else f"there are {n} partial derivatives"
    _check_takes(value, n, f"the value of {name}", f"and {given}: give one for each")
    for i, partial in enumerate(partials, start=1):
        _check_takes(partial, n + 1, f"partial {i} of {name}", f"not {n + 1}: the inputs of {name}, then its result")
    slots = ", ".join(["{}"] * n)
    call = f"{name}({slots})"
    latex = rf"\operatorname{{{{{name}}}}}\left({slots}\right)".replace("_", r"\_")
    defaults = {"method": name, "python": call, "plain": call, "latex": latex, "domain": (REALS,) * n}
    row = Primitive(name=name, value=value, partials=partials, **{**defaults, **columns})
    row.__name__ = name  # what `help` and `functools.wraps` ask for
    row.__doc__ = f"{row.python.format(*row.arguments)}: {row.doc}.\n\nOf Values and of numbers."
    return row


def _check_name(name: str) -> None:
    """Raise ValueError for what cannot be a function and a method."""
    taken = name in RESERVED or (name in TABLE and TABLE[name].builtin)
    if not name.isidentifier() or keyword.iskeyword(name) or taken:
        raise ValueError(f"{name!r} cannot name a primitive: it is no identifier, or taken; choose another name")


def _check_takes(function: Any, n: int, name: str, advice: str) -> None:
    """Raise TypeError for what cannot be called with n arguments, where it is written in Python and tells."""
    if not callable(function):
        raise TypeError(f"{name} must be a function, not {type(function).__name__!r}")
    if isinstance(function, FunctionType) and not function.__code__.co_flags & VARARGS:
        most = function.__code__.co_argcount
        if not most - len(function.__defaults__ or ()) <= n <= most:
            raise TypeError(f"{name} takes {most} argument{'s' * (most != 1)}, {advice}")


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
