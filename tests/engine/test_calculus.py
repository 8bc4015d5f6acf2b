"""`jacobian`, `jvp`, `hvp`, `stop_gradient`, `no_grad`: by JAX's conventions, with autograd's and JAX's numbers."""

import asyncio
import threading
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import autograd
import autograd.numpy as anp
import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
import pytest
from autograd.differential_operators import hessian_vector_product, make_jvp
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tl
from tinygrad_lite import Value, grad, hessian, hvp, jacobian, jvp, no_grad, stop_gradient
from tinygrad_lite.engine.arguments import flatten
from tinygrad_lite.strategies import Expression, expressions

# Functions of a vector, as textbooks have them: of `m`, whose functions are those of an engine, and x.
SCALAR = {
    "square": lambda m, x: x[0] ** 2 + x[1] ** 2,
    "Rosenbrock": lambda m, x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2,
    "Himmelblau": lambda m, x: (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2,
    "Booth": lambda m, x: (x[0] + 2 * x[1] - 7) ** 2 + (2 * x[0] + x[1] - 5) ** 2,
    "Matyas": lambda m, x: 0.26 * (x[0] ** 2 + x[1] ** 2) - 0.48 * x[0] * x[1],
    "McCormick": lambda m, x: m.sin(x[0] + x[1]) + (x[0] - x[1]) ** 2 - 1.5 * x[0] + 2.5 * x[1] + 1,
    "camel": lambda m, x: 2 * x[0] ** 2 - 1.05 * x[0] ** 4 + x[0] ** 6 / 6 + x[0] * x[1] + x[1] ** 2,
    "Easom": lambda m, x: -m.cos(x[0]) * m.cos(x[1]) * m.exp(-((x[0] - 3.1) ** 2) - (x[1] - 3.1) ** 2),
    "Goldstein": lambda m, x: (1 + (x[0] + x[1] + 1) ** 2 * (19 - 14 * x[0] + 3 * x[0] ** 2)) * (30 + x[1] ** 2),
    "Beale": lambda m, x: (1.5 - x[0] + x[0] * x[1]) ** 2 + (2.25 - x[0] + x[0] * x[1] ** 2) ** 2,
    "Ackley": lambda m, x: -20 * m.exp(-0.2 * m.sqrt(0.5 * (x[0] ** 2 + x[1] ** 2))),
    "Rastrigin": lambda m, x: 20 + x[0] ** 2 - 10 * m.cos(6.28 * x[0]) + x[1] ** 2 - 10 * m.cos(6.28 * x[1]),
    "Gaussian": lambda m, x: m.exp(-(x[0] ** 2) / 2) / m.sqrt(6.28 * x[1]),
    "logistic": lambda m, x: 1 / (1 + m.exp(-x[0] * x[1])),
    "entropy": lambda m, x: -x[0] * m.log(x[0]) - x[1] * m.log(x[1]),
    "logsumexp": lambda m, x: m.log(m.exp(x[0]) + m.exp(x[1])),
    "softplus": lambda m, x: m.log(1 + m.exp(x[0] - x[1])),
    "tanh neuron": lambda m, x: m.tanh(2 * x[0] - 3 * x[1] + 0.5),
    "power": lambda m, x: x[0] ** x[1],
    "quotient": lambda m, x: (x[0] - x[1]) / (x[0] + x[1]),
    "harmonic": lambda m, x: 1 / (1 / x[0] + 1 / x[1]),
    "distance": lambda m, x: m.sqrt((x[0] - 3) ** 2 + (x[1] + 4) ** 2),
    "Lennard-Jones": lambda m, x: 4 * ((x[1] / x[0]) ** 12 - (x[1] / x[0]) ** 6),
    "damped": lambda m, x: m.exp(-x[0]) * m.cos(5 * x[1]),
    "sinc": lambda m, x: m.sin(x[0]) / x[0] * m.sin(x[1]) / x[1],
    "monkey saddle": lambda m, x: x[0] ** 3 - 3 * x[0] * x[1] ** 2,
    "reciprocal power": lambda m, x: 2.0 ** x[0] * x[1] ** -1.5,
    "nested": lambda m, x: m.sin(m.cos(m.tanh(x[0] * x[1]))),
    "lens": lambda m, x: 1 / (0.5 * (1 / x[0] - 1 / x[1]) + 3),
    "Cobb-Douglas": lambda m, x: 3 * x[0] ** 0.3 * x[1] ** 0.7,
}
VECTOR = {
    "polar": lambda m, x: [x[0] * m.cos(x[1]), x[0] * m.sin(x[1])],
    "softmax": lambda m, x: [m.exp(x[i]) / (m.exp(x[0]) + m.exp(x[1])) for i in (0, 1)],
    "Lotka-Volterra": lambda m, x: [1.1 * x[0] - 0.4 * x[0] * x[1], 0.1 * x[0] * x[1] - 0.4 * x[1], x[0] * 0 + 1],
}
X, V = [0.7, 1.3], [0.25, -2.0]


def floats(x):
    return np.array([float(each) for each in flatten(x)])


@pytest.mark.parametrize("name", SCALAR)
def test_autograd_gives_the_same(name):
    def f(x):
        return SCALAR[name](tl, x)

    def g(x):
        return SCALAR[name](anp, x)

    x, v = np.array(X), np.array(V)
    np.testing.assert_allclose(floats(grad(f)(X)), autograd.grad(g)(x), rtol=1e-12)
    np.testing.assert_allclose(floats(jvp(f, (X,), (V,))), make_jvp(g)(x)(v), rtol=1e-12)
    np.testing.assert_allclose(floats(hvp(f, (X,), (V,))), hessian_vector_product(g)(x, v), rtol=1e-11)


@pytest.mark.parametrize("name", VECTOR)
def test_autograd_gives_the_same_jacobian(name):
    expected = autograd.jacobian(lambda x: anp.array(VECTOR[name](anp, x)))(np.array(X))
    found = jacobian(lambda x: VECTOR[name](tl, x))(X)
    assert [type(row) for row in found] == [list] * len(expected)
    np.testing.assert_allclose(floats(found), expected.ravel(), rtol=1e-12)
    of_array = jacobian(lambda x: np.array(VECTOR[name](tl, x)))(np.array(X))
    np.testing.assert_allclose(of_array.astype(float), expected, rtol=1e-12)


# What JAX's primitives compute: to run what it writes down takes a tenth of the time that it compiles.
NUMPY = {name: getattr(np, name) for name in ("sin", "cos", "tanh", "exp", "log", "sqrt", "add")}
NUMPY |= {"add_any": np.add, "mul": np.multiply, "neg": np.negative, "sub": np.subtract, "div": np.divide}
NUMPY |= {"pow": np.power, "integer_pow": lambda x, y: x**y, "convert_element_type": lambda x, **_: x}
NUMPY |= {"eq": np.equal, "select_n": lambda which, *cases: cases[int(which)]}


def run(jaxpr, arguments):
    """The results of a program of JAX's, whose numbers are single floats."""
    numbers = dict(zip(jaxpr.jaxpr.invars, arguments, strict=True)) | dict(
        zip(jaxpr.jaxpr.constvars, jaxpr.consts, strict=True)
    )

    def read(x):
        return numbers[x] if isinstance(x, jax.extend.core.Var) else x.val

    for line in jaxpr.jaxpr.eqns:
        inner = line.params.get("jaxpr")
        operands = list(map(read, line.invars))
        shapeless = {name: given for name, given in line.params.items() if name == "y"}
        results = run(inner, operands) if inner else [NUMPY[line.primitive.name](*operands, **shapeless)]
        numbers.update(zip(line.outvars, results, strict=True))
    return list(map(read, jaxpr.jaxpr.outvars))


def in_double(function):
    """`function` called while JAX computes in double precision."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        return function()
    finally:
        jax.config.update("jax_enable_x64", before)


def test_jax_gives_the_same():
    """Its value, gradient, derivative along V, and Hessian times V, of every function in one program."""

    def each(x, v):
        return [jax.jvp(jax.value_and_grad(partial(f, jnp)), (x,), (v,)) for f in SCALAR.values()]

    results = iter(in_double(lambda: run(jax.make_jaxpr(each)(X, V), [*X, *V])))
    for name, formula in SCALAR.items():
        f = partial(formula, tl)
        ours = [f(X), grad(f)(X), jvp(f, (X,), (V,))[1], hvp(f, (X,), (V,))]
        theirs = [next(results) for _ in flatten(ours)]
        np.testing.assert_allclose(floats(ours), theirs, rtol=1e-11, err_msg=name)
        assert floats(jacobian(f)(X)).tolist() == floats(ours[1]).tolist()


Point = namedtuple("Point", ["x", "y"])
NESTED = {
    "dicts and tuples": (
        lambda m, d, b: {"a": d["w"][0] * b, "b": (d["w"][1] * d["c"], b)},
        ({"w": (2.0, 3.0), "c": 4.0}, 5.0),
        ({"w": (1.0, 0.5), "c": -1.0}, 2.0),
    ),
    "named tuples": (lambda m, p: Point(p.x * p.y, p.x), (Point(2.0, 3.0),), (Point(1.0, 1.0),)),
    "arrays": (
        lambda m, d: m.array([[d["w"][0] * d["b"], d["w"][1]], [d["w"][1], d["b"] * d["b"]]]),
        ({"w": np.array([2.0, 3.0]), "b": 4.0},),
        ({"w": np.array([0.5, 1.0]), "b": -1.0},),
    ),
}


class Ours:
    array = staticmethod(np.array)


def same(ours, theirs):
    """The same nests, the same shapes of arrays, the same numbers."""
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in theirs)
    if isinstance(theirs, (list, tuple)):
        return type(ours) is type(theirs) and all(map(same, ours, theirs)) and len(ours) == len(theirs)
    return np.shape(ours) == np.shape(theirs) and np.allclose(np.array(ours, float), theirs, rtol=1e-12)


@pytest.mark.parametrize("name", NESTED)
def test_jax_gives_the_same_nests(name):
    f, primals, tangents = NESTED[name]
    theirs = in_double(lambda: jax.jit(partial(jax.jvp, partial(f, jnp)))(primals, tangents))
    assert same(jvp(partial(f, Ours), primals, tangents), theirs)
    for argnums in (0, tuple(range(len(primals)))):
        theirs = in_double(lambda argnums=argnums: jax.jit(jax.jacobian(partial(f, jnp), argnums))(*primals))
        assert same(jacobian(partial(f, Ours), argnums)(*primals), theirs)


CURVED = {
    "numbers": (lambda m, x, y: x * x * y + m.sin(y), (2.0, 3.0)),
    "dicts and tuples": (
        lambda m, d, b: d["w"][0] ** 2 * b * d["c"] + d["w"][1] * b,
        ({"w": (2.0, 3.0), "c": 4.0}, 5.0),
    ),
    "arrays": (
        lambda m, d, b: d["w"][0] ** 2 * d["w"][1] * d["b"] * b[0],
        ({"w": np.array([2.0, 3.0]), "b": 4.0}, [5.0]),
    ),
}


@pytest.mark.parametrize("name", CURVED)
def test_jax_gives_the_same_blocks_of_a_hessian(name):
    f, arguments = CURVED[name]
    every = [0, 1, (0,), (1, 0)]
    blocks = in_double(lambda: jax.jit(lambda *x: [jax.hessian(partial(f, jnp), n)(*x) for n in every])(*arguments))
    for argnums, theirs in zip(every, blocks, strict=True):
        assert same(hessian(partial(f, tl), argnums)(*arguments), theirs)


EXACT = expressions(*(tl.engine.declaration.TABLE[name] for name in ("add", "sub", "mul", "neg")))


@settings(max_examples=100)
@given(EXACT, st.data())
def test_forward_mode_agrees_with_backward(program, data):
    """On small whole numbers, where nothing is rounded."""
    whole = st.integers(-3, 3).map(float)
    inputs = [data.draw(whole) for _ in program.inputs]
    lines = tuple(
        (name, *(x if isinstance(x, int) else float(round(x) % 4) for x in rest)) for name, *rest in program.operations
    )
    f, tangents = Expression(tuple(inputs), lines[:4]), [data.draw(whole) for _ in inputs]
    xs = [Value(x) for x in inputs]
    y = f(*xs)
    y.backward()
    value, moved = jvp(f, inputs, tangents)
    assert (value, moved) == (y.data, sum(x.grad * t for x, t in zip(xs, tangents, strict=True)))


def test_derivatives_along_tangents_are_differentiated():
    def slope(x, v):
        return jvp(lambda x: x**3, (x,), (v,))[1]

    assert grad(slope, (0, 1))(2.0, 3.0) == (pytest.approx(36), 12)
    third = jvp(lambda x: jvp(lambda x: jvp(tl.sin, (x,), (1.0,))[1], (x,), (1.0,))[1], (0.5,), (1.0,))[1]
    assert third == pytest.approx(-np.cos(0.5), rel=1e-15)


def test_a_result_that_does_not_depend_on_the_argument():
    assert jvp(lambda x: (3.0, x), (1.0,), (2.0,))[1][0] == 0.0
    assert [row.data for row in jacobian(lambda x: [Value(3.0), x])(1.0)] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: jvp(tl.sin, 1.0, 1.0), TypeError, r"jvp\(f, \(x,\), \(v,\)\)"),
        (lambda: jvp(tl.sin, (1.0,), (1.0, 2.0)), ValueError, r"only one of them has a number \[1\]"),
        (lambda: jvp(tl.sin, ([1.0],), (1.0,)), ValueError, "shape of primals"),
        (lambda: jvp(tl.sin, (1.0,), ("a",)), TypeError, r"tangents\[0\] must be a number"),
        (lambda: jvp("sin", (1.0,), (1.0,)), TypeError, "differentiates functions"),
        (lambda: jacobian(lambda x: [x, None])(1.0), TypeError, r"result\[1\] is None"),
        (lambda: jacobian(lambda x: [x], 1)(1.0), ValueError, "argnums names argument 1"),
        (lambda: hessian(tl.sin, (0, 1))(1.0), ValueError, "argnums names argument 1"),
        (lambda: grad(lambda x: [x])(1.0), TypeError, "jacobian differentiates functions with several results"),
        (lambda: stop_gradient([1.0, "a"]), TypeError, r"stop_gradient: its argument\[1\] must be a number"),
    ],
)
def test_what_cannot_be_differentiated_is_named(call, error, says):
    with pytest.raises(error, match=says):
        call()


# ── stop_gradient and no_grad ─────────────────────────────────────────────────────────────────────


def test_no_derivative_flows_through_stop_gradient():
    x = Value(3.0)
    y = x * stop_gradient(x)
    y.backward()
    assert (y.data, x.grad) == (9.0, 3.0)
    assert grad(lambda x: x * x * stop_gradient(x))(3.0) == 18.0
    assert grad(grad(lambda x: x * x * stop_gradient(x)))(3.0) == 6.0
    assert jvp(lambda x: x * stop_gradient(x), (3.0,), (1.0,))[1] == 3.0
    assert tl.gradcheck(lambda x: tl.sin(x) * stop_gradient(x * x), 0.5)
    kept = stop_gradient({"a": [x, 2], "b": np.array([1.0])})
    assert (kept["a"][0].data, kept["a"][1], kept["b"].tolist()) == (3.0, 2.0, [1.0])


def test_a_recorded_program_follows_what_is_stopped():
    x = Value(2.0)
    program = tl.Program(x * stop_gradient(3 * x), [x], executor="python")
    value, [slope] = program([5.0])
    assert (value, slope) == (75.0, 15.0)


def test_what_is_computed_in_no_grad_is_made_of_leaves():
    x = Value(2.0)
    with no_grad():
        y = tl.tanh(x * x + 1) / 3
        with tl.scope("inside"):
            z = 2 * y
        assert (y.op, y.inputs, z.op, z.scope.name) == (None, (), None, "inside")
    assert y.data == pytest.approx(np.tanh(5) / 3)
    assert (x * y).inputs == (x, y)
    (x * y).backward()
    assert x.grad == y.data


def test_no_grad_nests_and_ends_with_an_error():
    again = no_grad()
    with pytest.raises(ZeroDivisionError), again, no_grad(), again:
        Value(1.0) / 0
    assert (Value(1.0) + 1).op


def test_no_grad_is_of_one_thread_and_one_task():
    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append((Value(1.0) + 1).op))
        thread.start()
        thread.join()
    assert seen[0].name == "add"

    async def quiet():
        with no_grad():
            await asyncio.sleep(0)
            return (Value(1.0) + 1).op

    async def both():
        task = asyncio.create_task(quiet())
        await asyncio.sleep(0)
        return (Value(1.0) + 1).op, await task

    with ThreadPoolExecutor(1) as thread:  # in this one the loop of a browser may be running
        outside, inside = thread.submit(lambda: asyncio.run(both())).result()
    assert (outside.name, inside) == ("add", None)


def test_derivatives_of_functions_are_the_same_in_no_grad():
    with no_grad():
        assert grad(grad(lambda x: x**3))(2.0) == pytest.approx(12)
        assert jacobian(lambda x: [x * x])(3.0)[0] == 6.0
        assert jvp(lambda x: x * x, (3.0,), (1.0,))[1] == 6.0
