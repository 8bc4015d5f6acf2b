"""Ctrl-C anywhere in `backward()`: the leaves have all of this pass, or none of it."""

import sys

import pytest

from tinygrad_lite import Value, tanh

PACKAGE = "tinygrad_lite"


def interrupt_at(step, run):
    """Run, with a KeyboardInterrupt at the `step`-th line of this package that Python executes; whether it came."""
    seen = 0

    def trace(frame, event, _):
        nonlocal seen
        if PACKAGE not in frame.f_code.co_filename:
            return None
        if event == "line":
            seen += 1
            if seen == step:
                raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        run()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


def test_the_leaves_have_all_of_a_pass_or_none():
    leaves = [Value(x) for x in (0.5, -1.5, 2.0, 0.25)]
    a, b, c, d = leaves
    y = tanh(a * b + c) * d + a
    y.backward()
    once = [x.grad for x in leaves]
    outcomes = []
    for step in range(1, 2_000):
        for x, grad in zip(leaves, once, strict=True):
            x.grad = grad
        interrupted = interrupt_at(step, y.backward)
        outcomes.append([x.grad for x in leaves])
        if not interrupted:
            break
    twice = [2 * grad for grad in once]
    assert outcomes[-1] == twice
    assert len(outcomes) > 50
    assert {tuple(outcome) for outcome in outcomes} == {tuple(once), tuple(twice)}


def test_a_leaf_that_is_the_output_is_no_exception():
    x = Value(1.0)
    x.grad = 5.0
    for step in range(1, 200):
        x.grad = 5.0
        if not interrupt_at(step, x.backward):
            break
        assert x.grad == 5.0
    assert x.grad == 6.0
    with pytest.raises(TypeError):
        x.backward("1")
    assert x.grad == 6.0
