"""A program needs nothing but Python, and imports NumPy and Numba when it needs them."""

from tests.project import python

ABSENT = """
import sys
sys.modules["numba"] = sys.modules["numpy"] = sys.modules["llvmlite"] = None
from tinygrad_lite import Program, Value, log
from tinygrad_lite.nn import MLP, LogisticRegression, train
w, x = Value(2.0, label="w"), Value(1.0)
program = Program([log(w * x), w], [w], [x])
print(program.executor, program([2.0], [[0.5], [0.5]], threads=2), program.outputs([2.0], [[0.5]]))
print(Program(w * w, [w])([3]), Program(w * w, [w]).outputs([3]))
try:
    program([2.0], [[1.0], [0.0]])
except ValueError as error:
    print(error)
try:
    Program(w * x, [w], executor="compiled")
except ImportError as error:
    print(error)
model = MLP(1, [3, 1], seed=0)
curve = train(model, [[0], [1], [2]], [1, 2, 3], steps=20, batch_size=2, seed=0)
print(type(curve), curve[-1] < curve[0])
print(LogisticRegression().fit([[-1], [1], [-1], [1]], [0, 0, 1, 1]).predict([[0]]))
"""


def test_without_numba_and_numpy_it_is_lists_in_and_lists_out():
    done = python("-c", ABSENT)
    assert done.stdout.splitlines() == [
        "python ([0.0, 2.0], [[0.5], [1.0]]) [[0.0, 2.0]]",
        "(9.0, [6.0]) 9.0",
        "log of 0.0: outside the domain x > 0, in sample 1",
        "the compiled executor needs numba: `pip install '.[fast]'` in tinygrad_lite's checkout",
        "<class 'list'> True",
        "[1]",
    ]


def test_nothing_is_compiled_or_imported_before_it_is_needed():
    code = (
        "import sys; from tinygrad_lite import Program, Value; w = Value(1.0); p = Program(w * w, [w]); p.source;"
        "Program(w * w, [w], executor='python')([2.0]); print(p.executor, {'numba', 'numpy'} & {*sys.modules})"
    )
    done = python("-c", code)
    assert done.stdout == "compiled set()\n"
