"""Members of a group that are alike are computed by vectors: which are found, and that no bit shows it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.replay.graphs import expected, numbers_for, outcome, recorded
from tinygrad_lite import Program, Value, tanh
from tinygrad_lite.engine.value import topological_order
from tinygrad_lite.nn import MLP
from tinygrad_lite.replay.instructions import record
from tinygrad_lite.replay.kernel_recording import CHAIN
from tinygrad_lite.replay.schedule import CHECK, Schedule
from tinygrad_lite.replay.strips import STRIPS, Strips
from tinygrad_lite.strategies import expressions


def arranged(output, parameters):
    """The strips of a graph, as a program for a single sample has them."""
    order = topological_order(*parameters, output)
    schedule = Schedule(record(order, [output], parameters, [], {}, {}), single=True)
    return Strips(schedule.numbers, np.array(schedule.tape, np.int32), len(schedule.start))


def perceptrons(samples, *widths):
    """The mean loss over samples that are written out."""
    model = MLP(widths[0], [*widths[1:]], activation="relu", seed=0)
    points = [[0.1 * i + 0.3 * j for j in range(widths[0])] for i in range(samples)]
    return sum((model(x) - i) ** 2 for i, x in enumerate(points)) / samples, model.parameters()


def test_the_example_of_the_module():
    """Of twenty rows."""
    chains = [[1, *np.ravel([(8 + 4 * i + j, 4 + j) for j in range(4)])] for i in range(20)]
    groups = np.array([[CHAIN, 20, 4, 88, 0, 0, 1]], np.int32)
    found = Strips(groups, np.array(chains, np.int32).ravel(), 88)
    copies, strip, zeros, check = found.groups.tolist()
    assert copies == [CHAIN, 80, 0, 88, 0, 0, 1]
    assert found.tape[:80].tolist() == [*range(8, 88, 4), *range(9, 88, 4), *range(10, 88, 4), *range(11, 88, 4)]
    assert strip == [STRIPS, 1, 4, 168, 80, 0, 20]
    assert found.tape[80:89].tolist() == [~1, ~4, 88, ~5, 108, ~6, 128, ~7, 148]
    assert found.places[88:].tolist() == [*range(168, 188)]
    assert zeros == [CHAIN, 16, 0, 188, 89, 0, 1]
    assert check == [CHECK, 1, 1, 204, 105, 0, 112]
    assert found.end == 204


def test_what_needs_more_copies_than_products_is_left_as_it_is():
    chains = [[1, 4 + 2 * i, 5 + 3 * i] for i in range(60)]
    groups = np.array([[CHAIN, 60, 1, 200, 0, 0, 1]], np.int32)
    found = Strips(groups, np.array(chains, np.int32).ravel(), 200)
    assert found.groups[0].tolist() == groups[0].tolist()
    assert found.tape[:180].tolist() == [x for chain in chains for x in chain]


def test_of_samples_that_are_written_out_hardly_a_chain_is_computed_alone():
    found = arranged(*perceptrons(20, 2, 16, 16, 1))
    kind, members, width, *_, lanes = found.groups.T
    chains, strips = kind == CHAIN, kind == STRIPS
    copied = members[chains & (width == 0)].sum()
    alone, together = ((members * width * lanes)[some].sum() for some in (chains, strips))
    assert together > 10 * alone
    assert together > 40 * copied


@pytest.mark.parametrize(
    ("samples", "widths"), [(20, (2, 16, 1)), (1, (3, 17, 33, 1)), (7, (5, 4, 9, 1)), (33, (1, 3, 1)), (4, (30, 31, 1))]
)
def test_networks_that_are_written_out_are_eager_to_the_last_bit(samples, widths):
    loss, parameters = perceptrons(samples, *widths)
    for p in parameters:
        p.data += 0.125  # or the biases are 0
    theta = recorded(parameters)
    for scale in (1.0, -0.5):
        numbers = [scale * x for x in theta]
        wanted = expected([loss], parameters, [], numbers, ())
        assert outcome(Program([loss], parameters, executor="compiled"), numbers) == wanted


def test_what_was_copied_for_a_short_strip_is_not_read_by_a_longer_one():
    """Each position looks at those before it, at a level of its own."""
    queries, outputs = [Value(0.3), Value(0.4), Value(0.5)], []
    keys = [[Value(0.1 * i - 0.05 * j) for j in range(3)] for i in range(24)]
    for n in range(20, 24):
        queries = [tanh(x) for x in queries]
        outputs.append(sum(tanh(sum(a * b for a, b in zip(queries, key, strict=True))) for key in keys[:n]))
    leaves = [x for key in keys for x in key]
    wanted = expected(outputs, leaves, [], recorded(leaves), ())
    assert outcome(Program(outputs, leaves, executor="compiled"), recorded(leaves)) == wanted


@settings(max_examples=settings().max_examples // 2)
@given(expressions(max_operations=6), st.integers(4, 40), st.randoms(use_true_random=False), st.data())
def test_alike_expressions_of_other_leaves_are_eager_to_the_last_bit(expression, copies, chance, draw):
    """Some leaves are shared. The leaves come in any order, and one of them is any number, or none at all."""
    shared = [chance.random() < 0.5 for _ in expression.inputs]
    common = [Value(x) for x in expression.inputs]
    each = [
        [
            node if same else Value(node.data * chance.choice([1.0, 0.99, 1.01]))
            for node, same in zip(common, shared, strict=True)
        ]
        for _ in range(copies)
    ]
    leaves = [*dict.fromkeys(x for inputs in each for x in inputs)]
    if draw.draw(st.booleans()):
        chance.shuffle(leaves)
    nodes = [expression(*inputs) for inputs in each]
    outputs = [sum(nodes), nodes[0], nodes[-1]]
    theta = recorded(leaves)
    theta[chance.randrange(len(leaves))] = draw.draw(numbers_for([leaves[0]]))[0]
    wanted = expected(outputs, leaves, [], theta, ())
    assert outcome(Program(outputs, leaves, executor="compiled"), theta) == wanted
