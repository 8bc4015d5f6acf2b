"""Pictures and pages in a real browser: measured, looked through, and driven by button and key."""

import html
import os
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.display.drawings import after_backward, course, network, neuron
from tests.display.rendered import by_chromium, difference
from tests.display.seven_graphs import SEVEN
from tinygrad_lite import Value, scope, tanh
from tinygrad_lite.display.drawing import draw
from tinygrad_lite.display.player import play

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if not CHROMIUM or not sync_playwright:
        missing = "Playwright (pip install playwright)" if CHROMIUM else "Chromium on the PATH"
        if "CI" in os.environ:
            pytest.fail(f"continuous integration needs {missing}")
        pytest.skip(f"looking at pictures needs {missing}")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that must neither complain nor ask for anything but the file it was given."""
    page = browser.new_page(viewport={"width": 1000, "height": 700})
    page.complaints, page.requests = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (page.complaints.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: page.requests.append(request.url))
    yield page
    assert page.complaints == []
    assert all(url.startswith(("file:", "about:", "data:font")) for url in page.requests)
    page.close()


# ── pictures ──


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
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("graph", [course, neuron, square, network, chinese, long_names])
def test_text_stays_in_its_box_and_labels_off_the_boxes(
    page: Any, graph: Callable[[], Value], scheme: str, rankdir: str
) -> None:
    page.emulate_media(color_scheme=scheme)
    for fold in (None, False):
        drawing = draw(after_backward(graph()), fold=fold, rankdir=rankdir, max_nodes=300)
        page.set_content(
            f"<style>@font-face {{ font-family: 'Noto Sans CJK SC'; src: url(data:font/ttf;base64,{wide_font()}) }}"
            f"</style>{drawing.svg}"
        )
        page.evaluate("document.fonts.ready")
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


# ── the page ──


@pytest.fixture
def player(page: Any, tmp_path: Path) -> Any:
    """The page of J = (2a + b)c, nine steps, opened as a file."""
    play(course()).save(tmp_path / "J.html")
    page.address = (tmp_path / "J.html").as_uri()
    page.goto(page.address)
    return page


def seen(page: Any) -> tuple[str, str]:
    """The equation of the caption, and what the boxes say."""
    boxes = page.evaluate(
        "[...document.querySelectorAll('svg .node text')].filter(e => getComputedStyle(e).visibility == 'visible'"
        " && !e.closest('.waiting')).map(e => e.textContent).join('|')"
    )
    return page.inner_text("#equation"), boxes


LAST = "∂J/∂a += ∂J/∂u · ∂u/∂a = 5 · 2 = 10"


@pytest.mark.parametrize(
    ("forward", "back"),
    [
        (lambda page: page.click("#next"), lambda page: page.click("#previous")),
        (lambda page: page.keyboard.press("ArrowRight"), lambda page: page.keyboard.press("ArrowLeft")),
    ],
)
def test_every_step_forward_and_back(player: Any, forward: Callable[[Any], None], back: Callable[[Any], None]) -> None:
    views = [seen(player)]
    for _ in range(9):
        forward(player)
        views.append(seen(player))
    assert views[0] == ("Given a = 3, b = 4, c = 5", "2|a|3|b|4|c|5")
    assert views[3][0] == "J = v · c = 10 · 5 = 50"
    assert views[9][0] == LAST
    assert "∂J/∂a = 10" in views[9][1]
    assert len(set(views)) == 10
    assert player.is_disabled("#next")
    for expected in reversed(views[:9]):
        back(player)
        assert seen(player) == expected
    assert player.is_disabled("#previous")


def test_the_arrow_of_a_step_is_lit(player: Any) -> None:
    player.goto(f"{player.address}#step=5")
    lit = player.evaluate("[...document.querySelectorAll('svg .lit > title')].map(e => e.textContent)")
    assert lit == ["v = 10; ∂J/∂v = 5", "∂J/∂v = c = 5; ∂J/∂v += ∂J/∂J · ∂J/∂v = 1 · 5 = 5"]


def test_predict_hides_each_number_until_asked(player: Any) -> None:
    player.check("#predict")
    player.click("#next")
    assert seen(player) == ("u = 2 · a = 2 · 3 = ?", "2|u = 2 · a|?|a|3|b|4|c|5")
    player.click("#reveal")
    assert seen(player) == ("u = 2 · a = 2 · 3 = 6", "2|u = 2 · a|6|a|3|b|4|c|5")
    for _ in range(7):  # there, and its number
        player.keyboard.press("ArrowRight")
    assert seen(player)[0] == "∂J/∂v += ∂J/∂J · ∂J/∂v = 1 · 5 = ?"
    assert player.inner_text("#slope") == "local derivative ∂J/∂v = c = ?"
    hidden = "getComputedStyle(document.querySelector('svg .lit.edge text')).visibility"
    assert player.evaluate(hidden) == "hidden"
    player.keyboard.press("ArrowRight")
    assert player.evaluate(hidden) == "visible"
    player.uncheck("#predict")
    assert "?" not in seen(player)[1]


def test_numbers_to_come_are_nowhere_to_be_seen(player: Any) -> None:
    labels = "[...document.querySelectorAll('svg .edge text')]"
    assert player.evaluate(f"{labels}.length") > 0
    assert player.evaluate(f"{labels}.filter(e => getComputedStyle(e).visibility == 'visible').length") == 0


def test_addresses_of_steps(player: Any) -> None:
    player.goto(f"{player.address}#step=9")
    assert seen(player)[0] == LAST
    player.evaluate("location.hash = '#step=1'")
    player.wait_for_function("document.querySelector('#equation').innerText.startsWith('u =')")
    player.click("#next")
    assert player.url.endswith("#step=2")
    player.goto(f"{player.address}#step=1000")
    assert seen(player)[0] == LAST


def test_slider_and_ends(player: Any) -> None:
    player.fill("#slider", "4")
    assert seen(player)[0] == "∂J/∂J = 1"
    player.focus("#slider")
    player.keyboard.press("ArrowRight")
    assert player.input_value("#slider") == "5"
    player.keyboard.press("End")
    assert player.input_value("#slider") == "9"
    player.keyboard.press("Home")
    assert player.input_value("#slider") == "0"


def test_play_goes_to_the_end_and_stops(browser: Any, tmp_path: Path) -> None:
    page = browser.new_page()
    page.clock.install()
    play(course()).save(tmp_path / "J.html")
    page.goto((tmp_path / "J.html").as_uri())
    page.click("#play")
    assert page.inner_text("#play") == "Pause"
    page.clock.run_for(3500)
    assert page.input_value("#slider") == "2"
    page.keyboard.press("Escape")
    page.click("#play")
    page.clock.run_for(3500)
    assert page.input_value("#slider") == "2"
    page.click("#play")
    page.clock.run_for(60_000)
    assert page.input_value("#slider") == "9"
    assert page.inner_text("#play") == "Play"
    page.close()


def test_the_caption_is_announced(player: Any) -> None:
    assert player.get_attribute("#caption", "aria-live") == "polite"
    unnamed = (
        "[...document.querySelectorAll('button, input')].filter(e => !e.innerText && !e.labels.length && !e.ariaLabel)"
    )
    assert player.evaluate(f"{unnamed}.length") == 0


@pytest.mark.parametrize(("motion", "seconds"), [("no-preference", "0.25s"), ("reduce", "0s")])
def test_reduced_motion(player: Any, motion: str, seconds: str) -> None:
    player.emulate_media(reduced_motion=motion)
    assert player.evaluate("getComputedStyle(document.querySelector('svg .node')).transitionDuration") == seconds


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_has_two_themes(player: Any, scheme: str) -> None:
    player.emulate_media(color_scheme=scheme)
    paper, ink = player.evaluate("(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))")
    assert (sum(channels(paper)) > sum(channels(ink))) == (scheme == "light")


def test_it_works_in_a_notebook_s_frame(page: Any, tmp_path: Path) -> None:
    (tmp_path / "notebook.html").write_text(play(course())._repr_html_(), encoding="utf-8")
    page.goto((tmp_path / "notebook.html").as_uri())
    frame = page.frames[1]
    for _ in range(9):
        frame.click("#next")
    assert frame.inner_text("#equation") == LAST
    assert frame.evaluate("document.documentElement.scrollHeight <= innerHeight")


@pytest.mark.parametrize(
    "label", ["</script><script>alert(1)</script>", "</script x>", "<img src=x onerror=alert(1)>", "{{svg}}"]
)
def test_a_label_does_nothing_but_show(page: Any, tmp_path: Path, label: str) -> None:
    a = Value(1.0, label)
    with scope(label):
        y = tanh(a).named("y")
    play(y).save(tmp_path / "y.html")
    page.goto((tmp_path / "y.html").as_uri() + "#step=3")
    shown = html.unescape(label[:24])
    assert f"∂y/∂{shown}" in seen(page)[1] or f"∂y/∂({shown}" in seen(page)[1]
    assert page.evaluate("document.querySelectorAll('script').length") == 2
    draw(after_backward(y)).save(tmp_path / "z.html")
    page.goto((tmp_path / "z.html").as_uri())
    assert page.evaluate("document.querySelectorAll('script, img, a, iframe').length") == 0
