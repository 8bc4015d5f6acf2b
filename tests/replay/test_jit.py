"""`jit`: a function on Values, and recorded, is the same function."""

import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine import gpt
from tests.replay.graphs import EXECUTORS, bits
from tinygrad_lite import Value, binary_cross_entropy, grad, hessian, jit, take, value_and_grad
from tinygrad_lite.engine.arguments import flatten
from tinygrad_lite.replay import numba_executor
from tinygrad_lite.strategies import MODERATE, Expression, expressions, values


def plain(x):
    """The numbers of a function's result."""
    match x:
        case Value():
            return x.data
        case dict():
            return {key: plain(part) for key, part in x.items()}
        case list() | tuple():
            return type(x)(map(plain, x))
    return x


def outcome(function, *args):
    """The bits of what a function returns, or its error."""
    try:
        return list(map(bits, flatten(plain(function(*args)))))
    except (ArithmeticError, ValueError) as error:
        return type(error), str(error)


def needed(expression):
    """The function that an expression is, without the operations whose results it does not use."""
    n, operations = len(expression.inputs), []
    for name, *operands in expression.operations:
        length = n + len(operations)
        places = [length - 1 - (x - 1) % length if isinstance(x, int) else x for x in operands]
        operations.append((name, places))

    def compute(place, nodes):
        if isinstance(place, int) and place not in nodes:
            name, places = operations[place - n]
            line = (name, *range(len(places), 0, -1))  # of its operands alone, each counted back from the last
            nodes[place] = Expression((), (line,))(*[compute(x, nodes) for x in places])
        return nodes[place] if isinstance(place, int) else place

    return lambda *xs: compute(n + len(operations) - 1, dict(enumerate(xs)))


def all_orders(f):
    """Value, gradient and second derivatives: in the last alone, what would have raised need not be there."""
    return lambda *x: [f(*x), grad(f, range(len(x)))(*x), hessian(f)(*x)]


DERIVATIVES = {
    "value": lambda f: f,
    "grad": grad,
    "all orders": all_orders,
    "both": value_and_grad,
}


@pytest.mark.parametrize("small", [200, 0], ids=EXECUTORS)
@pytest.mark.parametrize("derive", DERIVATIVES.values(), ids=DERIVATIVES)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(expressions(max_operations=8, max_inputs=3), st.data())
def test_recorded_anywhere_it_is_the_function_on_values(monkeypatch, small, derive, expression, draw):
    """Or raises the same error, by either executor."""
    monkeypatch.setattr(numba_executor, "SMALL", small)
    function = derive(needed(expression))
    recorded = jit(function)
    anywhere = st.tuples(*(st.just(x) | values(MODERATE) for x in expression.inputs))
    for numbers in (expression.inputs, draw.draw(anywhere)):
        assert outcome(recorded, *numbers) == outcome(function, *map(Value, numbers))


@pytest.mark.parametrize("small", [200, 0], ids=EXECUTORS)
def test_a_gradient_that_is_minus_zero_stays_so(monkeypatch, small):
    monkeypatch.setattr(numba_executor, "SMALL", small)
    slope = grad(lambda y: binary_cross_entropy(0.5, y))  # −logit(½)
    assert bits([jit(slope)(1.0)]) == bits([slope(1.0)]) == ["-0x0.0p+0"]


def encode(text):
    return [gpt.VOCABULARY.index(character) for character in text]


def test_a_gpt_of_which_tokens_are_data_has_the_losses_and_gradients_of_values():
    matrices = gpt.parameters(float)
    nodes = {name: [[*map(Value, row)] for row in rows] for name, rows in matrices.items()}
    flat = [x for rows in nodes.values() for row in rows for x in row]
    step = jit(value_and_grad(lambda p, tokens: gpt.loss(p, tokens, take)))
    with pytest.warns(RuntimeWarning, match="takes the number of a Value"):
        step(matrices, encode("the c"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in ("at sa", "n the", "mat"):
            value, gradients = step(matrices, encode(text))
            loss = gpt.loss(nodes, encode(text))
            for x in flat:
                x.grad = 0.0
            loss.backward()
            assert value == pytest.approx(loss.data, rel=1e-14, abs=0)
            assert flatten(gradients) == pytest.approx([x.grad for x in flat], rel=1e-10, abs=1e-15)
    with pytest.raises(ValueError, match="the index in take"):
        step(matrices, [0, 1, 99])


def test_a_gpt_learns_by_the_same_numbers():
    matrices = gpt.parameters(float)
    tokens = [gpt.VOCABULARY.index(character) for character in gpt.TEXT[:5]]
    step = jit(value_and_grad(lambda p: gpt.loss(p, tokens)))
    with pytest.warns(RuntimeWarning, match="takes the number of a Value"):
        step(matrices)
    loss = gpt.loss(nodes := {name: [[*map(Value, row)] for row in rows] for name, rows in matrices.items()}, tokens)
    loss.backward()
    value, gradients = step(matrices)
    assert value == loss.data
    assert gradients == {name: [[x.grad for x in row] for row in rows] for name, rows in nodes.items()}


def test_where_tokens_are_values_the_gradients_have_the_bits_of_a_record():
    """And where they are ints, those of a record for which they are static: `take` of an int is another graph."""
    matrices, tokens = gpt.parameters(float), tuple(encode("the cat"))
    f = value_and_grad(lambda p, tokens: gpt.loss(p, tokens, take))
    for given_, options in ([*map(Value, tokens)], {}), (tokens, {"static_argnums": 1}):
        with pytest.warns(RuntimeWarning, match="nn.softmax and nn.logsumexp do without"):
            assert jit(f, **options)(matrices, tokens) == plain(f(matrices, given_))
