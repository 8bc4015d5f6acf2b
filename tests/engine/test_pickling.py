"""Pickling and copying of graphs."""

import copy
import pickle
import threading

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.engine.value import Constant

WAYS = [
    copy.deepcopy,
    lambda x: pickle.loads(pickle.dumps(x)),
    lambda x: pickle.loads(pickle.dumps(x, protocol=2)),
    lambda x: pickle.loads(pickle._dumps(x)),  # the pickler written in Python
]
ways = pytest.mark.parametrize("again", WAYS, ids=["deepcopy", "pickle", "protocol 2", "python"])


@ways
def test_a_graph_keeps_its_sharing_whatever_is_met_first(again):
    a, b = Value(2.0, label="a"), Value(3.0)
    with tl.scope("part") as part:
        u = a * b
    v = (u * 2 + a).named("v")
    J = v * u
    J.backward()
    v2, J2, u2, (a2, b2) = again([v, J, u, [a, b]])
    assert J2.inputs == (v2, u2)
    assert u2.inputs == (a2, b2)
    assert v2.inputs[1] is a2
    assert [x.label for x in (a2, b2, v2)] == ["a", "", "v"]
    assert [x.grad for x in (a2, b2, v2)] == [a.grad, b.grad, v.grad]
    assert u2.op is u.op
    assert u2.scope.name == part.name
    assert type(v2.inputs[0].inputs[1]) is Constant
    J2.zero_grad()
    J2.backward()
    assert (a2.grad, a.grad) == (a.grad, a2.grad)
    assert not {v, J, u, a, b} & {v2, J2, u2, a2, b2}


@ways
def test_a_long_chain_does_not_overflow_the_stack(again):
    x = y = Value(1.0)
    for _ in range(10_000):  # ten times as deep as Python's own limit
        y = y * 1.00001
    x2, y2 = again((x, y))
    y2.backward()
    assert x2.grad == y2.data == y.data
    assert x.grad == 0


def test_a_failed_pickle_leaves_no_trace():
    x = Value(1.0)
    y = x * 2
    y.label = threading.Lock()  # cannot be pickled
    for _ in range(2):
        with pytest.raises(TypeError):
            pickle.dumps(y)
    y.label = "y"
    long = y
    for _ in range(5_000):
        long = long + 1
    assert pickle.loads(pickle.dumps(long)).data == long.data


def test_copy_is_a_node_of_its_own_with_the_same_inputs():
    a = Value(2.0)
    v = (a * a).named("v")
    w = copy.copy(v)
    assert w is not v
    assert (w.data, w.label, w.op, w.inputs) == (v.data, "v", v.op, v.inputs)
    leaf = copy.copy(a)
    assert leaf is not a
    assert leaf.data == 2


def test_a_row_that_is_not_declared_is_named():
    row = tl.primitive("fleeting", lambda x: x, lambda x, y: 1)
    pickled = pickle.dumps(row(Value(1.0)))
    assert pickle.loads(pickled).op is row
    del tl.engine.declaration.TABLE["fleeting"]
    with pytest.raises(LookupError, match="no primitive 'fleeting': declare it"):
        pickle.loads(pickled)
