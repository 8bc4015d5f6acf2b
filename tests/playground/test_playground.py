"""The page as it is built, in a real browser: the same as Python outside of it, alone, unbreakable, for everybody.

One page serves most tests, one after another: to start Python in a browser takes seconds.
"""

import functools
import http.server
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.project import ROOT, module_from
from tinygrad_lite import Value, draw, explain, gradcheck, play

SOURCES = ROOT / "docs" / "playground"
EXAMPLES = json.loads((SOURCES / "examples.json").read_text(encoding="utf-8"))
AXE = (
    "axe-core@4.14.1",
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
PATIENCE = 60_000  # milliseconds for a browser on a busy machine

build = module_from(SOURCES / "build.py")
playground = module_from(SOURCES / "playground.py")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the build writes."""
    if not shutil.which("npm"):
        (pytest.fail if "CI" in os.environ else pytest.skip)("the playground's tests need npm")
    folder = tmp_path_factory.mktemp("site") / "playground"
    build.write_site(folder, "Lesson", EXAMPLES[0], build.runtime_files())
    return folder


class Page:
    """The playground in a tab, with what it asked for and what went wrong."""

    def __init__(self, browser: Any, address: str) -> None:
        self.tab = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB")
        self.tab.set_default_timeout(PATIENCE)
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("requestfailed", self.forget_refused)
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.goto(address)
        self.settle()

    def forget_refused(self, request: Any) -> None:
        """What the page's policy refuses has not left it."""
        if request.failure == "csp":
            self.requests.remove(request.url)

    def settle(self) -> None:
        """Wait until Python has nothing to do."""
        self.tab.wait_for_timeout(20)
        self.tab.wait_for_selector("#result[aria-busy=false]")

    def open(self, example: dict[str, Any]) -> Any:
        """An example, as if it were chosen from the list; its answer."""
        self.tab.evaluate("example => { open(example); update(); }", example)
        self.settle()
        return self.tab.evaluate("state.answer")

    def run(self, program: str) -> None:
        """A program, typed and run."""
        self.tab.check("[value=program]", force=True)
        self.tab.fill("#program", program)
        self.tab.click("#run")
        self.settle()

    def text(self, selector: str) -> str:
        return str(self.tab.text_content(selector))


@pytest.fixture(scope="module")
def opened(site: Path, browser: Any) -> Iterator[Page]:
    page = Page(browser, (site / "playground.html").as_uri())
    yield page
    assert page.errors == []
    assert all(url.startswith(("file:", "blob:", "data:")) for url in page.requests)


@pytest.fixture
def page(opened: Page) -> Page:
    """The page as it opens, in English, with the drawing."""
    opened.tab.set_viewport_size({"width": 1280, "height": 900})
    opened.tab.evaluate("speak('en'); showTab('drawing')")
    opened.open(EXAMPLES[0])
    return opened


# ── the same as native ──

COMPARED = [
    *EXAMPLES,
    {
        "kind": "expression",
        "source": "sigmoid(权重 * 身高 + 偏置)",
        "values": {"权重": 0.3, "身高": 1.7, "偏置": -1},
    },
    {"kind": "expression", "source": "log(1 + exp(-x)) / sqrt(y)", "values": {"x": 0.1, "y": 2}},
    {"kind": "expression", "source": "maximum(a, b) ** 3 - relu(a) * 1e-7", "values": {"a": 2, "b": 2}},
    {
        "kind": "program",
        "source": "from tinygrad_lite import nn\n"
        "with scope('net'):\n    y = nn.MLP(2, [3, 1], activation='tanh', seed=1)"
        "([Value(0.5, 'x1'), Value(-1.0, 'x2')])\nJ = (y - 1) ** 2",
        "values": {},
    },
]


@pytest.mark.parametrize("example", COMPARED, ids=lambda example: example["source"].splitlines()[-1][:30])
def test_texts_and_pictures_are_those_of_python_outside(page: Page, example: dict[str, Any]) -> None:
    page.tab.evaluate("showTab('player')")
    answer = page.open(example)
    page.tab.evaluate("showTab('certificate')")
    page.open(example)
    output, names = playground.evaluate(example["kind"], example["source"], example["values"])
    output.backward()
    native = {**names, "_": output, "draw": draw, "explain": explain, "play": play}
    assert answer["derivation"] == eval("str(explain(_))", native)
    assert answer["drawing"]["dot"] == eval("draw(_)", native).source
    assert answer["drawing"]["svg"] == eval("draw(_)", native).svg
    assert answer["player"] == eval("play(_)", native).html
    for name, x in names.items():
        if isinstance(x, Value):
            x.label = x.label or name
    report = gradcheck(output)
    assert page.text("#summary") == str(report).splitlines()[0]
    described = page.tab.locator("#certificate tbody td:first-child").all_text_contents()
    assert described == [check.subject for check in report.checks]
    assert page.text("#derivation") == answer["derivation"]


def test_the_first_picture_is_there_before_python_and_stays(site: Path) -> None:
    html = (site / "playground.html").read_text(encoding="utf-8")
    first = json.loads(re.search(r'id="first">(.*?)</script>', html)[1])
    output, _ = playground.evaluate("expression", EXAMPLES[0]["source"], EXAMPLES[0]["values"])
    assert first["answer"]["derivation"] == str(explain(output))
    assert len(html.encode()) < 10_000_000


def test_while_python_starts_a_picture_of_other_values_is_pale(page: Page) -> None:
    page.tab.evaluate("python.ready = false; showTab('certificate'); update(); showTab('drawing'); update()")
    assert "stale" not in page.tab.get_attribute("#result", "class").split()
    page.tab.evaluate("change('a', 4)")
    assert "stale" in page.tab.get_attribute("#result", "class").split()
    page.tab.evaluate("python.ready = true; send()")
    page.settle()
    assert "stale" not in page.tab.get_attribute("#result", "class").split()
    assert page.tab.evaluate("state.answer.values.a") == 4


# ── values, descent ──


def test_numbers_follow_a_slider(page: Page) -> None:
    page.tab.focus("#rows [type=range]")
    page.tab.keyboard.press("ArrowRight")
    page.settle()
    assert page.text("#derivation").startswith("given     a = 3.1, b = 4, c = 5\n")
    assert page.tab.input_value("#rows [type=number]") == "3.1"
    assert page.tab.locator("#drawing svg text", has_text="3.1").count() == 1


def test_a_slider_writes_into_the_program(page: Page) -> None:
    page.run("x = Value(3)  # here\ny = x * x")
    assert "Value J" in page.text("#error")
    page.run("x = Value(3)  # here\nx * x")
    page.tab.focus("#rows [type=range]")
    page.tab.keyboard.press("ArrowLeft")
    page.settle()
    assert page.tab.input_value("#program") == "x = Value(2.9)  # here\nx * x"
    page.tab.fill("#program", "x = Value(7)\nx * x")
    page.tab.keyboard.press("Control+Enter")
    page.settle()
    assert page.tab.input_value("#rows [type=number]") == "7"


def test_steps_go_down_the_gradient_and_back(page: Page) -> None:
    page.open({"kind": "expression", "source": "x*x + y", "values": {"x": 3, "y": 1}, "fixed": ["y"], "rate": 0.25})
    for _ in range(2):
        page.tab.click("#step")
        page.settle()
    assert page.tab.evaluate("state.trail.map(({values, result}) => [values.x, values.y, result.number])") == [
        [3, 1, 10],
        [1.5, 1, 3.25],
        [0.75, 1, 1.5625],
    ]
    assert page.tab.locator("#plots figure").count() == 2
    assert page.tab.locator("#plots .step").count() == 3
    page.tab.click("#on")
    page.tab.wait_for_selector("#plots figcaption:has-text('after each of 5')")
    page.tab.click("#on")
    page.settle()
    page.tab.click("#back")
    page.settle()
    assert page.text("#derivation").startswith("given     x = 3, y = 1\n")


def test_several_steps_asked_for_at_once_are_each_taken(page: Page) -> None:
    page.open({"kind": "program", "source": "x = Value(8.0)\nJ = x * x", "rate": 0.25})
    page.tab.evaluate("for (let i = 0; i < 3; i++) document.getElementById('step').click()")
    page.tab.wait_for_selector("#plots figcaption:has-text('after each of 3')")
    assert page.tab.input_value("#program") == "x = Value(1.0)\nJ = x * x"


# ── links ──


def test_a_link_opens_what_it_was_made_from(page: Page) -> None:
    for example in (COMPARED[6], COMPARED[1]):
        before = page.open(example)
        address = page.tab.evaluate("state.address")
        page.open(EXAMPLES[0])
        page.tab.evaluate("address => { location.hash = address; }", address)
        page.settle()
        if example["kind"] == "program":
            assert page.text("#drawing") == ""
            assert "has not run" in page.text("#status")
            page.tab.click("#run")
            page.settle()
        assert page.tab.evaluate("state.answer") == before
    page.tab.evaluate("location.hash = ''")


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("J=" + quote("__import__('os').system('ls')") + "&x=1", "not allowed"),
        ("J=" + quote("<img src=x onerror=alert(1)>"), "not an expression"),
        ("program=" + quote("while True: pass"), "has not run"),
    ],
)
def test_a_hostile_link_is_shown_and_nothing_more(page: Page, link: str, shown: str) -> None:
    page.tab.evaluate("link => { location.hash = link; }", link)
    page.settle()
    assert shown in page.text("#error") + page.text("#status")
    for kind in ("expression", "program"):  # there and back is no leave to run it
        page.tab.check(f"[value={kind}]", force=True)
        page.settle()
    page.tab.evaluate("location.hash = '%E0%A4%A'")
    page.tab.evaluate("location.hash = ''")
    assert page.open(EXAMPLES[0])["result"]["number"] == 50


def test_only_shapes_enter_the_page(page: Page) -> None:
    """A program can change what draws, so its text is not to be trusted."""
    page.tab.evaluate(
        """showDrawing({svg: `<svg xmlns="http://www.w3.org/2000/svg" width="9pt" onload="alert(1)">
        <script>alert(1)</script><a href="https://example.com"><text>!</text></a>
        <g onclick="alert(1)"><text>J</text></g>
        <foreignObject><meta http-equiv="refresh" content="0;url=https://example.com"/></foreignObject></svg>`})"""
    )
    seen = "[...document.querySelectorAll('#drawing *')].map(e => [e.localName, e.attributes.length])"
    kept = page.tab.evaluate(seen)
    assert kept == [["svg", 3], ["g", 0], ["text", 0]]


# ── it lives on ──


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("x = Value(1.0)\nx +", "line 2: SyntaxError: invalid syntax"),
        ("import os\nos.system('ls')", "nothing to show"),
        ("x = y = Value(1.0)\nfor _ in range(5000): y = y + 1\nJ = y", "the graph has 10,001 nodes"),
        ("x = y = Value(1.0)\nfor _ in range(100_000): y = y + x\nJ = y", "the graph has 100,001 nodes"),
        ("from pyodide.http import open_url\nopen_url('https://example.com')", "Failed to load 'https://example.com/'"),
        ("import js\njs.fetch('https://example.com')\njs.importScripts('https://example.com')", "imports modules"),
    ],
)
def test_the_page_says_what_happened(page: Page, program: str, said: str) -> None:
    page.run(program)
    assert said in page.text("#error") + page.text("#drawing")
    assert page.open(EXAMPLES[0])["result"]["number"] == 50


def test_an_endless_loop_is_stopped_and_python_starts_anew(page: Page) -> None:
    page.tab.check("[value=program]", force=True)
    page.settle()
    page.tab.fill("#program", "while True: pass")
    page.tab.click("#run")
    page.tab.click("#stop")
    assert "Stopped" in page.text("#status")
    assert page.open(EXAMPLES[0])["result"]["number"] == 50
    page.tab.check("[value=program]", force=True)  # and is not run again unasked
    page.settle()
    assert page.tab.is_hidden("#stop")


def test_what_is_too_deep_ends_python_and_not_the_page(page: Page) -> None:
    page.tab.fill("#expression", "-" * 900 + "a")
    page.tab.wait_for_selector("#status:has-text('too deep')")
    page.settle()
    assert page.tab.input_value("#expression") == "-" * 900 + "a"
    assert page.open(EXAMPLES[0])["result"]["number"] == 50


# ── for everybody ──


def test_by_keyboard_alone(page: Page) -> None:
    press: Callable[[str], None] = page.tab.keyboard.press
    focused = "document.activeElement.id || document.activeElement.type"
    page.tab.focus("#language")
    press("Tab")
    press("Tab")
    assert page.tab.evaluate(focused) == "expression"
    press("Control+A")
    page.tab.keyboard.type("2 * a")
    page.settle()
    assert page.text("#derivation").startswith("given     a = 3\n")
    visited = []
    for _ in range(8):
        press("Tab")
        visited.append(page.tab.evaluate(focused))
    assert visited == ["checkbox", "range", "number", "tab-drawing", "drawing", "derivation", "button", "button"]
    page.tab.focus("#tab-drawing")
    press("ArrowRight")
    page.settle()
    assert page.tab.frame_locator("iframe").locator("#next").is_visible()
    press("ArrowRight")
    page.settle()
    assert page.text("#summary").startswith("gradcheck: ok")
    press("ArrowRight")
    assert page.tab.is_visible("#derivation")
    page.tab.focus("[value=expression]")
    press("ArrowRight")
    page.settle()
    page.tab.focus("#program")
    press("Control+A")
    page.tab.keyboard.type("J = Value(1)\nfor i in range(3):\nJ = J * 2")
    press("Control+Enter")
    page.settle()
    assert page.tab.input_value("#program").endswith(":\n    J = J * 2")
    assert "8" in page.text("#derivation")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_violation_of_accessibility(page: Page, scheme: str) -> None:
    page.tab.emulate_media(color_scheme=scheme)
    page.tab.evaluate((build.fetch_npm(*AXE) / "axe.min.js").read_text(encoding="utf-8"))
    page.run(EXAMPLES[1]["source"])
    for view in ("drawing", "player", "certificate"):
        page.tab.click(f"#tab-{view}")
        page.settle()
        found = page.tab.evaluate(
            "axe.run({iframes: false}).then(({violations}) => violations.map(v => [v.id, v.nodes[0].html]))"
        )
        assert found == [], view
    page.tab.emulate_media(color_scheme=None)


def test_nothing_is_wider_than_a_phone(page: Page) -> None:
    page.tab.set_viewport_size({"width": 360, "height": 740})
    page.open(EXAMPLES[1])
    assert page.tab.evaluate("document.documentElement.scrollWidth") == 360
    assert "rankdir=TB" in page.tab.evaluate("state.answer.drawing.dot")
    page.run("print('a report in one line; ' * 20)\nJ = Value(1.0) * 2")
    beyond = "(text => text.scrollWidth - text.clientWidth)(document.querySelector('#printed-text'))"
    assert page.tab.evaluate(beyond) == 0


def test_an_answer_to_what_is_gone_is_not_shown(page: Page) -> None:
    examples = [{"kind": "expression", "source": "a * b", "values": {"a": 2, "b": 3}}, EXAMPLES[2]]
    page.tab.evaluate("([one, other]) => { open(one); update(); open(other); update(); }", examples)
    page.settle()
    assert page.tab.evaluate("state.answer.source") == EXAMPLES[2]["source"]


def test_it_speaks_chinese(page: Page) -> None:
    page.tab.click("#language")
    assert page.tab.get_attribute("html", "lang") == "zh-CN"
    page.run("x = Value(1.0)\n1 / (x - 1)")
    assert page.text("#error").startswith("第 2 行：ZeroDivisionError")
    page.tab.click("#tab-certificate")
    page.open(EXAMPLES[0])
    assert re.fullmatch(r"gradcheck：正确，(\d+) 个数中 \1 个通过核验", page.text("#summary"))
    assert "mul 对第 1 个自变量的偏导数（J）" in page.text("#certificate")
    page.tab.click("#language")
    assert "partial 1 of mul (J)" in page.text("#certificate")
    page.tab.click("#language")
    assert page.tab.evaluate("document.body.innerText.match(/undefined|null|NaN/)") is None
    page.tab.click("#tab-player")
    page.settle()
    player = page.tab.frame_locator("#panel-player iframe")
    player.locator("#next").press("End")
    assert player.locator("#where").text_content() == "第 9 步，共 9 步，反向传播"
    assert re.findall("[A-Za-z]{3,}", str(player.locator("body").inner_text())) == ["Tab"]


def test_saved_files(page: Page, tmp_path: Path) -> None:
    for suffix, begins in {"svg": "<svg", "dot": "digraph", "txt": "given", "html": "<!DOCTYPE html>"}.items():
        with page.tab.expect_download() as download:
            page.tab.click(f"[data-save={suffix}]")
        download.value.save_as(tmp_path / "file")
        assert download.value.suggested_filename == f"J.{suffix}"
        assert (tmp_path / "file").read_text(encoding="utf-8").lstrip("/* \n").startswith(begins)


# ── a site, and a hand-out ──


def test_from_a_server_it_asks_for_its_own_files_once_and_then_for_nothing(site: Path, browser: Any) -> None:
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("localhost", 0), functools.partial(Handler, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://localhost:{server.server_port}/"
        page = Page(browser, here)
        assert sorted(asked) == sorted(["/", *(f"/files/{path.name}" for path in (site / "files").iterdir())])
        page.run(f"from pyodide.http import open_url\nopen_url('{here}index.html')")
        assert "Failed to load" in page.text("#error")
        assert len(asked) == 1 + len(list((site / "files").iterdir()))
        assert all(url.startswith((here, "blob:", "data:")) for url in page.requests)
        page.tab.close()
        server.shutdown()


def test_a_hand_out_opens_with_its_example(site: Path, tmp_path: Path, browser: Any) -> None:
    program = tmp_path / "lesson.py"
    program.write_text("x = Value(2.0)\nJ = x ** 3  # </script>\n", encoding="utf-8")
    build.main(["--out", str(tmp_path / "lesson.html"), "--title", "Lesson <4>", "--program", str(program)])
    tab = browser.new_page()
    tab.goto((tmp_path / "lesson.html").as_uri())
    assert tab.title() == tab.inner_text("h1") == "Lesson <4>"
    assert "J = x³ = 2³ = 8" in tab.inner_text("#derivation")
    assert tab.input_value("#program") == program.read_text(encoding="utf-8")
    tab.close()


def test_licences_stand_beside_it(site: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (site / "licences").rglob("*") if path.is_file()]
    for name in (
        "Mozilla Public License",
        "PYTHON SOFTWARE FOUNDATION LICENSE",
        "Eclipse Public License",
        "MIT License",
    ):
        assert any(name in text for text in texts), name
