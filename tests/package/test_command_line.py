"""`python -m tinygrad_lite`, as a user runs it."""

from pathlib import Path

import pytest

from tests.project import python
from tinygrad_lite.__main__ import main
from tinygrad_lite.expression import parse


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments):
    return python("-m", "tinygrad_lite", *arguments, check=False)


FILES = ["backward.svg", "forward.svg", "graph.html", "graph.svg"]


def test_without_arguments_it_works_out_and_draws_the_course_example(tmp_path):
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert "J = v · c = 10 · 5 = 50" in done.stdout
    derivation, files = done.stdout.split("\nfiles")
    files, told = files.split("\nnext")
    assert str(Path("tinygrad_lite_out") / "graph.html") in told
    assert derivation.endswith("gradient  ∂J/∂a = 10, ∂J/∂b = 5, ∂J/∂c = 10")
    assert sorted(map(Path, files.split())) == [Path("tinygrad_lite_out") / name for name in FILES]
    for name in FILES:
        text = (tmp_path / "tinygrad_lite_out" / name).read_text(encoding="utf-8")
        assert "J = v · c" in text
        assert ("∂J/∂a" in text.split("</desc>")[-1]) == (name != "forward.svg")


def test_files_of_other_names_are_left_alone(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    (tmp_path / "mine" / "graph.svg").write_text("of last time")
    main(["a*a", "a=3", "--out", "mine"])
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == sorted([*FILES, "notes.txt"])
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"
    assert "a · a" in (tmp_path / "mine" / "graph.svg").read_text(encoding="utf-8")
    assert "mine/graph.svg" in capsys.readouterr().out


def test_the_page_is_opened_when_that_is_asked_for(tmp_path, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    main(["a*a", "a=3", "--out", str(tmp_path)])
    assert opened == []
    main(["a*a", "a=3", "--out", str(tmp_path), "--open"])
    assert opened == [(tmp_path / "graph.html").as_uri()]


def test_no_files(tmp_path, capsys):
    main(["--no-files", "a*a", "a=3"])
    assert list(tmp_path.iterdir()) == []
    assert "files" not in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_one_line_and_status_2(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SystemExit) as stop:
        main(["--out", "file/folder"])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("tinygrad_lite: ")
    assert "file" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        (["(2*a + b) * c", "a=3", "b=4", "c=5"], "∂J/∂a = 10, ∂J/∂b = 5, ∂J/∂c = 10"),
        (["-x**2", "x=-1.5"], "∂J/∂x = 3"),
        (["-x", "x=1"], "∂J/∂x = −1"),
        (["sigmoid(z) + exp(-z)/maximum(z, 2)", "z=0"], "∂J/∂z = −0.25"),
        (["J*2", "J=1e3"], "∂output/∂J = 2"),
        (["a*b", "--no-files", "a = 1", "b=2"], "∂J/∂a = 2, ∂J/∂b = 1"),
        (["θ + +1", "θ=1"], "∂J/∂θ = 1"),
        (["sin(pi*x)", "x=1"], "∂J/∂x = −3.142"),
        (["log(e) * x", "x=5"], "∂J/∂x = 1"),
        (["pi*e", "pi=3", "e=2"], "∂J/∂pi = 2, ∂J/∂e = 3"),
    ],
)
def test_an_expression_is_worked_out(arguments, last, capsys):
    main(["--no-files", *arguments])
    assert capsys.readouterr().out.rstrip().endswith(f"gradient  {last}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.real", "a=1"], "not allowed: 'a.real'. An expression has numbers, names, + - * / ** and neg,"),
        (["__import__('os').system('true')"], "not allowed"),
        (["a if a else a", "a=1"], "not allowed: 'a if a else a'"),
        (["(lambda: a)()", "a=1"], "not allowed"),
        (["[a][0]", "a=1"], "not allowed"),
        (["a < 1", "a=1"], "not allowed: 'a < 1'"),
        (["a and a", "a=1"], "not allowed"),
        (["a @ a", "a=1"], "not allowed: 'a @ a'"),
        (["a^2", "a=1"], "a power is written a**2"),
        (["2a", "a=1"], "a product is written 2*a"),
        (["True * a", "a=1"], "not allowed: 'True'"),
        (["'a' * a", "a=1"], "not allowed"),
        (["1j * a", "a=1"], "not allowed: '1j'"),
        (["f'{a}'", "a=1"], "not allowed"),
        (["pow_slope(a, 2)", "a=1"], "not allowed"),
        (["exp(x=a)", "a=1"], "not allowed"),
        (["exp(*a)", "a=1"], "not allowed: '*a'"),
        (["exp(a, a)", "a=1"], "exp takes 1 argument, 2 given"),
        (["a +", "a=1"], "not an expression (invalid syntax): a +"),
        (["", "a=1"], "not an expression"),
        (["a\0", "a=1"], "null bytes"),
        (["(" * 300 + "a" + ")" * 300, "a=1"], "not an expression (too many nested parentheses)"),
        (["+".join("a" * 5000), "a=1"], "nested too deeply"),
        (["a * b", "a=1"], "no value for b: add b=1.5"),
        (["a", "a=1", "b=2", "c=3"], "the expression has no b and no c in it"),
        (["2 + 3"], "nothing to differentiate: the expression has no variable in it"),
        (["sin(pi / 2)"], "nothing to differentiate: the expression has no variable in it"),
        (["pi(a)", "a=1"], "not allowed: 'pi(a)'. An expression has"),
        (["a", "a=1", "e=2"], "the expression has no e in it"),
        (["max(a, 2) + 1", "a=1"], "not allowed: 'max(a, 2)': max is called maximum here"),
        (["min(a, 2, 3)", "a=1"], "not allowed: 'min(a, 2, 3)': min is called minimum here"),
        (["ln(a)", "a=1"], "not allowed: 'ln(a)': ln is called log here"),
        (["σ(a)", "a=1"], "not allowed: 'σ(a)': σ is called sigmoid here"),
        (["1 + sigmod(a*b)", "a=1"], "not allowed: 'sigmod(a*b)': is sigmoid meant?"),
        (["math.sin(a)", "a=1"], "not allowed: 'math.sin(a)': is sin meant?"),
        (["tanhh(wx + b)", "w=1"], "not allowed: 'tanhh(wx + b)': is tanh meant?"),
        (["wx + b", "w=1", "x=1", "b=1"], "no value for wx: add wx=1.5 (is wx a product? That is written w*x)"),
        (["a", "a=one"], "a value is written name=number, not 'a=one'"),
        (["a", "a"], "a value is written name=number, not 'a'"),
        (["a", "a=1", "a=2"], "a is given twice"),
        (["log(a)", "a=-1"], "log of -1.0 (node 'a'): outside the domain x > 0"),
        (["a / (b - b)", "a=1", "b=1"], "div of 1.0 (node 'a') and 0.0: division by zero"),
        (["10 ** 309 * a", "a=1"], "pow of 10.0 and 309.0: the result is too large for a float"),
        (["--bogus"], "unrecognized arguments: --bogus"),
    ],
)
def test_anything_wrong_is_one_line_and_status_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert printed.out == ""
    assert printed.err.startswith("tinygrad_lite: ")
    assert printed.err.count("\n") == 1
    assert message in printed.err


def test_a_failure_is_no_traceback_in_a_process_of_its_own():
    done = run("log(a)", "a=0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tinygrad_lite: log of 0.0 (node 'a'): outside the domain x > 0\n"


def test_a_slope_that_does_not_exist_is_an_error_after_the_forward_pass():
    done = run("sqrt(a)", "a=0")
    assert done.returncode == 2
    assert "J = √(a) = √(0) = 0\n" in done.stdout
    assert done.stderr == "tinygrad_lite: backward() through 'J': slope of sqrt of 0.0 (node 'a'): division by zero\n"


def test_signs_are_read_as_they_are_written_out():
    assert parse("−a·b ÷ 2 × 3", {"a": 3, "b": 4}).data == -18


def test_an_expression_is_the_graph_it_says():
    J = parse("2*a + b", {"a": 3, "b": 4})
    assert [x.label for x in J.inputs] == ["", "b"]
    assert [x.data for x in J.inputs[0].inputs] == [2, 3]
