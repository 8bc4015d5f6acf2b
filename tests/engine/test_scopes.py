"""Scopes: they nest, and are of their thread."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.engine.declaration import TABLE


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


def test_asyncio_tasks_do_not_see_one_another_s_scopes():
    async def task(name):
        with tl.scope(name):
            await asyncio.sleep(0)
            node = Value(1.0) * 2
            await asyncio.sleep(0)
            with tl.scope("inner"):
                await asyncio.sleep(0)
                inside = node + 1
        return node.scope.name, inside.scope.parent.name, (node + 1).scope

    async def together():
        return await asyncio.gather(*map(task, "abc"))

    assert run(together()) == [(name, name, None) for name in "abc"]


def run(tasks):
    """What asyncio makes of them, in a thread of its own: in this one the loop of a browser may be running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(tasks)).result()


def inside(context):
    with context:
        yield


def test_generators_may_close_theirs_in_any_order():
    second, nothing = tl.scope("second"), tl.no_grad()
    for contexts, within in (
        ([tl.scope("first"), second, tl.scope("elsewhere")], (second, TABLE["mul"])),
        ([nothing, nothing, nothing], (None, None)),
    ):
        first, other, elsewhere = map(inside, contexts)
        next(first)
        next(other)
        first.close()
        node = Value(1.0) * 2
        assert (node.scope, node.op) == within
        other.close()
        Context().run(next, elsewhere)  # so that some are open, as of another thread
        node = Value(1.0) * 2
        assert (node.scope, node.op) == (None, TABLE["mul"])


def test_a_no_grad_is_of_those_who_entered_it():
    nothing = tl.no_grad()

    async def task(steps):
        with nothing, nothing:
            for _ in range(steps):
                await asyncio.sleep(0)
            inside = Value(1.0) * 2
        return inside.op, (Value(1.0) * 2).op

    async def together():
        return await asyncio.gather(*map(task, (1, 0, 2)))

    assert run(together()) == [(None, TABLE["mul"])] * 3
