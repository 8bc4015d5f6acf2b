"""Plain functions of floats, with their branches, run on something that holds many numbers: arrays, vectors.

A function is run once for each way through its branches, and of the results the right one is selected number by number.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, NamedTuple

from ..engine import stable_forms
from ..engine.declaration import Primitive
from .rebinding import rebind

LONGEST = 64  # comparisons on one way, before it counts as an endless loop


class Carrier(NamedTuple):
    """What holds the numbers, an array say.

    functions   those of `math`, by name, of arrays
    select      of truths and two arrays: where they hold the first, elsewhere the second
    decide      of truths: True or False where they are known and all the same, else None
    row         of a row of the table: its value as a function of arrays
    """

    functions: Mapping[str, Callable[..., Any]]
    select: Callable[[Any, Any, Any], Any]
    decide: Callable[[Any], bool | None]
    row: Callable[[Primitive], Callable[..., Any]]


class Branching:
    """An array in place of a float, in a function that is run once for each way through its branches.

    `decisions` are the answers that its comparisons give, `asked` the comparisons, both in order. `computed` has what
    any way has computed: by function and operands, these and the result, so that ways share what they have in common.
    """

    def __init__(
        self, array: Any, carrier: Carrier, decisions: list[bool], asked: list[Any], computed: dict[Any, Any]
    ) -> None:
        self.array = array
        self.carrier = carrier
        self.decisions = decisions
        self.asked = asked
        self.computed = computed

    def __bool__(self) -> bool:
        known = self.carrier.decide(self.array)
        if known is not None:
            return known
        if len(self.asked) == len(self.decisions):
            if len(self.asked) == LONGEST:
                raise TypeError("a loop that ends by its numbers")
            self.decisions.append(True)
        self.asked.append(self.array)
        return self.decisions[len(self.asked) - 1]

    @staticmethod
    def apply_primitive(row: Primitive, args: tuple[Any, ...]) -> "Branching":
        """A row of the table, which a row's value or partial derivative calls."""
        first = next(x for x in args if isinstance(x, Branching))
        return first.through(first.carrier.row(row), *args)

    def through(self, function: Callable[..., Any], *operands: Any) -> "Branching":
        """The function of arrays applied to operands of which some are branching."""
        arrays = [x.array if isinstance(x, Branching) else x for x in operands]
        result = _once(self.computed, function, *arrays)
        return Branching(result, self.carrier, self.decisions, self.asked, self.computed)


def _once(computed: dict[Any, Any], function: Callable[..., Any], *operands: Any) -> Any:
    """The function of the operands, computed unless it has been; by identity, as long as the operands are kept."""
    key = function, *map(id, operands)
    if key not in computed:
        computed[key] = operands, function(*operands)
    return computed[key][1]


def _operator(function: Callable[..., Any], reflected: bool = False) -> Callable[..., Branching]:
    return lambda x, *others: x.through(function, *((*others, x) if reflected else (x, *others)))


for _name in ("lt", "le", "gt", "ge", "eq", "ne", "neg", "pos", "abs"):
    setattr(Branching, f"__{_name}__", _operator(getattr(operator, _name)))
for _name in ("add", "sub", "mul", "truediv", "pow", "mod", "floordiv"):
    setattr(Branching, f"__{_name}__", _operator(getattr(operator, _name)))
    setattr(Branching, f"__r{_name}__", _operator(getattr(operator, _name), reflected=True))


class _Math:
    """The module `math`, of arrays."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    def __getattr__(self, name: str) -> Any:
        number = getattr(math, name)
        if not callable(number):
            return number
        function = self._carrier.functions.get(name)

        def of_arrays(*operands: Any) -> Any:
            for x in operands:
                if isinstance(x, Branching):
                    if function is None:
                        raise TypeError(f"there is no math.{name} for it")
                    return x.through(function, *operands)
            return number(*operands)

        return of_arrays


def follow(function: Any, carrier: Carrier) -> Callable[..., Any]:
    """A function of floats as one of arrays, number by number; NaN where it raises.

    Raises: TypeError where it calls itself, and, when called, where it needs floats.
    """

    def replace(x: Any) -> Any:
        """What the function finds around it, for arrays."""
        if x is math:
            return _Math(carrier)
        if getattr(x, "__module__", "") == "math":
            return getattr(_Math(carrier), x.__name__)
        if not isinstance(x, FunctionType):
            return x
        if x.__module__ == stable_forms.__name__:  # on their own: with those of the caller its branches would multiply
            of_arrays = follow(x, carrier)
            return lambda first, *others: first.through(of_arrays, first, *others)
        return rebind(x, replace)

    def explore(operands: Sequence[Any], decisions: list[bool], computed: dict[Any, Any]) -> Any:
        asked: list[Any] = []
        known = len(decisions)
        try:
            result = copy(*(Branching(x, carrier, decisions, asked, computed) for x in operands))
            result = result.array if isinstance(result, Branching) else result
        except (ArithmeticError, ValueError):
            result = math.nan
        for i in reversed(range(known, len(asked))):
            other = explore(operands, [*decisions[:i], False], computed)
            if other is not result:
                result = _once(computed, carrier.select, asked[i], result, other)
        return result

    try:
        copy = rebind(function, replace) if isinstance(function, FunctionType) else replace(function)
    except RecursionError:
        raise TypeError("it calls itself") from None
    return lambda *operands: explore(operands, [], {})
