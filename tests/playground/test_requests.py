"""What the page asks of Python, asked without a browser; its words, its examples, and hand-outs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.project import ROOT, module_from

SOURCES = ROOT / "docs" / "playground"
EXAMPLES = json.loads((SOURCES / "examples.json").read_text(encoding="utf-8"))
build = module_from(SOURCES / "build.py")
playground = module_from(SOURCES / "playground.py")


def picture(kind: str, source: str, values: dict[str, float] | None = None, **more: Any) -> Any:
    asked = {"what": "picture", "kind": kind, "source": source, "values": values or {}, "views": [], "rankdir": None}
    return json.loads(playground.answer(json.dumps(asked | more)))


def test_the_values_of_an_expression_in_its_order_and_one_for_a_new_name() -> None:
    answer = picture("expression", "b * a + sigmoid(b) + pi", {"a": 2.0, "gone": 7.0})
    assert list(answer["values"].items()) == [("b", 1.0), ("a", 2.0)]
    assert answer["gradients"]["a"] == {"number": 1.0, "text": "1"}
    assert picture("expression", "e * x", {"e": 2.0, "x": 3.0})["result"]["number"] == 6.0


def test_numbers_of_a_program_are_replaced_where_they_stand() -> None:
    source = (
        "# ŷ\nŷ, 学习率 = Value(-2.5), Value(1e3, 'η')\nw = Value(3)  # Value(3)\nv = [Value(1.0)]\nJ = ŷ * 学习率 * w"
    )
    answer = picture("program", source, {"ŷ": 0.25, "学习率": 4.0})
    assert answer["source"] == source.replace("-2.5", "0.25").replace("1e3", "4.0")
    assert answer["values"] == {"ŷ": 0.25, "学习率": 4.0, "w": 3.0}
    assert answer["result"]["number"] == 3.0
    assert picture("program", source)["source"] == source


@pytest.mark.parametrize(
    ("source", "result"),
    [("J = Value(2.0) * 3\nx = 1", 6.0), ("J = Value(2.0)\nJ * 5", 10.0), ("J = Value(2.0) * 1\nprint('!')", 2.0)],
)
def test_what_a_program_is_about(source: str, result: float) -> None:
    assert picture("program", source)["result"]["number"] == result


@pytest.mark.parametrize(
    ("source", "error", "line"),
    [
        ("x = Value(1.0)\n\ny = x +", "SyntaxError: invalid syntax", 3),
        ("def f():\n    return 1 / 0\nf()", "ZeroDivisionError: division by zero", 2),
        ("import sys\nsys.exit('enough')", "SystemExit: enough", 2),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", 1),
        ("x = 3", "ValueError: nothing to show: call a Value J, or let it be the last line", None),
        ("", "ValueError: nothing to show: call a Value J, or let it be the last line", None),
    ],
)
def test_errors_of_programs_have_a_line(source: str, error: str, line: int | None) -> None:
    answer = picture("program", source)
    assert (answer["error"], answer["line"]) == (error, line)


def test_what_a_program_prints_is_shown_also_before_an_error() -> None:
    answer = picture(
        "program", "print('one')\nimport sys\nprint('two', file=sys.stderr)\nfor i in range(9999): print(i)\nx"
    )
    assert answer["printed"].startswith("one\ntwo\n0\n")
    assert len(answer["printed"]) == playground.PRINTED + 1
    assert answer["line"] == 5


def test_backward_is_called_where_a_program_has_not() -> None:
    for call in ("", "J.backward()", "x.grad = 7.0"):
        assert picture("program", f"x = Value(3.0)\nJ = x * x\n{call}")["gradients"]["x"]["number"] == 6.0


def test_large_graphs_are_counted_and_not_written_out() -> None:
    answer = picture("program", "x = Value(0.5)\ny = x\nfor _ in range(5000): y = y * x\nJ = y")
    assert answer["drawing"] == answer["derivation"]
    assert "5,001 nodes" in answer["drawing"]["error"]
    assert answer["result"] == {"number": 0.0, "text": "0"}


def test_a_drawing_with_too_many_boxes_says_so_beside_its_derivation() -> None:
    answer = picture("program", "J = sum(exp(Value(i / 100)).named(f'y{i}') for i in range(200))")
    assert "150" in answer["drawing"]["error"]
    assert "y199" in answer["derivation"]


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, a curve has all its points."""
    monkeypatch.setattr(playground, "CURVE_SECONDS", 1e6)


@pytest.mark.usefixtures("unhurried")
def test_a_curve_has_gaps_where_there_is_no_value() -> None:
    asked = {"kind": "expression", "source": "sqrt(x) * w", "values": {"x": 1.0, "w": 2.0}, "name": "x"}
    points = playground.curve(**asked, low=-1.0, high=1.0)["points"]
    assert points[0] == [-1.0, None]
    assert points[-1] == [1.0, 2.0]
    assert {y is None for x, y in points if x < 0} == {True}


@pytest.mark.usefixtures("unhurried")
def test_a_curve_runs_the_program_at_each_point() -> None:
    source = "x = Value(1.0)\nJ = 2 * x if x > 0 else 5 * x"
    points = playground.curve("program", source, {"x": 1.0}, "x", -4.0, 4.0)["points"]
    assert [points[0], points[-1]] == [[-4.0, -20.0], [4.0, 8.0]]


def test_a_slow_program_has_no_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playground, "CURVE_SECONDS", 0.0)
    assert playground.curve("program", "x = Value(1.0)\nx * 1", {"x": 1.0}, "x", 0.0, 1.0) == {"points": []}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["en"])
def test_examples_run(example: dict[str, Any]) -> None:
    answer = picture(example["kind"], example["source"], example["values"], views=["player", "certificate"])
    assert "svg" in answer["drawing"]
    assert answer["certificate"]["ok"]
    assert set(example.get("fixed", [])) < answer["values"].keys()
    assert set(example["values"]) <= answer["values"].keys()


def test_both_languages_say_the_same_words() -> None:
    words = json.loads((SOURCES / "words.json").read_text(encoding="utf-8"))
    page = (SOURCES / "playground.html").read_text(encoding="utf-8")
    script = (SOURCES / "playground.js").read_text(encoding="utf-8")
    slots = {
        language: {word: set(re.findall(r"\{\w+\}", text)) for word, text in words[language].items()}
        for language in words
    }
    assert slots["en"] == slots["zh"]
    used = set(re.findall(r'data-(?:word|label)="([\w-]+)"', page)) | set(re.findall(r'\bsay\("([\w-]+)"', script))
    assert used <= words["en"].keys()
    assert {word for word in words["en"].keys() - used if f'"{word}"' not in script} == set()


# ── hand-outs ──


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--expression", "(2*a + b) * c", "a=3", "b=4"], "no value for c: add c=1.5"),
        (["--expression", "a * a", "a=1", "b=2"], "the expression has no b in it"),
        (["--expression", "(a", "a=1"], "not an expression ('(' was never closed): (a"),
        (["--expression", "a / 0", "a=1"], "division by zero"),
        (["--expression", "", "a=1"], "not an expression (invalid syntax): "),
        (["--expression", "a", "a=x"], "a value is written name=number, not 'a=x'"),
        (["a=1"], "a: values are those of an --expression, which is not there"),
        (["--program", "nowhere.py"], "No such file or directory: 'nowhere.py'"),
        ([], "npm is not there: install Node.js, which brings it (https://nodejs.org/)"),
    ],
)
def test_a_hand_out_that_cannot_be_built_says_why(
    arguments: list[str],
    error: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(build, "DOWNLOADS", tmp_path / "downloads")  # nothing is there yet
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        build.main(["--out", str(tmp_path / "lesson.html"), *arguments])
    assert ended.value.code == 2
    assert error in capsys.readouterr().err
    assert not (tmp_path / "lesson.html").exists()


def test_a_program_with_an_error_is_not_handed_out() -> None:
    with pytest.raises(ValueError, match=r"^line 2: NameError: name 'b' is not defined$"):
        build.answer_first({"kind": "program", "source": "a = Value(3)\nJ = a * b", "values": {}})
