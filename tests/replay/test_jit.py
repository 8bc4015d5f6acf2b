"""`jit`: a function on Values, and recorded, is the same function."""

from tests.engine import gpt
from tinygrad_lite import Value, jit, value_and_grad


def test_a_gpt_learns_by_the_same_numbers():
    matrices = gpt.parameters(float)
    tokens = [gpt.VOCABULARY.index(character) for character in gpt.TEXT[:5]]
    step = jit(value_and_grad(lambda p: gpt.loss(p, tokens)))
    loss = gpt.loss(nodes := {name: [[*map(Value, row)] for row in rows] for name, rows in matrices.items()}, tokens)
    loss.backward()
    value, gradients = step(matrices)
    assert value == loss.data
    assert gradients == {name: [[x.grad for x in row] for row in rows] for name, rows in nodes.items()}
