"""`python -m tinygrad_lite`, as a user runs it."""

import subprocess
import sys

import pytest

from tinygrad_lite.__main__ import main
from tinygrad_lite.expression import evaluate


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tinygrad_lite", *arguments], capture_output=True, encoding="utf-8", check=False
    )


def test_without_arguments_it_works_out_the_course_example():
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert "J = v · c = 10 · 5 = 50" in done.stdout
    assert done.stdout.rstrip().endswith("gradient  ∂J/∂a = 10, ∂J/∂b = 5, ∂J/∂c = 10")


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        (["(2*a + b) * c", "a=3", "b=4", "c=5"], "∂J/∂a = 10, ∂J/∂b = 5, ∂J/∂c = 10"),
        (["-x**2", "x=-1.5"], "∂J/∂x = 3"),
        (["-x", "x=1"], "∂J/∂x = −1"),
        (["sigmoid(z) + exp(-z)/maximum(z, 2)", "z=0"], "∂J/∂z = −0.25"),
        (["J*2", "J=1e3"], "∂J/∂J = 2"),
        (["θ + +1", "θ=1"], "∂J/∂θ = 1"),
    ],
)
def test_an_expression_is_worked_out(arguments, last, capsys):
    main(arguments)
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
        (["True * a", "a=1"], "not allowed: 'True'"),
        (["'a' * a", "a=1"], "not allowed"),
        (["1j * a", "a=1"], "not allowed: '1j'"),
        (["f'{a}'", "a=1"], "not allowed"),
        (["pow_slope(a, 2)", "a=1"], "not allowed"),
        (["exp(x=a)", "a=1"], "not allowed"),
        (["exp(*a)", "a=1"], "not allowed: '*a'"),
        (["exp(a, a)", "a=1"], "exp takes 1 arguments, 2 given"),
        (["a +", "a=1"], "not an expression (invalid syntax): a +"),
        (["", "a=1"], "not an expression"),
        (["a\0", "a=1"], "null bytes"),
        (["(" * 300 + "a" + ")" * 300, "a=1"], "not an expression (too many nested parentheses)"),
        (["+".join("a" * 5000), "a=1"], "nested too deeply"),
        (["a * b", "a=1"], "no value for b: add b=1.5"),
        (["a", "a=1", "b=2", "c=3"], "the expression has no b and no c in it"),
        (["2 + 3"], "nothing to differentiate: the expression has no name in it"),
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


def test_an_expression_is_the_graph_it_says():
    J = evaluate("2*a + b", {"a": 3, "b": 4})
    assert [x.label for x in J.inputs] == [None, "b"]
    assert [x.data for x in J.inputs[0].inputs] == [2, 3]
