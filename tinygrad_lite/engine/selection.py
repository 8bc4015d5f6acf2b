"""`take`: an item of a list, chosen by a number that is data."""

from collections.abc import Sequence
from functools import reduce
from operator import add, mul
from typing import Any

from .arguments import flatten, is_array, map_leaves, unflatten
from .primitives import equals
from .value import Value


def take(values: Sequence[Any], index: Any) -> Any:
    """`values[index]`; where the index is a Value, [index = 0]·values[0] + [index = 1]·values[1] + …

    So the choice itself is recorded: `take(table, token)` in a function that `jit` records is another row for each
    token. The items have gradients, the index has none. An item that is infinite or NaN, and not chosen,
    makes the result NaN.

    Args:
        values: numbers and Values, or rows, nested lists, tuples and dicts of them that are alike; the result is
            like one of them.
        index: an int, for which this is Python's indexing; or a Value whose number is whole, from 0 to
            len(values) − 1.

    Raises: ValueError, naming the index, where a Value is no such number; IndexError where an int is none; ValueError
        for no values, and for rows that are not alike.
    """
    if not isinstance(index, Value):
        try:
            return values[index]
        except IndexError:
            n = len(values)
            raise IndexError(f"the index in take(values, index) is {index!r}, but there are {n} values") from None
    items = list(values)
    if not items:
        raise ValueError("take(values, index) chooses among at least one value")
    shapes = [repr(map_leaves(lambda x, _: f"array {x.shape}" if is_array(x) else 0, item)) for item in items]
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ValueError(f"take(values, index) needs values that are alike: values[{i}] is not as values[0] is")
    chosen = [equals(index, i, len(items)) for i in range(len(items))]
    columns = zip(*map(flatten, items), strict=True)
    return unflatten(items[0], iter([reduce(add, map(mul, chosen, column)) for column in columns]))
