"""What `jit` is given and gives: any numbers in any nesting, methods, names; what is frozen is said, wrong is named."""

import copy
import functools
import inspect
import math
import pickle
import random
import threading
import warnings
from collections import namedtuple
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import minimize

from tests.project import python
from tinygrad_lite import (
    Program,
    Value,
    clip,
    exp,
    grad,
    hessian,
    jit,
    maximum,
    no_grad,
    primitive,
    relu,
    sin,
    stop_gradient,
    tanh,
    value_and_grad,
)
from tinygrad_lite.nn import MLP
from tinygrad_lite.replay import jit as module

Pair = namedtuple("Pair", ["a", "b"])
X = {"w": [1.0, [2.0, ()]], "p": Pair(3.0, (4.0,)), "n": None, "z": np.array([[5.0], [6.0]])}


class Calls:
    """A function that counts how often it is run, that is: recorded."""

    def __init__(self, function):
        self.function, self.count = function, 0
        functools.update_wrapper(self, function)

    def __call__(self, *args, **kwargs):
        self.count += 1
        return self.function(*args, **kwargs)


def same(found, wanted):
    """Equal, of the same types throughout; arrays of floats."""
    assert type(found) is type(wanted)
    if isinstance(found, dict):
        assert [*found] == [*wanted]
        found, wanted = [*found.values()], [*wanted.values()]
    if isinstance(found, (list, tuple)):
        assert len(found) == len(wanted)
        list(map(same, found, wanted))
    elif isinstance(found, np.ndarray):
        assert found.dtype == float
        assert np.array_equal(found, wanted)
        assert found.shape == wanted.shape
    else:
        assert found == wanted


def test_results_have_the_shape_of_the_arguments():
    @Calls
    def f(x):
        return x["w"][0] * x["w"][1][0] + x["p"].a * x["p"].b[0] + (x["z"] * x["z"]).sum()

    step = jit(value_and_grad(f))
    for _ in range(2):
        value, gradient = step(X)
        assert value == 2.0 + 12.0 + 61.0
        wanted = {"w": [2.0, [1.0, ()]], "p": Pair(4.0, (3.0,)), "n": None, "z": np.array([[10.0], [12.0]])}
        same(gradient, wanted)
    assert f.count == 1
    same(jit(lambda x: [x, {"same": x["z"]}, 7, True])(X), [X, {"same": X["z"]}, 7, True])


def test_one_record_for_each_structure():
    @Calls
    def f(x, n=2, *, scale=1.0):
        return sum(x) * n * scale

    recorded = jit(f)
    for x in ([1.0, 2.0], [1, True], [np.float32(1), np.int8(2)], [1e300, 10**20]):
        assert recorded(x) == float(sum(map(float, x))) * 2
    assert f.count == 1
    assert recorded((1.0, 2.0)) == recorded(np.array([1, 2])) == recorded(np.array([1.0, 2.0], np.float16)) == 6.0
    assert f.count == 3
    assert [recorded([1.0], n) for n in (1, 2, 3.5)] == [1.0, 2.0, 3.5]  # numbers are data, as to JAX
    assert f.count == 4
    assert recorded([1.0], n=5) == recorded([1.0], scale=2.5) == 5.0
    assert recorded(n=5, x=[2.0], scale=3) == recorded(scale=3, x=[2.0], n=5) == 30.0
    assert f.count == 7
    assert recorded([]) == 0.0


def test_arrays_of_objects_are_of_numbers():
    recorded = jit(grad(lambda x: (x * x).sum()))
    same(recorded(np.array([1, True, np.float32(0.5)], object)), np.array([2.0, 2.0, 1.0]))
    with pytest.warns(RuntimeWarning, match=r"^x\[1\] of <lambda> is a Value"):
        assert recorded(np.array([1.0, Value(3.0)]))[1].data == 6.0


def test_what_is_equal_and_not_the_same_has_a_record_of_its_own():
    signed = Calls(lambda x, n: x * math.copysign(1.0, n[-1]))
    recorded = jit(signed, static_argnums=1)
    numbers = (0.0, -0.0, 0, False, math.nan, float("nan"))
    assert [recorded(2.0, (0, n)) for n in numbers] == [2.0, -2.0, 2.0, 2.0, 2.0, 2.0]
    assert signed.count == 5


def test_arguments_by_name_and_by_position_are_not_mixed_up():
    recorded = jit(lambda **numbers: numbers["a"] - numbers["b"] * len(numbers))
    assert [recorded(a=1, b=2), recorded(b=2, a=1), recorded(b=1, c=0, a=2)] == [-3.0, -3.0, -1.0]
    in_turn = jit(lambda **steps: functools.reduce(lambda x, step: 2.0 * x + step, steps.values(), 0.0))
    assert [in_turn(a=1, b=2), in_turn(b=2, a=1)] == [4.0, 5.0]


def test_what_is_static_chooses_the_graph():
    @Calls
    def power(x, n, name="p", *, flag=True):
        assert name in "pq"
        return functools.reduce(lambda a, b: a * b, [x] * n) if flag else x

    by_position, by_name = jit(power, static_argnums=(1, 2), static_argnames="flag"), jit(power, static_argnums=[-2, 2])
    assert [by_position(3.0, n) for n in (1, 2, 3, 2)] == [3.0, 9.0, 27.0, 9.0]
    assert power.count == 3
    assert by_position(3.0, n=2) == by_position(3.0, 2, "q") == 9.0
    assert by_position(3.0, n=2, name="q", flag=False) == 3.0
    assert by_position(3.0, 1) == by_position(3.0, True) == 3.0
    assert power.count == 7  # 1 and True are equal, and not the same
    assert by_name(3.0, 2, "q") == 9.0
    with pytest.raises(TypeError, match=r"static argument 1 of power is \[2\]: it has to be hashable"):
        by_position(3.0, [2])
    with pytest.raises(ValueError, match="argument 1 of power is static: it cannot be differentiated by"):
        jit(grad(power, 1), static_argnums=1)(3.0, 2)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (([1.0, "a"],), {}, r"x\[1\] of f is 'a': jit takes numbers, .*, and arrays; where it .* static_argnums"),
        ((1.0, {"k": 2j}), {}, r"y\['k'\] of f is 2j"),
        ((1.0,), {"mode": "fast"}, "mode of f is 'fast'"),
        ((1.0, 2.0, len), {}, "argument 2 of f is <built-in function len>"),
        ((np.array(["a"]),), {}, "x.* of f is .*'a'"),
        (({1.0},), {}, r"x of f is \{1.0\}"),
        ((np.array([[1.0, "a"]], object),), {}, r"x\[0\]\[1\] of f is 'a'"),
        ((np.array([1.0, [2.0]], object),), {}, r"x\[1\] of f is \[2.0\]"),
    ],
)
def test_what_is_no_number_is_named(args, kwargs, message):
    def f(x, y=0.0, *rest, mode=None):
        return x

    for call in (jit(f), jit(f).program):
        with pytest.raises(TypeError, match=message):
            call(*args, **kwargs)


def test_static_arguments_that_are_not_there():
    def f(x, s, *, flag=False):
        return x

    with pytest.raises(ValueError, match="static_argnames names 'q', but the arguments are: x, s, flag"):
        jit(f, static_argnames=("s", "q"))
    for i in (2, -3):
        with pytest.raises(ValueError, match=f"static_argnums names argument {i}, but 2 can be given by position"):
            jit(f, static_argnums=i)
    with pytest.raises(ValueError, match="static_argnums names argument"):
        jit(Line(2.0).plain, static_argnums=2)
    assert jit(f, static_argnums=(-1, 0), static_argnames="flag")(1.0, "s", flag=True) == 1.0
    assert jit(lambda *x, **more: x[0], static_argnums=7, static_argnames="any")(1.0) == 1.0


def test_what_cannot_be_recorded():
    with pytest.raises(TypeError, match="jit records functions, not 'Value': for nodes, Program"):
        jit(Value(1.0))
    with pytest.raises(TypeError, match="f returns 'x': jit records Values, numbers"):
        jit(named("f", lambda x: "x"))(1.0)
    with pytest.raises(TypeError, match="must return one Value"):
        jit(grad(lambda x: [x]))(1.0)
    with pytest.raises(ValueError, match="argnums names argument 1"):
        jit(grad(sin, 1))(1.0)
    with pytest.raises(ValueError, match="depends on nothing"):
        jit(lambda x: 1.0).program(2.0)


def named(name, function):
    function.__name__ = name
    return function


def test_constants_and_arguments_are_results_too():
    assert jit(lambda: Value(2.0) * 3.0)() == 6.0
    assert jit(lambda: 2)() == 2
    assert jit(lambda x: x)(3) == 3.0
    assert jit(lambda x, y: (y, None, [1.5], x, x))(3, 4) == (4.0, None, [1.5], 3.0, 3.0)
    assert jit(value_and_grad(lambda x: x))(3.0) == (3.0, 1.0)
    for x, slope in ((3.0, 0.0), ([], [])):
        with pytest.warns(RuntimeWarning, match="a number that depends on no argument"):
            assert jit(value_and_grad(lambda x: 2.0))(x) == (2.0, slope)
    assert jit(grad(lambda x, y: y * y))([], 1.0) == []
    assert jit(grad(lambda x, y: x * y * y, (1, 0)))(3.0, 5.0) == (30.0, 25.0)
    assert jit(grad(lambda x, y, z: x * y * z, (-1,)))(3.0, 5.0, 7.0) == (15.0,)
    assert jit(hessian(lambda x, y: x * x * y))(3.0, 5.0) == [[10.0, 6.0], [6.0, 0.0]]


def test_what_a_function_does_to_its_arguments_changes_nothing():
    def f(x):
        x.sort(key=lambda v: id(v))
        x.append(x[0])
        return sum(x[:-1])

    given = [3.0, 1.0]
    assert jit(value_and_grad(f))(given) == (4.0, [1.0, 1.0])
    assert given == [3.0, 1.0]


def test_numbers_around_it_are_frozen_and_values_around_it_are_not():
    scale, w = [2.0], Value(3.0)
    f = jit(value_and_grad(lambda x: scale[0] * w * x))
    assert f(1.0) == (6.0, 6.0)
    scale[0], w.data = 7.0, 10
    assert f(1.0) == (20.0, 20.0)
    assert f.program(1.0)([2.0]) == (140.0, [70.0])  # recorded anew


def test_a_model_around_it_may_learn():
    model = MLP(2, [3, 1], seed=0)
    predict = jit(model)
    for _ in range(2):
        assert predict([0.5, -1.0]) == model([0.5, -1.0]).data
        for p in model.parameters():
            p.data += 0.25


def test_values_go_through_it():
    recorded = jit(lambda x, y: x * x * y)
    assert grad(recorded)(3.0, 5.0) == 30.0
    assert grad(grad(recorded))(3.0, Value(5.0)).data == 10.0
    outer = Calls(lambda x: recorded(x, 2.0) + recorded(2.0, 3.0) + grad(recorded)(x, 1.0))
    assert [jit(outer)(x) for x in (1.0, 2.0)] == [2 + 12 + 2, 8 + 12 + 4]
    assert jit(jit(jit(grad(recorded))))(3.0, 5.0) == 30.0
    inside = jit(lambda w: jit(lambda x: w * exp(x))(0.0))
    assert [inside(w) for w in (2.0, 3.0)] == [2.0, 3.0]
    choice = jit(lambda values, t: values[t] if t != 2 else 0.5)  # numbers alone stay the numbers that they are
    assert jit(lambda x: x * choice([1.0, 3.0], 1) - choice([], 2))(2.0) == 5.5


def test_recursion():
    @functools.partial(jit, static_argnums=1)
    def power(x, n):
        return x * power(x, n - 1) if n else 1.0

    assert [power(2.0, n) for n in (0, 1, 10)] == [1.0, 2.0, 1024.0]
    assert grad(power)(2.0, 3) == 12.0


# ── decisions ─────────────────────────────────────────────────────────────────────────────────────


def halve(x):
    while x > 1.0:  # line of the comparison
        x = x / 2.0
    return x


DECISIONS = {
    "<": lambda x: x if x < 1.0 else -x,
    "<=": lambda x: x if x * 2 <= 1.0 else -x,
    ">": lambda x: x if x > 1.0 else -x,
    "max": lambda x: max(1.0, x),
    ">=": lambda x: x if x.exp() >= 1.0 else -x,
    ".data": lambda x: x * (x + 1.0).data,
    "float()": lambda x: x * float(maximum(x, 1.0)),
    "int": lambda x: x * int(-x),
}


@pytest.mark.parametrize("f", DECISIONS.values(), ids=DECISIONS)
def test_a_decision_is_warned_of_once_and_names_the_line(f, request):
    what = {"int": "float()", "max": ">"}.get(name := request.node.callspec.id, name)
    recorded = jit(f)
    with pytest.warns(RuntimeWarning) as warned:
        found = recorded(2.0)
    assert found == f(Value(2.0)).data
    assert [(w.filename, w.lineno) for w in warned] == [(f.__code__.co_filename, f.__code__.co_firstlineno)]
    assert f"takes the number of a Value here ({what}" in str(warned[0].message)
    recorded(3.0)


class Weight(Value):
    """A user's own class of Values."""


IN_FRONT = {
    "function": maximum,
    "method": lambda w, x: w.maximum(x),
    "method's function": Value.hypot,
    "operator": lambda w, x: w - x,
    "NumPy's": np.minimum,
    "of three": lambda w, x: clip(w, x, 3.0),
    "its method": lambda w, x: w.clip(0.0, x),
    "method of three": lambda w, x: w.total(w, x),
    "alone": lambda w, x: w > x or 1.0,
}


@pytest.mark.parametrize("f", IN_FRONT.values(), ids=IN_FRONT)
def test_a_weight_in_front_of_an_argument_hides_no_decision(f):
    primitive("total", lambda a, b, c: a + b + c, *[lambda a, b, c, y: 1] * 3)
    for w in (Value(2.0), Weight(2.0), (Value(1.0) * 2.0).inputs[1]):
        with pytest.warns(RuntimeWarning, match=r"takes the number of a Value here \([<>]\)"):
            assert jit(lambda x: x if f(w, x) > -9.0 else -x)(1.0) == 1.0  # noqa: B023 — called at once


def guarded(x):
    try:
        return 1.0 / x  # line of the error
    except ZeroDivisionError:
        return x


def test_an_error_that_is_caught_is_a_decision():
    recorded = jit(guarded)
    assert recorded(2.0) == 0.5
    assert slow(lambda: recorded(0.0), "It is none of the arguments") == 0.0
    recorded = jit(guarded)
    with pytest.warns(RuntimeWarning, match=r"takes the number of a Value here \(an error that is caught\)") as warned:
        assert recorded(0.0) == 0.0
    assert [(w.filename, w.lineno) for w in warned] == [(__file__, guarded.__code__.co_firstlineno + 2)]
    assert recorded(4.0) == 4.0


def test_a_loop_that_ends_by_its_numbers_is_unrolled_as_it_was():
    recorded = jit(halve)
    with pytest.warns(RuntimeWarning, match="halve is recorded once") as warned:
        assert recorded(6.0) == 0.75
    assert len(warned) == 1
    assert warned[0].lineno == halve.__code__.co_firstlineno + 1
    assert recorded(64.0) == 8.0


def test_what_depends_on_no_argument_may_be_decided_by():
    w = Value(2.0)
    assert jit(lambda x: x * w.data if w > 1.0 else x)(3.0) == 6.0
    assert jit(lambda x, n: x * n if n > 1 else x, static_argnums=1)(3.0, 2) == 6.0
    assert jit(lambda x: x * (Value(2.0) * w).data)(3.0) == 12.0


def test_graphs_that_are_not_kept():
    with no_grad():
        recorded = jit(lambda x: x * x)
        assert [recorded(3.0), recorded(4.0)] == [9.0, 16.0]

    def f(x):
        with no_grad():
            highest = maximum(x, 0.0)
        return x - highest

    recorded = jit(f)
    with pytest.warns(RuntimeWarning, match=r"takes the number of a Value here \(no_grad\(\)\)"):
        assert recorded(3.0) == 0.0
    assert jit(grad(lambda x: x * stop_gradient(x)))(3.0) == 3.0


def chosen(w, t):
    match t:
        case 2:
            return w * 5
    return w


COMPARED = {
    "==": (lambda w, t: w * 5 if t == 2 else w, "t == 2"),
    "!=": (lambda w, t: w if t != 2 else w * 5, "t != 2"),
    "turned": (lambda w, t: w * 5 if 2 == t else w, "t == 2"),  # noqa: SIM300 — the number first
    "in": (lambda w, t: w * 5 if t in (1, 2) else w, "t == 1"),
    "not in": (lambda w, t: w if t not in [2.5] else w * 5, "t == 2.5"),
    "index": (lambda w, t: w * [0, 1].index(t), "t == 0"),
    "mask": (lambda w, t: w * (t == np.float32(2)), r"t == np.float32\(2.0\)|t == 2.0"),
    "array": (lambda w, t: w * sum(t == np.array([7.0, 2.0])), "t == 7.0"),
    "match": (chosen, "t == 2"),
    "Fraction": (lambda w, t: w * (t == Fraction(1, 2)), r"t == Fraction\(1, 2\)"),
    "computed": (lambda w, t: w if t * 2 == 4 else -w, "a number == 4"),
    "weight": (lambda w, t: w if w == 1 else -w, "w == 1"),
}


@pytest.mark.parametrize(("f", "what"), COMPARED.values(), ids=COMPARED)
def test_what_would_be_decided_by_equality_is_an_error_that_names_the_argument(f, what):
    advice = r", in a function that jit records: .* take\(values, index\); .* static_argnums or static_argnames"
    for derive in (lambda f: f, grad):
        with pytest.raises(TypeError, match=f"^(?:{what}){advice}"):
            jit(derive(f))(1.0, 2)
    if f is not COMPARED["weight"][0]:
        assert jit(f, static_argnums=1)(1.0, 1) == f(1.0, 1)


def test_an_argument_that_is_compared_is_named_by_its_place():
    def loss(w, tokens):
        return sum(w[0] for token in tokens["all"] if token != 0)

    with pytest.raises(TypeError, match=r"^tokens\['all'\]\[0\] != 0"):
        jit(loss)([1.0], {"all": [3, 0]})
    with pytest.raises(TypeError, match=r"^z\[0\]\[1\] == 3"):
        jit(lambda z: z.sum() if z[0, 1] == 3 else z[0, 0])(np.ones((1, 2)))


def test_what_is_sought_in_a_set_or_dict_is_found_as_a_node():
    told = "looks for a Value in a set or dict here: .* static_argnums or static_argnames"
    with pytest.warns(RuntimeWarning, match=told):
        assert jit(lambda x, t: 2 * x if t in {1, 2} else x)(3.0, 1) == 3.0
    with pytest.warns(RuntimeWarning, match=told):
        assert jit(lambda x, t: {1: 2 * x}.get(t, x))(3.0, 1) == 3.0
    with (
        pytest.warns(RuntimeWarning, match=told),
        pytest.raises(TypeError, match=r"^t\[0\] as the key of a dict, in a function that jit records"),
    ):
        jit(lambda x, t: {1: x}[t[0]])(3.0, [1])
    with pytest.raises(KeyError, match="other"):
        jit(lambda x: {1: x}["other"])(3.0)
    with pytest.raises(KeyError):
        jit(lambda x: set().pop())(3.0)


def test_nodes_equal_themselves():
    def f(x, y):
        z = x * y
        nodes = [x, y, z]
        assert [nodes.index(each) for each in nodes] == [0, 1, 2]
        # The signs themselves are tested, one by one.
        assert x == x and x != y and not x != x  # noqa: PT018, SIM202
        assert z in nodes and z not in nodes[:2]  # noqa: PT018
        assert x != None and x != "text" and not x == [x]  # noqa: E711, PT018, SIM201
        nodes.remove(y)
        assert nodes == [x, z]
        return z

    assert jit(f)(2.0, 3.0) == 6.0
    assert jit(grad(f))(2.0, 3.0) == 3.0
    kept = []
    jit(lambda x: kept.append(x * 2) or x)(1.0)
    assert (kept[0] == 2.0, kept[0] != 2.0, kept[0] in {kept[0]}) == (False, True, True)


def test_an_argument_that_is_a_value_is_told_of_once_and_run_as_it_is():
    @Calls
    def loss(weights, x):
        return weights["w"][0][1] * x

    recorded = jit(value_and_grad(loss))
    weights = {"w": [[0.5, Value(2.0)]]}
    with pytest.warns(RuntimeWarning, match=r"^weights\['w'\]\[0\]\[1\] of loss is a Value: .* p.data") as told:
        assert recorded(weights, 3.0)[0].data == 6.0
    assert [w.filename for w in told] == [__file__]
    assert recorded(weights, Value(3.0))[0].data == 6.0
    inner = jit(lambda x: x * x)  # derivatives go through it, and other recordings
    assert grad(lambda x: inner(x) + x)(3.0) == jit(lambda x: inner(x) - 2.0)(3.0) == 7.0


def test_data_are_not_set_where_no_replay_would_do_so():
    def assign(x):
        x.data = 5.0
        return x * 2

    def clamp(x):
        y = x * 2
        y.data = 1
        return y

    for f in (assign, clamp):
        with pytest.raises(TypeError, match="cannot set the data of an argument, or of what is computed of one"):
            jit(f)(2.0)
        assert f(Value(2.0)).data in (10.0, 1.0)
    kept = []
    jit(lambda x: kept.append(x * x) or x)(3.0)
    kept[0].data = 2.0
    assert (kept[0] * 1.0).data == 2.0


def test_what_python_needs_now_says_how():
    with pytest.raises(
        TypeError, match=r"neither true nor false: compare it, or name the argument in static_argnums or "
    ):
        jit(lambda x, flag: x if flag else -x)(1.0, True)
    with pytest.raises(TypeError, match=r"is no index: write take\(values, index\), or name the argument in static"):
        jit(lambda table, i: table[i])([1.0, 2.0], 1)
    with pytest.raises(TypeError, match="is no index"):
        jit(lambda x, n: x * len(range(n)))(1.0, 3)


# ── failures, memory, threads ─────────────────────────────────────────────────────────────────────


def test_nothing_is_kept_of_a_recording_that_fails():
    @Calls
    def f(x):
        if f.count == 1:
            raise KeyError("first")
        return exp(x)

    recorded = jit(f)
    with pytest.raises(KeyError, match="first"):
        recorded(1.0)
    assert recorded(1.0) == recorded(1.0) == math.e
    assert f.count == 2
    with pytest.raises(OverflowError, match=r"^exp of 1000.0 \(node 'x'\): the result is too large"):
        recorded(1000.0)


def slow(call, match):
    """A call that Values have to compute, of which a warning tells."""
    with pytest.warns(RuntimeWarning, match=f"as slowly as without jit, in .* is not finite: .*{match}"):
        found = call()
    assert call() == found or math.isnan(found)  # told once
    return found


def test_what_is_not_finite_is_computed_by_values_and_said_so_once():
    recorded, named = jit(lambda x: sum(map(exp, x))), jit(lambda x: exp(x))
    masked = jit(lambda x: exp(x - math.inf) + 1.0)
    assert math.isnan(slow(lambda: recorded([1.0, math.nan]), r"Of the arguments it is x\[1\]$"))
    assert slow(lambda: named(x=math.inf), "Of the arguments it is x$") == math.inf
    assert slow(lambda: masked(2.0), "It is none of the arguments: write a mask as -1e9") == 1.0
    assert named(-math.inf) == 0.0
    with pytest.raises(OverflowError, match="exp of 1000"):
        recorded([math.nan, 1000.0])
    anything = jit(lambda x: [x, np.array([1, 2]), (True, None), {"k": np.array([x, 2])}])
    with pytest.warns(RuntimeWarning, match="as slowly as without jit"):
        found = anything(math.inf)
    for x, shape in ((math.inf, found), (3.0, anything(3.0))):
        same(shape, [x, np.array([1.0, 2.0]), (True, None), {"k": np.array([x, 2.0])}])


def test_memory_is_bounded_and_what_was_used_last_is_kept():
    f = Calls(lambda x: sum(x))
    recorded = jit(f)
    for n in range(module.MOST):
        recorded([1.0] * (n + 1))
        recorded([1.0])
    with pytest.warns(RuntimeWarning, match="more than 64 structures"):
        recorded([1.0] * (module.MOST + 1))
    assert f.count == module.MOST + 1
    recorded([1.0])
    assert f.count == module.MOST + 1
    recorded([1.0, 1.0])
    assert f.count == module.MOST + 2


def test_threads_share_one_function():
    recorded, wrong = jit(value_and_grad(lambda x: sum(tanh(each * each) for each in x))), []

    def work(seed):
        generator = random.Random(seed)
        for _ in range(40):
            x = [generator.gauss(0, 1) for _ in range(generator.randint(1, 40))]
            if recorded(x)[0] != sum(math.tanh(each * each) for each in x):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ── methods, names, pickles ───────────────────────────────────────────────────────────────────────


class Line:
    def __init__(self, slope):
        self.slope = slope

    @jit
    def at(self, x):
        """A point."""
        return self.slope * x

    @functools.partial(jit, static_argnums=(2,))
    def power(self, x, n):
        return self.slope * x**n

    derivative = jit(grad(lambda self, x: self.slope * x * x, 1))

    @staticmethod
    @jit
    def double(x):
        return 2.0 * x

    def plain(self, x, n=1):
        return self.slope * x * n


@jit
def triple(x):
    """Three times."""
    return 3.0 * x


def square(x):
    return x * x


def power(x, n):
    return x**n


squared = jit(grad(square))
of_line = jit(Line(2.0).plain)


def test_methods():
    lines = [Line(float(i)) for i in range(3)]
    assert [line.at(3.0) for line in lines] == [0.0, 3.0, 6.0]
    assert [line.power(3.0, 2) for line in lines] == [0.0, 9.0, 18.0]
    assert [line.derivative(3.0) for line in lines] == [0.0, 6.0, 12.0]
    assert lines[1].double(2.0) == Line.double(2.0) == 4.0
    assert jit(lines[2].plain)(5.0) == jit(grad(lines[2].plain))(5.0) * 5.0 == 10.0
    assert jit(lines[2].plain, static_argnums=1)(5.0, 3) == 30.0
    assert lines[2].at.program(3.0).outputs([], [[4.0]]) == [8.0]


def test_an_object_where_another_was_is_another():
    assert [Line(float(i)).at(2.0) for i in range(9)] == [2.0 * i for i in range(9)]


def test_it_looks_like_its_function():
    assert (triple.__name__, triple.__doc__, triple.__module__) == ("triple", "Three times.", __name__)
    assert str(inspect.signature(triple)) == "(x)"
    assert Line.at.__doc__ == "A point."
    assert "triple" in repr(triple)
    assert jit(functools.partial(square))(3.0) == 9.0


def test_pickles_and_copies_go_as_far_as_those_of_functions():
    assert pickle.loads(pickle.dumps(triple)) is triple
    assert copy.deepcopy(triple) is triple
    assert pickle.loads(pickle.dumps(jit(power, static_argnums=1)))(3.0, 2) == 9.0
    assert pickle.loads(pickle.dumps(Line(2.0).at))(3.0) == 6.0
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(jit(lambda x: x))


def test_a_copy_of_an_object_has_a_method_that_is_recorded_of_its_own():
    line = Line(2.0)
    line.recorded = jit(line.plain, static_argnums=1)
    for copied in (copy.deepcopy(line), pickle.loads(pickle.dumps(line))):
        copied.slope = Value(5.0)
        assert (copied.recorded(3.0, 2), copied.at(3.0), line.recorded(3.0, 2)) == (30.0, 15.0, 12.0)


def test_the_program_of_a_function():
    loss = jit(value_and_grad(lambda w, x, y: (tanh(w[0] * x + w[1]) - y) ** 2))
    program = loss.program([0.5, 0.1], 2.0, 1.0)
    assert isinstance(program, Program)
    assert "def program(theta, sample):\n    [w_0, w_1] = theta\n    [x, y] = sample\n" in str(program)
    value, gradient = program([0.5, 0.1], [[2.0, 1.0]])
    assert (value, [*gradient]) == loss([0.5, 0.1], 2.0, 1.0)
    several = jit(lambda x: {"a": x, "b": [2 * x]}).program(1.0)
    assert several.outputs([], [[3.0], [4.0]]).tolist() == [[3.0, 6.0], [4.0, 8.0]]


def test_scipys_optimizers_take_it_as_it_is():
    def rosenbrock(x):
        return sum(20.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    def second(x):
        return hessian(rosenbrock)(x)

    for f in (rosenbrock, jit(rosenbrock)):
        found = minimize(f, [0.5, 0.5, 0.5], jac=jit(grad(rosenbrock)), hess=jit(second), method="trust-exact")
        assert np.allclose(found.x, 1.0)
    assert np.allclose(minimize(rosenbrock, [0.5, 0.5, 0.5], jac=jit(grad(rosenbrock))).x, 1.0, atol=1e-4)


def test_without_numpy_lists_do():
    code = "import sys\nsys.modules['numpy'] = sys.modules['numba'] = None\nfrom tinygrad_lite import grad, jit\n"
    code += "f = jit(grad(lambda x: sum(each * each for each in x)))\nprint(f([1.0, 2.0]), f([3.0, 4.0]))"
    assert python("-c", code).stdout == "[2.0, 4.0] [6.0, 8.0]\n"


def test_more_structures_than_are_kept_are_warned_of_once():
    total = jit(lambda xs: sum(x * x for x in xs))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(1, 65):
            total([1.0] * n)
    with pytest.warns(RuntimeWarning, match=r"more than 64 structures .* take\(values, index\)") as caught:
        assert [total([1.0] * n) for n in (65, 66, 1)] == [65.0, 66.0, 1.0]
    assert [x.filename for x in caught] == [__file__]


def test_more_objects_than_are_kept_are_warned_of_as_such():
    class Scale:
        def __init__(self, k):
            self.k = k

        @jit
        def scale(self, x):
            return x * self.k

    with pytest.warns(RuntimeWarning, match="more than 64 structures of its arguments, or objects that it is a method"):
        assert sum(Scale(k).scale(1.0) for k in range(66)) == sum(range(66))


def test_a_result_that_only_values_found_elsewhere_lead_to_is_warned_of():
    w = Value(0.5)
    loss = jit(value_and_grad(lambda theta, x: (w * x - 1) ** 2))
    with pytest.warns(RuntimeWarning, match="depends on none of the arguments to differentiate by") as caught:
        assert loss([1.0, 2.0], 4.0) == (1.0, [0.0, 0.0])
    assert [x.filename for x in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert jit(grad(grad(lambda x: w * w * x)))(1.0) == 0.0
        assert jit(grad(lambda x: relu(x - 3) * w))(1.0) == 0.0


def test_a_training_step_that_is_recorded_is_warned_of():
    w = Value(1.5)

    @jit
    def step(x):
        loss = (w * x - 1) ** 2
        loss.backward()
        w.data -= 0.05 * w.grad
        return loss

    expected = r"calls backward\(\) here: .* not in later calls. .* jit\(value_and_grad"
    with pytest.warns(RuntimeWarning, match=expected) as caught:
        assert step(2.0) == step(2.0)
    assert [x.filename for x in caught] == [__file__]


def test_numpys_error_for_an_index_says_what_to_write():
    table = np.eye(3)
    with pytest.raises(IndexError) as caught:
        jit(lambda i: table[i])(1)
    assert "take(values, index)" in caught.value.__notes__[0]
