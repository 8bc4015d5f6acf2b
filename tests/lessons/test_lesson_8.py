"""Lesson 8: its losses and gradients against matrices with a backward pass by hand, its names, its solution."""

import re
from math import log

import numpy as np
import pytest

from tests.benchmarks import gpt
from tests.lessons import notebook
from tests.lessons.notebook import printed


@pytest.fixture(scope="module")
def lesson():
    with notebook.run("8_") as lesson:
        yield lesson


@pytest.fixture(scope="module")
def initial(lesson):
    return {name: np.array(matrix) for name, matrix in lesson["initial()"].items()}


def test_the_lesson_is_stored_as_it_runs(lesson):
    """But for the bars, which are times, and the invented names, which hang on the last bit of 1,500 steps."""
    lesson.check_stored(of_one_run={"bars", "invented"})


def test_the_names(lesson):
    names = lesson["names"]
    assert len(names) == len(set(names)) == 4368
    assert all(re.fullmatch("[a-z]{2,7}", name) for name in names)
    assert lesson["tokens('abz')"] == [0, 1, 2, 26, 0]


def test_the_model_is_that_of_matrices(lesson, initial):
    assert sum(matrix.size for matrix in initial.values()) == 4064
    for name in ["jo", "johanne"]:
        lesson.run(f"found = by_value(initial(), tokens({name!r}))")
        loss, gradient = gpt.by_matrices(initial, lesson[f"tokens({name!r})"])
        assert lesson["found[0]"] == pytest.approx(loss, rel=1e-12)
        for key, matrix in lesson["found[1]"].items():
            np.testing.assert_allclose(matrix, gradient[key], rtol=1e-9, atol=1e-14)


def test_the_record_gives_the_same_bits(lesson):
    assert lesson["losses[:5]"] == lesson["first_losses"]
    assert printed(lesson, "jit") == "the first five losses are the same, to the last bit: True\n"


def test_it_learns(lesson):
    losses = lesson["losses"]
    assert len(losses) == 1500
    assert losses[0] == pytest.approx(log(27), abs=0.1)
    assert np.mean(losses[-100:]) < 2.4 < np.mean(losses[:20])


def test_invented_names_are_of_letters(lesson):
    before, after = printed(lesson, "invented").splitlines()
    assert before.startswith("before:")
    words = after.removeprefix("after:").split()
    assert len(words) > 20
    assert all(re.fullmatch("[a-z]{1,7}", word) for word in words)


def test_the_solution(lesson):
    """The frequencies of letters, and of letters after a letter, by NumPy's histogram of pairs."""
    alphabet = lesson["alphabet"]
    pairs = np.zeros((27, 27))
    for name in lesson["names"]:
        tokens = [alphabet.index(letter) for letter in f".{name}."]
        np.add.at(pairs, (tokens[:-1], tokens[1:]), 1)
    p = pairs / pairs.sum()
    letters = p.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_letters = -np.nansum(letters * np.log(letters))
        of_pairs = -np.nansum(p * np.log(p / p.sum(axis=1, keepdims=True)))
    recent = np.mean(lesson["losses[-100:]"])
    told = [float(line.split(": ")[1]) for line in lesson.solve().splitlines()]
    assert told == pytest.approx([log(27), of_letters, of_pairs, recent], abs=0.006)
