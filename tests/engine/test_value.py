"""What a Value promises: operands, order, accumulation, errors."""

import gc
import inspect
import math
import operator
import sys
import threading
import traceback

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.engine.declaration import TABLE, make_row
from tinygrad_lite.engine.generated_methods import generate
from tinygrad_lite.engine.value import Constant, topological_order

numbers = st.floats(-100, 100)


def course():
    a, b, c = Value(3.0), Value(4.0), Value(5.0)
    u = 2 * a
    v = u + b
    return a, b, c, u, v, v * c


def test_the_course_example():
    a, b, c, u, v, J = course()
    J.backward()
    assert (u.data, v.data, J.data) == (6, 10, 50)
    assert (v.grad, u.grad, a.grad, b.grad, c.grad) == (5, 5, 10, 5, 10)


def test_the_course_neuron():
    w, x, b, y = Value(0.7), Value(-1.3), Value(0.2), 1.0
    z = w * x + b
    probability = tl.sigmoid(z)
    J = tl.binary_cross_entropy(probability, y)
    J.backward()
    p = probability.data
    assert probability.grad == pytest.approx((1 - y) / (1 - p) - y / p, rel=1e-15)
    assert z.grad == pytest.approx(p - y, rel=1e-15)
    assert w.grad == pytest.approx((p - y) * x.data, rel=1e-15)
    assert b.grad == pytest.approx(p - y, rel=1e-15)


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
@pytest.mark.parametrize("other", [2, 2.0, True, np.float64(2), np.float32(2), np.int64(2), np.bool_(True)])
def test_numbers_are_operands_on_either_side(op, other):
    v = Value(3.0)
    left, right = op(v, other), op(other, v)
    assert type(left) is type(right) is Value
    assert left.data == op(3.0, float(other))
    assert right.data == op(float(other), 3.0)
    assert left.inputs[0] is v
    assert right.inputs[1] is v
    assert type(left.inputs[1]) is type(right.inputs[0]) is Constant


@pytest.mark.parametrize("other", ["2", 2j, None, [2], np.array(["2"]), np.complex128(2)])
@pytest.mark.parametrize("op", [operator.add, operator.mul, operator.pow, operator.lt, operator.ge])
def test_anything_else_is_a_type_error_on_either_side(op, other):
    with pytest.raises(TypeError):
        op(Value(3.0), other)
    with pytest.raises(TypeError):
        op(other, Value(3.0))


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
def test_arrays_are_operands_number_by_number(op):
    v, array = Value(3.0), np.array([[1.0, 2.0], [3.0, 4.0]])
    for found, wanted in ((op(v, array), op(3.0, array)), (op(array, v), op(array, 3.0))):
        assert found.shape == wanted.shape
        assert [x.data for x in found.flat] == wanted.ravel().tolist()
        assert all(v in x.inputs for x in found.flat)


def test_arrays_of_values():
    w, b = np.array([Value(2.0), Value(3.0)]), Value(0.5)
    out = np.tanh(np.array([[1.0, -1.0], [0.25, 0.5]]) @ w / w.sum() + b).sum()
    out.backward()
    first, second = math.tanh(-0.2 + 0.5), math.tanh(0.4 + 0.5)
    assert out.data == pytest.approx(first + second)
    first, second = 1 - first**2, 1 - second**2
    assert b.grad == pytest.approx(first + second)
    assert w[0].grad == pytest.approx(first * (1 + 0.2) / 5 + second * (0.25 - 0.4) / 5)
    assert w[1].grad == pytest.approx(first * (-1 + 0.2) / 5 + second * (0.5 - 0.4) / 5)


def test_numpys_functions_of_a_value():
    v = Value(0.5)
    for found, wanted in ((np.exp(v), v.exp()), (np.sqrt(v), v.sqrt()), (np.negative(v), -v)):
        assert (type(found), found.data, found.op) == (Value, wanted.data, wanted.op)


@pytest.mark.parametrize("use", [lambda v: v // 1, lambda v: v % 2, lambda v: v @ v, lambda v: v << 1, lambda v: ~v])
def test_what_has_no_derivative_is_a_type_error(use):
    with pytest.raises(TypeError):
        use(Value(3.0))


def test_unary_operators():
    v = Value(-3.0)
    assert [(-v).data, (+v).data, abs(v).data] == [3.0, -3.0, 3.0]


def test_a_value_holds_a_real_number():
    assert Value(np.float32(0.5)).data == 0.5
    assert type(Value(True).data) is float
    for wrong in ("3", None, 2j, Value(1.0), [1.0]):
        with pytest.raises(TypeError, match="a Value holds a real number, not"):
            Value(wrong)


def test_a_label_is_a_string():
    for use in (lambda: Value(1.0, label=3), lambda: Value(1.0).named(3)):
        with pytest.raises(TypeError, match="a label is a string, not 'int'"):
            use()


def test_equality_is_identity():
    v, w = Value(1.0), Value(1.0)
    assert v != w
    assert len({v, w, v}) == 2


@given(numbers, numbers)
def test_order_is_that_of_the_numbers(x, y):
    for compare in (operator.lt, operator.le, operator.gt, operator.ge):
        assert compare(Value(x), Value(y)) == compare(Value(x), y) == compare(x, Value(y)) == compare(x, y)


def test_a_value_is_neither_true_nor_false():
    with pytest.raises(TypeError, match="compare it"):
        bool(Value(0.0))


def test_float_and_format():
    assert float(Value(2.5)) == 2.5
    assert f"{Value(2.5):.2f}" == "2.50"
    assert f"{Value(2.5)}" == "Value(2.5, grad=0.0)"


def test_repr_can_be_read():
    v = (Value(3.0, label="a") * 2).named("u")
    assert repr(v) == "Value(6.0, label='u', op=mul, grad=0.0)"
    assert repr(v.inputs) == "(Value(3.0, label='a', grad=0.0), Constant(2.0, grad=0.0))"


def test_sum_leaves_no_stray_zero():
    values = [Value(1.0), Value(2.0), Value(3.0)]
    total = sum(values)
    assert total.data == 6
    assert len(topological_order(total)) == 5
    assert total.inputs[0].inputs == (values[0], values[1])


def test_inputs_keep_order_and_multiplicity():
    x, y = Value(3.0), Value(2.0)
    assert (x * x).inputs == (x, x)
    assert (x - y).inputs == (x, y)
    assert (1 - y).inputs[1] is y


@given(numbers)
def test_a_node_used_twice_gets_both_contributions(x):
    v = Value(x)
    (v * v).backward()
    assert v.grad == 2 * x


def test_leaves_accumulate_and_the_others_are_set_afresh():
    a, b, c, u, v, J = course()
    J.backward()
    J.backward()
    assert (a.grad, b.grad, c.grad) == (20, 10, 20)
    assert (u.grad, v.grad, J.grad) == (5, 5, 1)
    J.zero_grad()
    assert {x.grad for x in topological_order(J)} == {0.0}


def test_backward_takes_an_upstream_gradient():
    a, *_, J = course()
    J.backward(gradient=0.5)
    assert (J.grad, a.grad) == (0.5, 5)
    with pytest.raises(TypeError, match="real number"):
        J.backward("1")


def test_backward_on_a_leaf():
    v = Value(2.0)
    v.backward()
    v.backward()
    assert v.grad == 2.0


def test_a_constant_has_no_gradient_and_its_partial_is_not_computed():
    x = Value(-2.0)
    y = x**2  # the partial for the exponent would be a logarithm of −2
    y.backward()
    assert x.grad == -4
    assert y.inputs[1].grad == 0


def test_a_row_of_three_arguments_and_more_has_its_inputs_in_order():
    a, b, c = (Value(x) for x in (1.0, 2.0, 3.0))
    row = make_row("add_up", lambda *x: sum(x), *[lambda *_: 1] * 4)
    functions = generate(row)
    row.forward, row.backward = functions["add_up"], functions["backward"]
    product = b * c
    y = row(c, product, a, product)
    assert y.inputs == (c, product, a, product)
    assert topological_order(y) == [c, b, product, a, y]
    y.backward()
    assert [x.grad for x in (a, b, c)] == [1.0, 6.0, 5.0]


def test_a_node_is_one_object_to_the_garbage_collector():
    x, nodes = Value(1.0), [Value(0.0)] * 1_000
    before = len(gc.get_objects())
    for i in range(1_000):
        nodes[i] = (x * nodes[i - 1] + 0.5).tanh()
    nodes[-1].backward()
    assert len(gc.get_objects()) - before < 3_010


@pytest.mark.parametrize("row", [row for row in TABLE.values() if len(row.partials) == 2], ids=lambda row: row.name)
@settings(max_examples=10)
@given(st.floats(-3, 3), st.floats(-3, 3))
def test_a_number_passes_the_same_gradient_on_before_and_after_it_is_a_node(row, x, number):
    first, second = Value(x), Value(x)
    try:
        y, z = row.forward(first, number), row.forward(second, number)
        y.backward()
    except (ArithmeticError, ValueError):
        return  # outside of the domain
    assert z.inputs == (second, node := z.inputs[1])
    assert (type(node), node.data, node.scope) == (Constant, number, None)
    z.backward()
    assert (repr(second.grad), node.grad) == (repr(first.grad), 0.0)


def test_a_number_is_one_node_to_all_threads():
    nodes = [Value(1.0) * i for i in range(20_000)]
    found = [[] for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=lambda f=f: f.extend(x.inputs[1] for x in nodes)) for f in found]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert found[1:] == found[:1] * 3


def test_the_order_is_depth_first_with_inputs_in_order():
    a, b, c, u, v, J = course()
    assert [x for x in topological_order(J) if type(x) is not Constant] == [a, u, b, v, c, J]
    assert topological_order(v, J)[-2:] == [c, J]
    assert topological_order(J, J, v)[-1] is J


def test_a_graph_may_be_longer_than_the_stack():
    x = y = Value(1.0)
    for _ in range(10 * sys.getrecursionlimit()):
        y = y + x
    y.backward()
    assert x.grad == 1 + 10 * sys.getrecursionlimit()
    y.zero_grad()
    assert x.grad == 0


def test_two_to_the_sixty_paths():
    x = y = Value(1.0)
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60
    [slope] = tl.gradient(y, [x])
    assert slope.data == 2.0**60


@pytest.mark.parametrize(
    ("compute", "kind", "message"),
    [
        (lambda v: tl.log(v), ValueError, "log of 0.0 (node 'ŷ'): outside the domain x > 0"),
        (lambda v: v / 0, ZeroDivisionError, "div of 0.0 (node 'ŷ') and 0.0: division by zero"),
        (lambda v: (v + 10) ** 309, OverflowError, "pow of 10.0 and 309.0: the result is too large for a float"),
        (lambda v: tl.binary_cross_entropy(v, 1), ValueError, "use binary_cross_entropy_with_logits"),
        (
            lambda v: tl.binary_cross_entropy_with_logits(v, -1),
            ValueError,
            "of 0.0 (node 'ŷ') and -1.0: outside the domain 0 ≤ y ≤ 1 (y is a label, 0 or 1)",
        ),
        (lambda v: v.maximum("2"), TypeError, "maximum takes Values and real numbers, not 'str'"),
        (lambda v: tl.exp(v, v), TypeError, "exp takes 1 argument, 2 given"),
        (lambda v: tl.exp("2"), TypeError, "exp needs real numbers or Values, not 'str'"),
        (lambda v: tl.exp([2.0]), TypeError, "not 'list': of several numbers, one at a time"),
    ],
)
def test_errors_name_operation_operands_and_label(compute, kind, message):
    with pytest.raises(kind) as caught:
        compute(Value(0.0, label="ŷ"))
    assert message in str(caught.value)


@pytest.mark.parametrize("data", [Value(1.0), "1", None])
def test_data_that_is_no_number_is_named(data):
    w = Value(1.0, "w")
    w.data = data
    with pytest.raises(TypeError, match=f"^the data of node 'w' must be a real number, not {type(data).__name__!r}"):
        w * Value(2.0)


def test_data_from_numpy_fail_as_floats_do():
    x = Value(1.0, "x")
    x.data = np.float64(1.0)
    with (
        np.errstate(all="ignore"),
        pytest.raises(ZeroDivisionError, match=r"^div of 1\.0 and 0\.0: division by zero"),
    ):
        1 / (x - x)


def test_a_slope_says_what_helps():
    squared = (Value(0.3) - 1) ** Value(2.0)
    with pytest.raises(ValueError, match=r"slope of pow of -0\.7 and 2\.0: .* exponent, x\*\*2; a Value there has no"):
        squared.backward()


def test_an_infinite_slope_names_the_node_and_changes_no_gradient():
    x, k = Value(0.0, label="x"), Value(2.0)
    y = (tl.sqrt(x) * 0.0 + k).named("y")
    k.grad = x.grad = 7.0
    with pytest.raises(ZeroDivisionError, match=r"backward\(\): slope of sqrt of 0.0 \(node 'x'\)"):
        y.backward()
    assert (x.grad, k.grad) == (7, 7)


def test_a_gradient_out_of_range_names_the_node():
    x = Value(1e-300)
    y = (x * 1e200) * 1e200
    with pytest.raises(OverflowError, match=r"slope of mul of 1e-100 and 1e\+200: the result is too large"):
        y.backward(1e200)
    assert x.grad == 0


def test_a_number_that_is_not_finite_already_passes_through():
    x = Value(math.inf)
    y = tl.sin(x) * 2 + x
    y.backward()
    assert math.isnan(y.data)
    assert math.isnan(x.grad)


def test_an_interrupted_backward_restores_the_leaves():
    def stop(x, y):
        math.floor(x)  # fails on a symbol, so that this is called in the backward pass
        raise KeyboardInterrupt

    interrupting = tl.primitive("interrupting", lambda x: x, stop)
    x = Value(1.0)
    x.grad = 3.0
    with pytest.raises(KeyboardInterrupt):
        (interrupting(x) + x).backward()
    assert x.grad == 3.0


def test_methods_can_be_read_and_appear_in_tracebacks():
    source = inspect.getsource(Value.sigmoid)
    assert source.startswith("def sigmoid(self):")
    assert "data = sigmoid(self.data)" in source
    assert inspect.getdoc(Value.exp) == TABLE["exp"].doc
    try:
        Value(0.0).log()
    except ValueError as error:
        lines = traceback.format_exception(error)
    assert any("data = evaluate_nodes(row, (self,))" in line for line in lines)


def test_threads_do_not_disturb_one_another():
    def work():
        x, k = Value(0.5), Value(1.5)
        y = x
        for _ in range(3_000):
            y = tl.tanh(y * k) + x
        y.backward()
        return x.grad, k.grad

    alone = work()
    results = []
    threads = [threading.Thread(target=lambda: results.append(work())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [alone] * 4
