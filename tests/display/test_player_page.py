"""`play`'s page in a real browser: driven by button and key, and read as a learner reads it."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.display.conftest import looked_at, open_tab
from tests.display.drawings import after_backward, course, network, neuron
from tinygrad_lite import Value, scope, tanh
from tinygrad_lite.display.drawing import draw
from tinygrad_lite.display.player import play


@pytest.fixture(scope="module")
def opened(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The page of J = (2a + b)c, nine steps, opened as a file."""
    file = tmp_path_factory.mktemp("player") / "J.html"
    play(course()).save(file)
    page = open_tab(browser)
    page.address = file.as_uri()
    page.goto(page.address)
    return page


@pytest.fixture
def player(opened: Any) -> Iterator[Any]:
    """That page, again as it is at first."""
    with looked_at(opened):
        opened.evaluate(
            "() => { stop(); select(null); $('predict').checked = false; go(0); document.activeElement.blur() }"
        )
        yield opened


SEEN = """() => [document.querySelector("#equation").innerText,
  [...document.querySelectorAll("svg .node:not(.waiting) text")].map(e => e.textContent).filter(Boolean).join("|")]"""


def seen(page: Any) -> tuple[str, str]:
    """The equation of the caption, and what the boxes say."""
    equation, boxes = page.evaluate(SEEN)
    return equation, boxes


def texts(page: Any, selector: str) -> list[str]:
    """What stands in the elements; those without a text are left out."""
    found: list[str] = page.locator(selector).all_text_contents()
    return list(filter(None, found))


LAST = "∂J/∂a += ∂J/∂u · ∂u/∂a = 5 · 2 = 10"


WAYS = [
    (lambda page: page.click("#next"), lambda page: page.click("#previous")),
    (lambda page: page.keyboard.press("ArrowRight"), lambda page: page.keyboard.press("ArrowLeft")),
    (lambda page: page.keyboard.press("ArrowDown"), lambda page: page.keyboard.press("ArrowUp")),
]


def test_every_step_forward_and_back(player: Any) -> None:
    ways = [way for _ in range(3) for way in WAYS]
    views = [seen(player)]
    for forward, _ in ways:
        forward(player)
        views.append(seen(player))
    assert views[0] == ("Given a = 3, b = 4, c = 5", "2|a|3|b|4|c|5")
    assert views[3][0] == "J = v · c = 10 · 5 = 50"
    assert views[9][0] == LAST
    assert "∂J/∂a = 10" in views[9][1]
    assert len(set(views)) == 10
    assert player.is_disabled("#next")
    for (_, back), expected in zip(ways, reversed(views[:9]), strict=True):
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
    assert seen(player)[0] == "∂J/∂v += ∂J/∂J · ∂J/∂v = 1 · ? = ?"
    assert player.inner_text("#slope") == "local derivative ∂J/∂v = c = ?"
    player.keyboard.press("ArrowRight")
    assert seen(player)[0] == "∂J/∂v += ∂J/∂J · ∂J/∂v = 1 · 5 = 5"
    player.uncheck("#predict")
    assert "?" not in seen(player)[1]


TOLD = """steps => {
  const told = () => [...document.querySelectorAll("svg .node")].flatMap(box => {
    box.onclick();
    const elements = [...document.querySelectorAll("body *:not(script):not(style)")];
    const texts = elements.flatMap(e => [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data));
    const named = elements.flatMap(e => [...e.attributes].filter(a => /^aria|title/.test(a.name)).map(a => a.value));
    return texts.concat(named);
  }).join(" ");
  const press = () => document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
  const views = [told()];
  for (let k = 0; k < 2 * steps; k++) { press(); views.push(told()); }
  return views;
}"""


def test_what_is_to_be_predicted_is_nowhere_on_the_page(page: Any, tmp_path: Path) -> None:
    """Neither as a factor, a title or an accessible name, nor in the calculation of any box."""
    player = play(neuron())
    player.save(tmp_path / "J.html")
    page.goto((tmp_path / "J.html").as_uri())
    page.check("#predict")
    steps = player.drawing.picture.steps
    known, *views = (set(re.findall(r"[−\d.]*\d", view)) for view in page.evaluate(TOLD, len(steps)))
    asked = 0
    for k, step in enumerate(steps, start=1):
        told = views.pop(0) - {str(k), str(len(steps))}
        assert step.sides[-1] in known or step.sides[-1] not in told
        for number in step.slope[-1:]:
            assert number in known or number not in told
            asked += number not in known
        known = views.pop(0)
        assert step.sides[-1] in known
    assert asked > 1


def test_numbers_to_come_are_not_there(player: Any) -> None:
    assert not any("∂J/∂" in text for text in texts(player, "svg text"))
    player.goto(f"{player.address}#step=5")
    assert texts(player, "svg .edge text") == ["∂J/∂v = c = 5", "∂J/∂v += 1 · 5"]


def test_a_box_shows_its_whole_calculation(page: Any, tmp_path: Path) -> None:
    x = Value(3, "x")
    play((x * x + x).named("y")).save(tmp_path / "y.html")
    page.goto((tmp_path / "y.html").as_uri())
    page.click("svg .output")
    assert texts(page, "#lines li") == ["y = v1 + x = 9 + 3 = 12", "∂y/∂y = 1"]
    assert page.get_attribute("svg .output", "aria-pressed") == "true"
    page.focus("svg .leaf")
    assert texts(page, "#lines li") == [
        "x = 3",
        "through y: ∂y/∂y · ∂(v1 + x)/∂x = 1 · 1 = 1",
        "through v1: ∂y/∂v1 · ∂₁(x · x) = 1 · 3 = 3   (∂₁(x · x) = x)",
        "through v1: ∂y/∂v1 · ∂₂(x · x) = 1 · 3 = 3   (∂₂(x · x) = x)",
        "∂y/∂x = ∂y/∂y · ∂(v1 + x)/∂x + ∂y/∂v1 · ∂₁(x · x) + ∂y/∂v1 · ∂₂(x · x) = 1 + 3 + 3 = 7",
    ]
    page.keyboard.press("Tab")
    assert texts(page, "#lines li") == [
        "v1 = x · x = 3 · 3 = 9",
        "∂y/∂v1 = ∂y/∂y · ∂y/∂v1 = 1 · 1 = 1",
    ]
    page.keyboard.press("Escape")
    assert texts(page, "#lines li") == []


def test_a_box_is_called_what_is_written_on_it(player: Any) -> None:
    names = player.evaluate("[...document.querySelectorAll('[role=button]')].map(e => e.ariaLabel)")
    assert sorted(names) == ["2", "J = v · c", "a, 3", "b, 4", "c, 5", "u = 2 · a", "v = u + b"]


def test_what_there_is_has_a_name_keys_are_written_and_the_caption_is_announced(player: Any) -> None:
    unnamed = (
        "[...document.querySelectorAll('button, input')].filter(e => !e.innerText && !e.labels.length && !e.ariaLabel)"
    )
    assert player.evaluate(f"{unnamed}.length") == 0
    assert re.findall("[←→]|Space", player.inner_text("#controls")) == ["←", "Space", "→", "→"]
    assert player.get_attribute("#caption", "aria-live") == "polite"


def test_the_focus_stays_at_the_ends(player: Any) -> None:
    for button, step in (("next", "7"), ("previous", "2")):
        player.fill("#slider", step)
        player.focus(f"#{button}")
        for _ in range(4):
            player.keyboard.press("Enter")
        assert player.evaluate("document.activeElement.id") == button


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
    assert page.inner_text("#play span") == "Pause"
    page.clock.run_for(3500)
    assert page.input_value("#slider") == "2"
    page.keyboard.press("Escape")
    page.click("#play")
    page.clock.run_for(3500)
    assert page.input_value("#slider") == "2"
    page.click("#play")
    page.clock.run_for(15_000)
    assert page.input_value("#slider") == "9"
    assert page.inner_text("#play span") == "Play"
    page.close()


def test_reduced_motion(player: Any) -> None:
    for motion, seconds in (("no-preference", "0.25s"), ("reduce", "0s")):
        player.emulate_media(reduced_motion=motion)
        assert player.evaluate("getComputedStyle(document.querySelector('svg .node')).transitionDuration") == seconds


CONTRASTS = """() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const luminance = colour => numbers(colour).slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + [0.2126, 0.7152, 0.0722][i] * c, 0);
  const texts = [...document.querySelectorAll("h1, p, span, b, kbd, label, button, #slope, #lines li, svg text")];
  return texts.filter(e => e.textContent.trim() && e.checkVisibility()).map(e => {
    const shape = e.closest(".node")?.querySelector(".body");
    const ink = getComputedStyle(e)[e.closest("svg") ? "fill" : "color"];
    const paper = shape ? getComputedStyle(shape).fill : getComputedStyle(document.body).backgroundColor;
    const [low, high] = [ink, paper].map(luminance).sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  });
}"""


def test_the_page_has_two_themes_of_enough_contrast(player: Any) -> None:
    for step in ("0", "5"):
        player.fill("#slider", step)
        player.click("svg .leaf")
        for scheme in ("light", "dark"):
            player.emulate_media(color_scheme=scheme)
            paper, ink = player.evaluate(THEME)
            assert (paper > ink) == (scheme == "light")
            contrasts = player.evaluate(CONTRASTS)
            assert len(contrasts) > 15
            assert min(contrasts) >= 4.5


THEME = """(style => [style.backgroundColor, style.color].map(colour => Number(colour.match(/\\d+/)[0])))
  (getComputedStyle(document.body))"""


@pytest.mark.parametrize("system", ["light", "dark"])
def test_it_follows_the_theme_of_the_notebook(page: Any, tmp_path: Path, system: str) -> None:
    page.emulate_media(color_scheme=system)
    body = f"<body style='background: #101010'><div>{play(course())._repr_html_()}</div>"
    (tmp_path / "notebook.html").write_text(body, encoding="utf-8")
    page.goto((tmp_path / "notebook.html").as_uri())
    frame = page.frames[1]
    ink = "Number(getComputedStyle(document.querySelector('svg text')).fill.match(/\\d+/)[0])"

    def becomes(paper: int) -> bool:
        for _ in range(100):
            found = frame.evaluate(f"[{THEME}[0], {ink}]")
            if abs(found[0] - paper) < 50 < 150 < abs(found[1] - paper):
                return True
            page.wait_for_timeout(50)
        return False

    assert becomes(20)
    page.evaluate("document.body.style.background = '#fafafa'")
    assert becomes(255)


def test_at_400_percent_everything_is_there(player: Any) -> None:
    player.set_viewport_size({"width": 320, "height": 180})
    player.goto(f"{player.address}#step=5")
    assert player.evaluate("document.documentElement.scrollWidth") <= 320
    assert player.evaluate("getComputedStyle(document.querySelector('header')).position") == "static"
    player.focus("svg .output")
    box, panel = (player.locator(x).bounding_box() for x in ("svg .output", "#calculation"))
    assert 0 <= box["y"] < panel["y"] < 180
    player.set_viewport_size({"width": 1280, "height": 720})
    assert player.evaluate("getComputedStyle(document.querySelector('header')).position") == "sticky"


@pytest.mark.parametrize("graph", [course, network])
def test_it_is_whole_on_paper(page: Any, tmp_path: Path, graph: Callable[[], Value]) -> None:
    play(graph()).save(tmp_path / "J.html")
    page.emulate_media(color_scheme="dark")
    page.goto((tmp_path / "J.html").as_uri())
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) == 1
    page.set_viewport_size({"width": 680, "height": 1000})  # A4 with margins of 15 mm, at 96 pixels an inch
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(THEME)[0] == 255
    assert not page.is_visible("#controls")
    right = "[...document.querySelectorAll('h1, #equation, svg g')].map(e => e.getBoundingClientRect().right)"
    assert page.evaluate(f"Math.max(...{right})") <= 680
    assert page.evaluate("document.querySelectorAll('svg .waiting').length") == 0


def test_it_works_in_a_notebook_s_frame(page: Any, tmp_path: Path) -> None:
    (tmp_path / "notebook.html").write_text(play(course())._repr_html_(), encoding="utf-8")
    page.goto((tmp_path / "notebook.html").as_uri())
    frame = page.frames[1]
    for _ in range(9):
        frame.click("#next")
    assert frame.inner_text("#equation") == LAST
    assert frame.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_a_label_does_nothing_but_show(page: Any, tmp_path: Path) -> None:
    labels = ["</script><script>alert(1)</script>", "</script x>", "<img src=x onerror=alert(1)>", "{{svg}}"]
    y = Value(0.0, "y")
    for label in labels:
        with scope(label):
            y = tanh(y * Value(1.0, label))
    y = after_backward(y)
    play(y, fold=False).save(tmp_path / "y.html")
    page.goto((tmp_path / "y.html").as_uri() + "#step=1000")
    for label in labels:
        assert f"∂{label[:24]}" in seen(page)[1] or f"∂({label[:23]}" in seen(page)[1]
    assert page.evaluate("document.querySelectorAll('script').length") == 2
    draw(y).save(tmp_path / "z.html")
    page.goto((tmp_path / "z.html").as_uri())
    assert page.evaluate("document.querySelectorAll('script, img, a, iframe').length") == 0
