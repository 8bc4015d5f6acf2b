"""The recorder compiled by numba: a Graph and a Room are one pointer each to it, which is quick to compile.

A named tuple of arrays would be handed from function to function as seven numbers for each array.
"""

# mypy: ignore-errors
# (these functions are compiled by numba, which finds their types itself)
from array import array
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit, types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)

from .kernel_file import UNWRAPPED, compile_once
from .kernel_recording import Graph, Room, Writer, count_levels, write_backward, write_forward
from .rebinding import rebind

LIST = types.CPointer(types.int64)


class Lists(types.Type):
    """The type of a pointer to where each list of a Graph, or of a Room, begins."""

    def __init__(self, kind: type[Graph] | type[Room]) -> None:
        self.names = kind.__slots__
        super().__init__(name=kind.__name__)


PACKED = types.Array(types.int32, 1, "C")
TYPES = {Graph: Lists(Graph), Room: Lists(Room), int: types.int64, list: PACKED, None: types.void}
register_model(Lists)(models.OpaqueModel)


@infer_getattr
class ListsAttribute(AttributeTemplate):
    """`room.code` is a list of integers."""

    key = Lists

    def generic_resolve(self, lists: Lists, name: str) -> Any:
        """Its type."""
        return LIST if name in lists.names else None


@lower_getattr_generic(Lists)
def _read(context: Any, builder: Any, lists: Lists, pointer: Any, name: str) -> Any:
    starts = builder.bitcast(pointer, context.get_value_type(LIST).as_pointer())
    start = builder.load(builder.gep(starts, [context.get_constant(types.intp, lists.names.index(name))]))
    start.set_metadata("invariant.load", builder.module.add_metadata([]))  # lists are not moved while they are written
    return start


class Starts:
    """Where the lists begin, as Python hands it to compiled code."""

    def __init__(self, lists: Graph | Room) -> None:
        self.type = TYPES[type(lists)]
        self.starts = np.array([getattr(lists, name).ctypes.data for name in lists.__slots__])
        self.address = self.starts.ctypes.data


@typeof_impl.register(Starts)
def _type_of(starts: Starts, context: Any) -> Lists:
    return starts.type


@unbox(Lists)
def _unbox(lists: Lists, starts: Any, context: Any) -> Any:
    address = context.pyapi.object_getattr_string(starts, "address")
    pointer = context.pyapi.long_as_voidptr(address)
    context.pyapi.decref(address)
    return NativeValue(pointer)


def _signature(function: FunctionType) -> Any:
    """The types that a function declares."""
    *arguments, result = [TYPES[kind] for kind in function.__annotations__.values()]
    return result(*arguments)


@cache
def _declare_callee(function: FunctionType) -> Any:
    return njit(error_model="numpy", **UNWRAPPED)(rebind(function, _replace))


def _replace(x: Any) -> Any:
    if isinstance(x, FunctionType):
        return _declare_callee(x)
    return np.int64(x) if type(x) is int else x  # numba would compile a function for each constant it is called with


def _compile(function: FunctionType) -> Any:
    return compile_once(function.__name__, rebind(function, _replace), _signature(function))


@cache
def compiled() -> Writer:
    """What writes both passes, on NumPy's arrays."""
    forward, backward, count = map(_compile, (write_forward, write_backward, count_levels))
    return Writer(
        lambda graph, room: forward(Starts(graph), Starts(room)),
        lambda graph, room, i: backward(Starts(graph), Starts(room), i),
        lambda *lists: count(*[np.frombuffer(each, np.int32) for each in lists]),
        lambda numbers: np.fromiter(numbers, np.int64),
        lambda n, x: np.full(n, x, np.int64) if x else np.zeros(n, np.int64),
        lambda numbers, n: array("i", numbers[:n].astype(np.int32).tobytes()),
    )
