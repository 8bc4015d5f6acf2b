"""Scopes: they nest, and are of their thread."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

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

    with ThreadPoolExecutor(1) as thread:  # in this one the loop of a browser may be running
        found = thread.submit(lambda: asyncio.run(together())).result()
    assert found == [(name, name, None) for name in "abc"]
