"""`jit`: a function of numbers, recorded once for each structure of its arguments, and replayed from then on."""

import functools
import gc
import inspect
import math
import re
import sys
import threading
import warnings
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from types import FunctionType, MethodType
from typing import Any, Never

from ..engine.arguments import ONLY_FLOATS, flatten, is_array, is_real, map_nested
from ..engine.derivatives import made_by
from ..engine.foreign_functions import find_caller, is_ours
from ..engine.scopes import no_grads
from ..engine.value import Constant, Value, topological_order
from .executor import Executor
from .instructions import record
from .program import Program, choose_executor, compiles, executor
from .tracing import NO_INDEX, STATIC, UNDECIDED, Traced, follow_table, leaf_names, notice, settle

MOST = 64  # recordings that a function keeps
DECIDED = (
    "{0} is recorded once, and takes the number of a Value here ({1}): what follows from it stays as it is for the "
    "arguments of now. Operations that choose are relu, maximum, minimum, abs and take; an argument that chooses the "
    "graph belongs into static_argnums. It is harmless where the result is the same whatever the number, as that of a "
    "softmax less its largest score; nn.softmax and nn.logsumexp do without"
)
SOUGHT = (
    "{0} is recorded once, and looks for a Value in a set or dict here: a node is found there as itself, and never as "
    f"its number. Where the number is meant, {STATIC}"
)
TRAINED = (
    "{0} is recorded once, and calls {1} here: what that does to Values, and what is done with their gradients, is "
    "done now, and not in later calls. Differentiate by jit(value_and_grad(f)), and update numbers outside of f"
)
TOO_MANY = (
    f"{{0}} has met more than {MOST} structures of its arguments, or objects that it is a method of, and keeps the "
    f"last {MOST}: one that comes back is recorded anew, as slowly as without jit. Let data be numbers, by which "
    "take(values, index) chooses, and not static; pad lists of many lengths"
)
HOLDS_VALUES = (
    "{0} of {1} is a Value: this call is not recorded, and {1} is run as it is. Give jit numbers, p.data for a Value "
    "p, as {{k: [[p.data for p in row] for row in rows] for k, rows in weights.items()}} of a dict of matrices"
)
NOT_FINITE = (
    "{0} is run on Values, as slowly as without jit, in a call where a number, or the sum of the results, is not "
    "finite: a replay does not tell it from an error. {1}"
)


def jit(
    function: Callable[..., Any],
    *,
    static_argnums: int | Iterable[int] = (),
    static_argnames: str | Iterable[str] = (),
    exact: bool = True,
) -> "Jit":
    """A function like `function`, which is recorded once for each structure of its arguments, and replayed.

        step = jit(value_and_grad(lambda w, x: tanh(w[0] * x + w[1])))
        value, gradient = step([0.5, -1.0], 2.0)

    The first call with arguments of a structure (how they are nested, their lengths, keys and shapes, and what is
    static) runs `function` on Values and makes a `Program` of the graph; later calls run the program. The numbers are
    those that `function` gives where all numbers of its arguments are Values, to the last bit, and so are the errors;
    what the result does not depend on is left out. With plain numbers among Values `function` may make another graph:
    where `take` gets an int it is an index and no sum, and gradients are added up in another order.

    A record has no `if`: what `function` decides by a number of its arguments is decided once, and a RuntimeWarning
    names the line; to compare one by `==` or `!=`, or look for it by `in`, is a TypeError. Numbers that it finds around
    it stay as they are, too; of Values that it finds, such as the weights of a model, each call reads the number anew,
    and computes anew what had been computed of them.

    Args:
        function: takes numbers, nested lists, tuples and dicts of numbers, and arrays; None, and what is left to its
            default, belongs to the structure. It returns Values and numbers, nested or not. What `grad` or
            `value_and_grad` differentiates by are the parameters of the program, all else is data.
        static_argnums, static_argnames: positions and names of arguments that choose the graph, such as sizes,
            flags and strings. They are given as they are, have to be hashable, and belong to the structure.
        exact: as for `Program`.

    Returns: a function that returns floats for Values, and arrays for arrays. Where an argument is a Value, and while
        another function is recorded, it is `function` itself: derivatives go through it. Elsewhere a Value is warned
        of, for nothing is recorded. It keeps the 64 programs that were used last, and the objects that they are
        methods of. `jit(f).program(*args)` is the Program for arguments of their structure.

    Raises: ValueError for a static argument that `function` does not have; when called, TypeError, naming the argument,
        for one of another kind, and what `function` raises.
    """
    if not callable(function):
        raise TypeError(f"jit records functions, not {type(function).__name__!r}: for nodes, Program(J, [a, b])")
    numbers = {static_argnums} if isinstance(static_argnums, int) else {*static_argnums}
    names = {static_argnames} if isinstance(static_argnames, str) else {*static_argnames}
    if isinstance(function, MethodType):
        return Jit(function.__func__, {i + (i >= 0) for i in numbers}, names, exact).__get__(function.__self__)
    return Jit(function, numbers, names, exact)


class Jit:
    """A function that is recorded and replayed; made, and explained, by `jit`."""

    def __init__(self, function: Callable[..., Any], numbers: set[int], names: set[str], exact: bool) -> None:
        self._function, self._exact = function, exact
        self._derivative = made_by.get(function) if isinstance(function, FunctionType) else None
        parameters = _parameters(function)
        self._arguments = arguments = tuple(
            x.name for x in parameters or () if x.kind in (x.POSITIONAL_ONLY, x.POSITIONAL_OR_KEYWORD)
        )
        if parameters is not None:
            _check_static(parameters, numbers, names, len(arguments))
        takes_any = parameters is None or any(x.kind is x.VAR_KEYWORD for x in parameters)
        self._by_name = list if takes_any else sorted  # to `**names` the order of arguments may matter
        positions = {i + len(arguments) if i < 0 else i for i in numbers}
        self._static_names = {*names, *(arguments[i] for i in positions if i < len(arguments))}
        self._static = positions | {arguments.index(name) for name in names if name in arguments}
        self._owner: tuple[Any, ...] = ()  # of a method: the object
        self._recordings: OrderedDict[Hashable, Recording] = OrderedDict()
        self._latest: Recording | None = None
        self._orders: dict[int, Sequence[int]] = {}  # by the number of arguments
        self._noticed: set[Hashable] = set()  # what was warned of: lines, and texts
        self._lock = threading.Lock()  # of the recordings' order
        self.__name__ = self.__qualname__ = type(function).__name__  # of an object that is called: it has none itself
        functools.update_wrapper(self, function, updated=())

    def __get__(self, owner: Any, cls: Any = None) -> "Jit":
        """As a method of `owner`, which is static; all objects of a class share the memory for programs."""
        if owner is None:
            return self
        bound = object.__new__(Jit)
        vars(bound).update(vars(self), _owner=(owner,), _orders={})
        return bound

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's result for these arguments, in numbers."""
        if self._owner:
            args = (*self._owner, *args)
        order = self._orders.get(len(args)) or self._order(args)
        numbers = array("d")
        if notice.get():
            return self._function(*args, **kwargs)
        try:
            key = self._structure(order, args, kwargs, numbers)
        except _NoNumber as found:
            if isinstance(found.x, Value):
                self._warn_of_values(order, args, kwargs)
                return self._function(*args, **kwargs)
            self._refuse(order, args, kwargs)
        record = self._recordings.get(key) or self._record(order, args, kwargs)
        if record is not self._latest:
            self._keep(key, record)
        try:
            return record.replay(numbers)
        except _OutOfRange:
            outputs, shape = _part(self._call(lambda x, _: Value(x), order, args, kwargs), self.__name__)
            self._warn_of_range(order, args, kwargs)
            return _assembly(shape)([x.data for x in outputs])

    def _keep(self, key: Hashable, record: "Recording") -> None:
        """Make a recording the one that was used last; there is no room for that which was not used for longest."""
        with self._lock:
            self._recordings[key] = self._latest = record
            self._recordings.move_to_end(key)
            if full := len(self._recordings) > MOST:
                self._recordings.popitem(last=False)
        if full:
            self._warn_once(TOO_MANY, TOO_MANY.format(self.__name__), find_caller()[1])

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """The Program for arguments of this structure: to print, to give many samples to, and for `to_jax`.

        Its parameters are the numbers that the function differentiates by, its data all other numbers, in order.
        """
        args = (*self._owner, *args)
        order = self._order(args)
        try:
            self._structure(order, args, kwargs, array("d"))
        except _NoNumber:
            self._refuse(order, args, kwargs)
        outputs, leaves, names, p, shape = self._trace(order, args, kwargs)
        if not outputs:
            raise ValueError(f"the result of {self.__name__} depends on nothing: there is no program")
        for x, name in zip(leaves, names, strict=True):
            x.label = x.label or re.sub(r"\W+", "_", name).strip("_")
        output = outputs[0] if p or type(shape) is _Place else outputs
        return Program(output, leaves[:p], leaves[p:], exact=self._exact)

    def _order(self, args: Sequence[Any]) -> Sequence[int]:
        """The positions of arguments that are numbers, first of those by which the function differentiates."""
        first = self._derivative.positions(len(args)) if self._derivative else ()
        for i in first:
            if i in self._static or i < len(self._owner):
                raise ValueError(f"argument {i} of {self.__name__} is static: it cannot be differentiated by")
        rest = range(len(self._owner), len(args))
        order = [*dict.fromkeys(first), *(i for i in rest if i not in first and i not in self._static)]
        self._orders[len(args)] = order
        return order

    def _structure(
        self, order: Sequence[int], args: Sequence[Any], kwargs: dict[str, Any], numbers: "array[float]"
    ) -> Hashable:
        """What recordings are kept by; the arguments' numbers are appended to `numbers`."""
        key: list[Hashable] = [_read(args[i], numbers) for i in order]
        if not (kwargs or self._static or self._owner):
            return tuple(key)
        static: list[tuple[Any, Any]] = [(i, args[i]) for i in self._static if i < len(args)]
        for name in self._by_name(kwargs):
            if name in self._static_names:
                static.append((name, kwargs[name]))
            else:
                key += name, _read(kwargs[name], numbers)
        for place, x in static:
            try:
                hash(x)
            except TypeError:
                advice = "it has to be hashable, a tuple in place of a list, say"
                raise TypeError(f"static argument {place!r} of {self.__name__} is {x!r}: {advice}") from None
            key += [place, _identify(x)]
        return (*map(id, self._owner), *key)

    def _replace(
        self, change: Callable[[Any, str], Any], order: Sequence[int], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """The arguments with `change(number, its name)` in place of each number, in order."""

        def part(x: Any, name: str) -> Any:
            return x if x is None else change(x, name)

        inputs, named = list(args), dict(kwargs)
        for i in order:
            name = self._arguments[i] if i < len(self._arguments) else f"argument {i}"
            inputs[i] = map_nested(part, args[i], name)
        for name in self._by_name(kwargs):
            if name not in self._static_names:
                named[name] = map_nested(part, kwargs[name], name)
        return inputs, named

    def _call(self, change: Callable[[Any, str], Any], *arguments: Any) -> Any:
        inputs, named = self._replace(change, *arguments)
        return self._function(*inputs, **named)

    def _refuse(self, *arguments: Any) -> Never:
        """Raise TypeError for the first part of an argument that is no number."""

        def check(x: Any, name: str) -> None:
            if not is_real(x):
                kind = "numbers, nested lists, tuples and dicts of them, and arrays"
                advice = f"where it chooses the graph, {STATIC}"
                raise TypeError(f"{name} of {self.__name__} is {x!r}: jit takes {kind}; {advice}")

        self._replace(check, *arguments)
        raise AssertionError

    def _record(self, *arguments: Any) -> "Recording":
        """The function recorded for arguments of this structure.

        Meanwhile the garbage collector rests: it would look at all nodes, again and again, and none is garbage yet.
        """
        collecting = gc.isenabled()
        gc.disable()
        try:
            outputs, leaves, _, p, shape = self._trace(*arguments)
            order, given = topological_order(*leaves, *outputs), {*leaves}
            captured = [x for x in order if x.op is None and x not in given and type(x) is not Constant]
            if any(type(x) is Traced for x in captured):  # computed of an argument, and a leaf
                self._notice([], "no_grad()")
            execute, made = None, self._derivative
            if outputs:
                code = record(order, outputs, leaves[:p], [*leaves[p:], *captured], {}, {}, compiles(order))
                execute = executor(choose_executor(code), code, self._exact)
                known = all(code.starts[i + 1] - code.starts[i] == 2 for i in code.gradients[0])  # a leaf, or a 0
                if made and known and outputs[0].op:
                    made.warn_of_no_path(order, leaves[:p], given)
            return Recording(execute, p, captured, shape, self._owner)
        finally:
            if collecting:
                gc.enable()

    def _trace(
        self, order: Sequence[int], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[list[Value], list[Value], list[str], int, Any]:
        """The function run on Values: its outputs; the Values in place of numbers, with their names, first p by which
        it differentiates; and the shape of what it returns.
        """
        leaves: list[Value] = []
        names: list[str] = []

        def leaf(x: Any, name: str) -> Value:
            leaves.append(Traced(x))
            names.append(name)
            return leaves[-1]

        inputs, named = self._replace(leaf, order, args, kwargs)
        made, shapes = self._derivative, []
        if made:  # before the function changes a list that it is given
            places = {x: _Place(i) for i, x in enumerate(leaves, start=1)}
            shapes = [map_nested(lambda x, _: places.get(x), inputs[i]) for i in made.positions(len(args))]
        follow_table()
        errors: list[tuple[str, int]] = []
        noticing = functools.partial(self._notice, errors)
        tokens = notice.set(noticing), no_grads.set(0)  # also where this is called in `no_grad`
        named_leaves = leaf_names.set(dict(zip(leaves, names, strict=True)))
        try:
            result = made.result(inputs, named) if made else self._function(*inputs, **named)
        except IndexError as error:
            if "valid indices" in str(error):  # NumPy's, which asks an index what it is and does not tell the answer
                error.add_note(NO_INDEX)
            raise
        except KeyError as error:
            if not error.args or type(x := error.args[0]) is not Traced:
                raise
            key = leaf_names.get().get(x, "a number")
            raise TypeError(UNDECIDED.format(f"{key} as the key of a dict")) from None
        finally:
            notice.reset(tokens[0])
            no_grads.reset(tokens[1])
            leaf_names.reset(named_leaves)
        for place in errors:  # and there is a result
            if place not in self._noticed:
                warnings.warn_explicit(DECIDED.format(self.__name__, "an error that is caught"), RuntimeWarning, *place)
                self._noticed.add(place)
        outputs, shape = _part(result, self.__name__)
        if made:
            outputs = outputs or {Value(result.data): _Place(0)}
            shape = (_Place(0), made.select(shapes)) if made.with_value else made.select(shapes)
        p = len({x for x in flatten(shapes) if type(x) is _Place})
        settle([*leaves, *(x for x in outputs if x.op)])
        return [*outputs], leaves, names, p, shape

    def _notice(self, errors: list[tuple[str, int]], what: str) -> None:
        """Warn, once for each line, that the function decides by a number; keep those of errors, which it may catch."""
        frame, level = find_caller()
        if what == "error":
            errors.append((frame.f_code.co_filename, frame.f_lineno))
            return
        message = {"hash()": SOUGHT, "backward()": TRAINED}.get(what, DECIDED).format(self.__name__, what)
        self._warn_once((frame.f_code.co_filename, frame.f_lineno), message, level)

    def _warn_once(self, what: Hashable, message: str, level: int) -> None:
        if what not in self._noticed:
            warnings.warn(message, RuntimeWarning, stacklevel=level + 1)
            self._noticed.add(what)

    def _warn_of_values(self, *arguments: Any) -> None:
        """Warn that an argument holds a Value, unless a derivative put it there."""
        if HOLDS_VALUES in self._noticed:
            return
        above: Any = sys._getframe(2)
        while above:
            if is_ours(above):
                return
            above = above.f_back
        name = self._find(lambda x: isinstance(x, Value), *arguments)
        self._warn_once(HOLDS_VALUES, HOLDS_VALUES.format(name, self.__name__), find_caller()[1])

    def _warn_of_range(self, *arguments: Any) -> None:
        """Warn that Values had to compute what a replay does not tell from an error."""
        name = self._find(lambda x: not math.isfinite(x), *arguments)
        where = f"Of the arguments it is {name}" if name else "It is none of the arguments: write a mask as -1e9, say"
        self._warn_once(NOT_FINITE, NOT_FINITE.format(self.__name__, where), find_caller()[1])

    def _find(self, condition: Callable[[Any], bool], *arguments: Any) -> str:
        """The name of the first part of an argument for which a condition holds, or ""."""
        found: list[str] = []
        self._replace(lambda x, name: found.append(name) if condition(x) else None, *arguments)
        return (found or [""])[0]

    def __reduce__(self) -> Any:
        """By name, as functions and methods are, where it goes by the name of its function; else with the function."""
        if self._owner:
            of_class = getattr(type(*self._owner), self.__name__, None)
            if isinstance(of_class, Jit) and of_class._recordings is self._recordings:
                return getattr, (*self._owner, self.__name__)
            return _bound, (*self._owner, self._function, self._static, self._static_names, self._exact)
        if getattr(sys.modules.get(self.__module__), self.__qualname__, None) is self:
            return self.__qualname__
        return Jit, (self._function, self._static, self._static_names, self._exact)

    def __repr__(self) -> str:
        return f"<jit of {self._function!r}>"


def _bound(owner: Any, *parts: Any) -> Jit:
    return Jit(*parts).__get__(owner)


def _parameters(function: Any) -> list[inspect.Parameter] | None:
    """What a function takes; None where it does not tell."""
    try:
        return [*inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):
        return None


def _check_static(parameters: Sequence[inspect.Parameter], numbers: set[int], names: set[str], n: int) -> None:
    """Raise ValueError for a static argument that a function does not have, which takes n by position."""
    kinds = {x.kind for x in parameters}
    for i in sorted(numbers):
        if i < -n or (i >= n and inspect.Parameter.VAR_POSITIONAL not in kinds):
            raise ValueError(f"static_argnums names argument {i}, but {n} can be given by position, counted from 0")
    for name in sorted(names - {x.name for x in parameters}):
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            known = ", ".join(x.name for x in parameters) or "none"
            raise ValueError(f"static_argnames names {name!r}, but the arguments are: {known}")


class _NoNumber(Exception):  # noqa: N818 — told apart, and never seen
    def __init__(self, x: Any) -> None:
        self.x = x


class _OutOfRange(Exception):  # noqa: N818 — as above
    """A number of a replay is not finite: Values will tell whether it should be."""


def _out_of_range(*_: Any) -> Never:
    raise _OutOfRange


class _Place(int):
    """Where among the results a number is."""


class Recording:
    """What replays a function, and the shape of what that gives: its outputs, behind them the gradient by p numbers.

    The nodes are gone by then, but for the Values that the function found around it. The owner of a method stays, for
    another object might get its id, by which recordings are kept.
    """

    def __init__(self, execute: Executor | None, p: int, captured: list[Value], shape: Any, owner: Any) -> None:
        self.execute, self.p, self.captured, self.owner = execute, p, captured, owner
        self.assemble = _assembly(shape)

    def replay(self, numbers: "array[float]") -> Any:
        """The result for other numbers, first those of the parameters."""
        if self.execute is None:
            return self.assemble([])
        theta, sample = numbers[: self.p], numbers[self.p :]
        for x in self.captured:
            sample.append(float(x.data))
        return self.assemble(self.execute.compute_sample(theta, sample, self.p > 0, _out_of_range))


def _read(x: Any, numbers: "array[float]") -> Hashable:
    """The structure of an argument, its numbers appended to `numbers`: None for one, n for a list of n, …"""
    kind = type(x)
    if kind is float:
        numbers.append(x)
        return None
    if kind is list and ONLY_FLOATS.issuperset(map(type, x)):
        numbers.extend(x)
        return len(x)
    if isinstance(x, (list, tuple)):
        parts = [_read(part, numbers) for part in x]
        return len(parts) if kind is list and parts.count(None) == len(parts) else (kind, *parts)
    if isinstance(x, dict):
        return (kind, *x, *[_read(part, numbers) for part in x.values()])
    if is_real(x):
        numbers.append(float(x))
        return None
    if is_array(x):
        if x.dtype.kind in "biuf":
            numbers.frombytes(x.astype(float).tobytes())
            return ("array", *x.shape)
        for part in x.flat:
            if not (is_real(part) or part is None):
                raise _NoNumber(part)
        return ("array", x.shape, *[_read(part, numbers) for part in x.flat])
    if x is None:
        return "None"
    raise _NoNumber(x)


def _identify(x: Any) -> Any:
    """A key that is equal for the same alone: not for 1, 1.0 and True, nor for 0.0 and −0.0, in tuples too."""
    if type(x) is str:
        return x
    if isinstance(x, tuple):
        return (type(x), *map(_identify, x))
    return (type(x), x.hex() if isinstance(x, float) else x)


def _part(result: Any, name: str) -> tuple[dict[Value, _Place], Any]:
    """The Values in a result, which are its outputs, and its shape, which has their places for them."""
    outputs: dict[Value, _Place] = {}
    return outputs, map_nested(lambda x, _: _place(x, outputs, name), result)


def _place(x: Any, outputs: dict[Value, _Place], name: str) -> Any:
    """The place of a Value among the outputs, or the number that a result always is."""
    if isinstance(x, Value) and type(x) is not Constant:
        return outputs.setdefault(x, _Place(len(outputs)))
    if x is None or is_real(x):
        return x
    if isinstance(x, Value):
        return x.data
    raise TypeError(f"{name} returns {x!r}: jit records Values, numbers, and lists, tuples, dicts and arrays of them")


def _assembly(shape: Any) -> Callable[[Any], Any]:
    """What puts results, a list or an array, into a shape: nested lists, tuples, dicts and arrays of places, and of
    what never changes.
    """
    if type(shape) is _Place:
        return lambda results: float(results[shape])
    if is_array(shape):
        numpy, size = sys.modules["numpy"], shape.shape
        places = shape.ravel().tolist()
        if part := _run(places):
            return lambda results: numpy.array(results[part], float).reshape(size)
        of_list = _assembly(places)
        return lambda results: numpy.array(of_list(results), float).reshape(size)
    if isinstance(shape, list) and (part := _run(shape)):
        return lambda results: results[part] if type(results) is list else results[part].tolist()
    if isinstance(shape, dict):
        parts = [*map(_assembly, shape.values())]
        return lambda results: dict(zip(shape, [part(results) for part in parts], strict=True))
    if isinstance(shape, (list, tuple)):
        parts = [*map(_assembly, shape)]
        if isinstance(shape, list):
            return lambda results: [part(results) for part in parts]
        if hasattr(shape, "_fields"):
            return lambda results: type(shape)(*[part(results) for part in parts])
        return lambda results: tuple([part(results) for part in parts])
    return lambda results: shape


def _run(places: list[Any]) -> slice | None:
    """Places that follow one another."""
    if {*map(type, places)} == {_Place} and places == [*range(places[0], places[0] + len(places))]:
        return slice(places[0], places[0] + len(places))
    return None
