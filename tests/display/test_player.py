"""`play`: the page needs nothing but itself, and says what the steps say."""

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.display.drawings import course
from tests.project import ROOT
from tinygrad_lite import Value, scope, tanh
from tinygrad_lite.display.derivation import Derivation
from tinygrad_lite.display.player import Player, calculate, play
from tinygrad_lite.engine.symbol import format_number
from tinygrad_lite.engine.value import Constant, reached
from tinygrad_lite.nn import MLP
from tinygrad_lite.strategies import Expression, expressions

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "</script x>",
    "<!--<script x>",
    "{{steps}}",
    "{{svg}}",
    "\u2028\u2029",
    "\\u003c",
    '"',
    "]]>",
    "&lt;",
]


class Page(HTMLParser):
    """The elements, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._open = tag if ("type", "application/json") not in attributes else "json"
        self.texts.setdefault(self._open, []).append("")
        self.attributes += [(tag, name, value or "") for name, value in attributes]

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open][-1] += data


def script(player: Player) -> dict[str, Any]:
    """What the page's script is given."""
    found: dict[str, Any] = json.loads(Page(player.html).texts["json"][0])
    return found


def test_the_steps_are_those_of_the_course() -> None:
    data = script(play(course()))
    assert data["given"] == "Given a = 3, b = 4, c = 5"
    assert [step["question"] + step["answer"] for step in data["steps"]] == [
        "u = 2 · a = 2 · 3 = 6",
        "v = u + b = 6 + 4 = 10",
        "J = v · c = 10 · 5 = 50",
        "∂J/∂J = 1",
        "∂J/∂v += ∂J/∂J · ∂J/∂v = 1 · 5 = 5",
        "∂J/∂c += ∂J/∂J · ∂J/∂c = 1 · 10 = 10",
        "∂J/∂u += ∂J/∂v · ∂v/∂u = 5 · 1 = 5",
        "∂J/∂b += ∂J/∂v · ∂v/∂b = 5 · 1 = 5",
        "∂J/∂a += ∂J/∂u · ∂u/∂a = 5 · 2 = 10",
    ]


def test_contributions_add_up() -> None:
    x = Value(3, "x")
    last = script(play((x * x).named("y")))["steps"][-1]
    assert last["answer"] == "3, sum 6"
    assert list(last["texts"].values()) == [["∂y/∂x = ", "6"]]


def test_what_a_folded_network_is_given_is_its_inputs() -> None:
    network = MLP(3, [4, 4, 1], seed=0)
    player = play(network([Value(1.0, "x1"), Value(2.0, "x2"), Value(3.0, "x3")]))
    assert script(player)["given"] == "Given x1 = 1, x2 = 2, x3 = 3"


def test_of_many_leaves_the_page_names_some() -> None:
    given_ = script(play(sum(Value(float(i), f"x{i}") for i in range(20)).named("y")))["given"]
    assert given_.startswith("Given x0 = 0, x1 = 1, ")
    assert given_.endswith("x11 = 11, and 8 more")


@given(expressions())
def test_a_calculation_adds_up(program: Expression) -> None:
    """A gradient has a term for each use of its node that one reaches, and the numbers are the node's own."""
    output = program(*map(Value, program.inputs))
    output.backward()
    derivation = Derivation(output)
    for x, name, lines in zip(derivation.nodes, derivation.names(), calculate(derivation), strict=True):
        value, gradient = (line.text.split("   ")[0] for line in (lines[0], lines[-1]))
        if type(x) is Constant:
            assert lines == [("value", 0, f"{name}, a constant", f"{name}, a constant")]
            continue
        uses = sum(consumer.inputs.count(x) for consumer in reached(derivation.nodes, [output]))
        assert value.endswith(f" = {format_number(x.data)}")
        assert gradient.endswith(f" = {format_number(x.grad)}")
        assert [line.kind for line in lines] == ["value", *["term"] * (uses if uses > 1 else 0), "gradient"]
        assert all(line.hidden.endswith(" = ?") for line in lines)


def test_what_is_added_and_negative_is_in_brackets() -> None:
    x = Value(-3, "x")
    output = (x * x).named("y")
    output.backward()
    sums = [lines[-1].text for lines in calculate(Derivation(output))]
    assert sums[0].endswith(" = −3 + (−3) = −6")


def test_every_id_of_a_step_is_in_the_picture() -> None:
    player = play(tanh(course()))
    page = Page(player.html)
    ids = {value for tag, name, value in page.attributes if name == "id"}
    prefix = next(value for tag, name, value in page.attributes if (tag, name) == ("svg", "id"))
    for step in script(player)["steps"]:
        assert {f"{prefix}-{name}" for name in [*step["lit"], *step["texts"]]} <= ids


@pytest.mark.parametrize("name", ["a\nb", "a\r\nb\r", "a\tb", "a\0b", "x"])
def test_what_the_steps_write_is_in_the_end_what_the_picture_says(name: str) -> None:
    """Where a label has several lines, a step writes the last one, which has the number."""
    x = Value(3.0, name)
    with scope("s"):
        y = (x * x).named(f"{name}y")
    player = play(y * 2 + x, fold="s")
    elements = {e.get("id", ""): e.text for e in ElementTree.fromstring(player.drawing.svg).iter()}
    written = {entry: text for step in script(player)["steps"] for entry, text in step["texts"].items()}
    said = {id_.partition("-")[2].partition("-")[2]: text for id_, text in elements.items()}
    assert written
    for entry, (text, number) in written.items():
        assert said[entry] == text + number


def test_the_policy_admits_the_page_s_own_styles_and_script_only() -> None:
    page = Page(play(course()).html)
    policy = next(
        value for tag, name, value in page.attributes if (tag, name) == ("meta", "content") and "src" in value
    )
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert directives["default-src"] == "'none'"
    for tag in ("style", "script"):
        digests = {
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in page.texts[tag]
        }
        assert set(directives[f"{tag}-src"].split()) == digests


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_labels_stay_text(name: str) -> None:
    player = play(tanh(Value(1.0, name)).named("y"))
    page = Page(player.html)
    assert len(page.texts["script"]) == 1
    assert not any(attribute.startswith("on") or attribute in {"href", "src"} for _, attribute, _ in page.attributes)
    assert script(player)["given"] == f"Given {name} = 1"


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=24)
)
def test_any_label_reaches_the_script_as_it_is(name: str) -> None:
    player = play(tanh(Value(1.0, name)).named("y"))
    assert script(player)["given"] == f"Given {name} = 1"
    assert script(player)["steps"][0]["question"] == f"y = tanh({name}) = tanh(1) = "
    assert len(re.findall("<script", player.html)) == 2


def test_what_a_file_cannot_hold_does_not_reach_it(tmp_path: Path) -> None:
    player = play(tanh(Value(1.0, "a\ud800\x00b")).named("\udfff"))
    player.save(tmp_path / "y.html")
    player.drawing.save(tmp_path / "z.html")
    assert script(player)["given"] == "Given a\ufffd\ufffdb = 1"


def test_nothing_is_fetched() -> None:
    text = play(course()).html
    assert set(re.findall(r"""https?://[^\s"'<]+""", text)) == {"http://www.w3.org/2000/svg"}
    assert "@import" not in text
    assert "url(" not in text


def test_a_notebook_shows_it_in_a_frame_that_can_do_nothing_but_run(tmp_path: Path) -> None:
    player = play(course())
    frame = Page(player._repr_html_())
    attributes = {name: value for _, name, value in frame.attributes}
    assert attributes["sandbox"] == "allow-scripts"
    assert attributes["srcdoc"] == player.html
    player.save(tmp_path / "J.html")
    assert (tmp_path / "J.html").read_text(encoding="utf-8") == player.html
    assert html.unescape(attributes["title"]) == "Forward and backward pass of J"


def test_names_are_the_variables_of_the_caller_and_gradients_stay() -> None:
    a = Value(3)
    square = a * a
    assert script(play(square))["steps"][0]["question"] == "square = a · a = 3 · 3 = "
    assert a.grad == square.grad == 0.0


def test_what_is_not_a_value_is_refused() -> None:
    with pytest.raises(TypeError, match="'list'"):
        play([course()])


def test_a_page_is_saved_as_html_only(tmp_path):
    a = Value(2.0)
    with pytest.raises(ValueError, match=r"save it as \.html, not"):
        play(a * a).save(tmp_path / "J.svg")
    assert list(tmp_path.iterdir()) == []


def test_the_page_speaks_either_language() -> None:
    words = json.loads((ROOT / "tinygrad_lite" / "display" / "player.json").read_text(encoding="utf-8"))
    slots = [{word: sorted(re.findall(r"\{\w+\}", text)) for word, text in each.items()} for each in words.values()]
    assert slots == slots[:1] * 2
    x = Value(3, "x")
    page = Page(play((x * x).named("y"), language="zh-CN").html)
    assert ("html", "lang", "zh-CN") in page.attributes
    assert page.texts["title"][0] == "y 的前向与反向传播"
    data = json.loads(page.texts["json"][0])
    assert data["steps"][-1]["answer"] == "3，累计 6"
    with pytest.raises(ValueError, match="language is 'en' or 'zh-CN', not 'zh'"):
        play(x, language="zh")
