"""Scopes: they nest, and are of their thread."""

import threading

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value


def test_scopes_nest_and_are_of_their_thread():
    with tl.scope("outer") as outer:
        a = Value(1.0)
        with tl.scope("inner") as inner:
            b = a * 2
            others = []
            thread = threading.Thread(target=lambda: others.append(Value(1.0) * 2))
            thread.start()
            thread.join()
        c = b + 1
    d = c + 1
    assert (a.scope, b.scope, b.inputs[1].scope, c.scope, d.scope) == (outer, inner, inner, outer, None)
    assert inner.parent is outer
    assert others[0].scope is None


def test_an_open_scope_is_not_entered_again():
    with tl.scope("part") as part:
        with pytest.raises(RuntimeError, match=r"scope\('part'\) is open already"), part:
            pass
        assert Value(1.0).scope is part
    assert Value(1.0).scope is None
