"""A user-defined row's value as operations of the table, which a program computes as it does any others.

The value is called once, with a carrier that writes down what is done to it. Unlike `Symbol` it leaves no term of 0
and no factor of 1 out: the signs of zeros, the infinities and the rounding are those of the same call with floats.
"""

import math
from collections import Counter
from typing import Any, NamedTuple, Never

from ..engine import primitives
from ..engine.declaration import Primitive, carrier, make_row

# What `**` is to floats: x**2 rounds as C's pow(x, 2.0) does, and the table's pow(x, 2) as x·x.
FLOAT_POWER = make_row("float_power", math.pow, *primitives.pow.partials)
FLOAT_POWER.builtin = True
SILENT = (primitives.neg, primitives.identity, primitives.add, primitives.sub, primitives.mul)  # of floats, never raise
# Zeros, and numbers with all their digits, so that another rounding or another order of addition shows.
TRIED = (0.0, 1.0, *(math.sinh(0.7 * i - 10) for i in range(30)), -0.0, -1.0)


class Step(NamedTuple):
    """An operation. Operands are numbers, or the positions of arguments (first) and earlier steps (from there on)."""

    row: Primitive
    operands: tuple[int | float, ...]
    shared: bool = False  # whether several operands are its result


@carrier
class _Operators:
    """Python's operators, each of which applies its row."""


class _Operand(_Operators):
    """An argument, or the result of a step: a position on a tape, which has None for each argument."""

    __slots__ = ("position", "tape")

    def __init__(self, position: int, tape: list[Step | None]) -> None:
        self.position = position
        self.tape = tape

    @staticmethod
    def apply_primitive(row: Primitive, args: tuple[Any, ...]) -> Any:
        """The result of one more step, or of those of another user-defined row."""
        if not row.builtin:
            return row.value(*args)
        tape = next(x.tape for x in args if isinstance(x, _Operand))
        tape.append(Step(row, tuple(map(_position_or_number, args))))
        return _Operand(len(tape) - 1, tape)

    def __pow__(self, n: Any) -> Any:
        return self.apply_primitive(FLOAT_POWER, (self, n))

    def __rpow__(self, x: Any) -> Any:
        return self.apply_primitive(FLOAT_POWER, (x, self))

    def __array__(self, *_: Any, **__: Any) -> Never:
        raise TypeError("not a number of NumPy's, which has rules of its own")

    def __bool__(self) -> Never:
        raise TypeError("not a number yet")

    def __eq__(self, other: object) -> Never:
        raise TypeError("not a number yet")


def _position_or_number(x: Any) -> int | float:
    if isinstance(x, _Operand):
        return x.position
    if type(x) not in (int, float, bool):
        raise TypeError("not a float of Python's")
    return float(x)


def trace(row: Primitive) -> list[Step] | None:
    """The steps of a row's value, the last of which is the result, with the numbers that it finds around it.

    None where there is more to it: over `math`, say, or with an `if`; and where nothing in the result shows that an
    argument, or a step that may raise, was bad.
    """
    arity = len(row.partials)
    tape: list[Any] = [None] * arity
    try:
        result = row.value(*(_Operand(i, tape) for i in range(arity)))
    except Exception:  # anything that a function of floats may raise where it gets something else
        return None
    if not isinstance(result, _Operand):
        return None
    uses = Counter([result.position])
    for position in reversed(range(arity, len(tape))):
        if uses[position]:
            uses.update(x for x in tape[position].operands if type(x) is int)
        elif tape[position].row not in SILENT:
            return None
    if not all(uses[i] for i in range(arity)):
        return None
    places = {position: i for i, position in enumerate(sorted(uses))}
    steps = [
        Step(operation, tuple(places[x] if type(x) is int else x for x in operands), uses[position] > 1)
        for position, (operation, operands, _) in (
            (position, tape[position]) for position in places if position >= arity
        )
    ]
    return steps if _agrees(row, steps) else None


def _agrees(row: Primitive, steps: list[Step]) -> bool:
    """Whether the steps give the bits of the value where it is tried: it may have asked what it was called with."""
    for shift in range(len(TRIED)):
        numbers = [TRIED[(shift + i) % len(TRIED)] for i in range(len(row.partials))]
        try:
            expected = row.evaluate(numbers)
        except (ArithmeticError, TypeError, ValueError):
            continue
        try:
            for step in steps:
                numbers.append(step.row.value(*(numbers[x] if type(x) is int else x for x in step.operands)))
        except (ArithmeticError, ValueError):
            return False
        if repr(numbers[-1]) != repr(expected):
            return False
    return True
