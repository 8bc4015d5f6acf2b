"""Pictures in a real browser: measured, and looked at."""

import functools
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.display.drawings import after_backward, course, network, neuron
from tests.display.rendered import by_chromium, difference
from tests.display.seven_graphs import SEVEN
from tinygrad_lite import Value, scope, tanh
from tinygrad_lite.display.drawing import draw


def square() -> Value:
    x = Value(3, "x")
    return (x * x).named("y")


def chinese() -> Value:
    a, b, c = Value(3, "输入特征"), Value(4, "偏置项"), Value(5, "学习率")
    with scope("第一层"):
        v = (2 * a + b).named("线性组合")
    return (v * c).named("损失函数")


def long_names() -> Value:
    a, b = Value(-1.25e-7, "W" * 40), Value(4, "一个非常长的中文标签用来测试宽度是否足够大吗")
    return (tanh(a) * b).named("the quick brown fox jumps")


@functools.cache
def wide_font() -> str:
    """A font for East Asian text, each character an em wide, as they are; machines for tests often have none."""
    import base64
    import io

    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    for i, point in enumerate([(60, -80), (60, 820), (940, 820), (940, -80)]):
        (pen.lineTo if i else pen.moveTo)(point)
    pen.closePath()
    glyph = pen.glyph()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "square"])
    font.setupCharacterMap(
        {code: "square" for code in range(0x2E80, 0xA000) if unicodedata.east_asian_width(chr(code)) == "W"}
    )
    font.setupGlyf({".notdef": glyph, "square": glyph})
    font.setupHorizontalMetrics({".notdef": (1000, 60), "square": (1000, 60)})
    font.setupHorizontalHeader(ascent=880, descent=-120)
    font.setupNameTable({"familyName": "Wide", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    file = io.BytesIO()
    font.save(file)
    return base64.b64encode(file.getvalue()).decode()


MEASURE = """() => {
  const svg = document.querySelector("svg"), found = [];
  const rectangle = e => e.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll(".node")];
  const shape = node => rectangle(node.querySelector("path, polygon"));
  for (const node of boxes) {
    const outer = shape(node);
    for (const text of node.querySelectorAll("text")) {
      const inner = rectangle(text);
      if (inner.left < outer.left || inner.right > outer.right || inner.top < outer.top || inner.bottom > outer.bottom)
        found.push(`outside its box: ${text.textContent}`);
    }
  }
  for (const text of svg.querySelectorAll(".edge text, .cluster text")) {
    const label = rectangle(text);
    for (const node of boxes) {
      const box = shape(node);
      if (label.left < box.right && box.left < label.right && label.top < box.bottom && box.top < label.bottom)
        found.push(`on a box: ${text.textContent}`);
    }
    const paper = rectangle(svg);
    if (label.left < paper.left || label.right > paper.right) found.push(`off the paper: ${text.textContent}`);
  }
  return found;
}"""


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
@pytest.mark.parametrize("graph", [course, neuron, square, network, chinese, long_names])
def test_text_stays_in_its_box_and_labels_off_the_boxes(page: Any, graph: Callable[[], Value], rankdir: str) -> None:
    for fold in (None, False):
        drawing = draw(after_backward(graph()), fold=fold, rankdir=rankdir, max_nodes=300)
        page.set_content(
            f"<style>@font-face {{ font-family: 'Noto Sans CJK SC'; src: url(data:font/ttf;base64,{wide_font()}) }}"
            f"</style>{drawing.svg}"
        )
        page.evaluate("document.fonts.ready")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate(MEASURE) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_themes_follow_the_system_also_as_an_image(page: Any, scheme: str, tmp_path: Path) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_content(draw(course()).svg)
    background, ink = (
        page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).fill")
        for selector in (".background", "text")
    )
    assert (sum(channels(background)) > sum(channels(ink))) == (scheme == "light")
    draw(course()).save(tmp_path / "J.svg")
    page.goto((tmp_path / "J.svg").as_uri())
    assert page.evaluate("getComputedStyle(document.querySelector('.background')).fill") == background


def channels(colour: str) -> list[float]:
    return [float(x) for x in colour.partition("(")[2].rstrip(")").split(",")]


def test_a_wide_picture_shrinks_to_the_page(page: Any) -> None:
    page.set_content(f"<div style='width:700px'>{draw(after_backward(course())).svg}</div>")
    assert 0 < page.evaluate("document.querySelector('svg').getBoundingClientRect().width") <= 700


def test_animations_run_without_script_and_stop_for_those_who_want_no_motion(page: Any) -> None:
    page.set_content(draw(after_backward(course()), animate=True).svg)
    assert page.evaluate("document.getAnimations().length") > 5
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_a_large_picture_scrolls_on_a_screen_and_is_whole_on_paper(page: Any, rankdir: str) -> None:
    """A4 upright, less Chromium's margins; alone, and in a notebook's cell."""
    page.set_viewport_size({"width": 718, "height": 1047})
    drawing = draw(SEVEN["chain"](), fold=False, rankdir=rankdir)
    for shown, picture in ((drawing.svg, "svg"), (drawing._repr_mimebundle_()["text/html"], "img")):
        page.set_content(f"<div style='margin:20px'>{shown}</div>")
        for media in ("screen", "print"):
            page.emulate_media(media=media)
            width, height = page.evaluate(
                f"(r => [r.right, r.height])(document.querySelector('{picture}').getBoundingClientRect())"
            )
            assert (width <= 718 and height <= 1047) == (media == "print")


@pytest.mark.parametrize("graph", ["course", "perceptron"])  # the other five: benchmarks/compare_renderers
def test_a_picture_on_slides_and_in_reports_is_the_browser_s(browser: Any, tmp_path: Path, graph: str) -> None:
    """Typst draws by resvg. Without arrow heads, dashes or fills, or in another font, 1 % of ink differs or more."""
    drawing = draw(SEVEN[graph]())
    drawing.save(tmp_path / "J.png")
    assert difference(by_chromium(browser, drawing), (tmp_path / "J.png").read_bytes(), drawing) < 0.01
