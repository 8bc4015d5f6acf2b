"""Lesson 7: its numbers against NumPy's matrices, and that it goes on without Numba and PyTorch."""

import os
import re
from importlib.util import find_spec
from itertools import pairwise

import nbformat
import numpy as np
import pytest

from tests.lessons import notebook
from tests.lessons.notebook import printed
from tests.pictures import told
from tests.project import python

SIZES = [2, 16, 16, 1]
TRAINED = "[p.data for p in parameters]"
OPTIONAL = {"numba": "Program, compiled", "torch": "PyTorch"}


@pytest.fixture(scope="module")
def lesson():
    with notebook.run("7_") as lesson:
        # Numba comes with the project, PyTorch does not
        lesson.optional = [bar for name, bar in OPTIONAL.items() if name == "numba" or find_spec(name)]
        yield lesson


def layers(theta):
    """Weights and bias of each layer; a neuron's bias is behind its weights."""
    for nin, nout in pairwise(SIZES):
        layer, theta = np.split(np.asarray(theta), [nout * (nin + 1)])
        layer = layer.reshape(nout, nin + 1)
        yield layer[:, :-1], layer[:, -1:]


def scores(theta, X):
    """z for each row of X, and what goes into each layer, samples in columns."""
    *hidden, (W, b) = layers(theta)
    inputs = [np.transpose(X)]
    for V, c in hidden:
        inputs.append(np.tanh(V @ inputs[-1] + c))
    return (W @ inputs[-1] + b)[0], inputs


def loss_and_gradient(theta, X, y):
    """The course's formulas, layer by layer: ∂J/∂z = (ŷ − y)/m, ∂J/∂W = ∂J/∂z aᵀ, and tanh′ = 1 − a²."""
    z, inputs = scores(theta, X)
    delta = ((1 / (1 + np.exp(-z)) - y) / len(y))[np.newaxis]
    parts = []
    for (W, _), a in zip(reversed(list(layers(theta))), reversed(inputs), strict=True):
        parts.append(np.column_stack([delta @ a.T, delta.sum(axis=1)]).ravel())
        delta = W.T @ delta * (1 - a**2)
    return np.mean(np.logaddexp(0, z) - y * z), np.concatenate(parts[::-1])


@pytest.fixture(scope="module")
def moons(lesson):
    return np.array(lesson["X"]), np.array(lesson["y"])


@pytest.fixture(scope="module")
def untrained(lesson):
    return np.array(lesson["[p.data for p in MLP(2, [16, 16, 1], seed=3).parameters()]"])


def test_the_lesson_is_stored_as_it_runs(lesson):
    """With the same text and pictures, whatever is installed; the bars are of all who can be, and of one run."""
    lesson.check_stored(of_one_run={"bars"})
    [[stored]] = [cell.outputs for cell in lesson.stored.cells if cell.id == "bars"]
    said = [text for text in told(stored.data["image/svg+xml"]) if isinstance(text, str)]
    bars = ["Value by Value", "Program, python", *OPTIONAL.values()]
    assert [text.strip() for text in said if text.strip() in bars] == bars
    assert sum(bool(re.fullmatch(r"[\d.]+ ms", text.strip())) for text in said) == len(bars)


def test_without_numba_and_pytorch_it_says_the_same():
    """Its cells as one program, where neither can be imported; the pictures are not drawn."""
    [path] = notebook.LESSONS.glob("7_*.ipynb")
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    barred = f"import sys\nsys.modules.update(dict.fromkeys({[*OPTIONAL]}))\nsys.stdout.reconfigure(encoding='utf-8')\n"
    code = re.sub(r"^%.*$", "", "\n".join(cell.source for cell in cells), flags=re.MULTILINE)
    done = python(
        "-c", f"{barred}{code}\nprint(*times, sep=', ')", cwd=path.parent, env={**os.environ, "MPLBACKEND": "agg"}
    )
    stored = [output.text for cell in cells for output in cell.outputs if output.output_type == "stream"]
    assert done.stdout == "".join([*stored, "Value by Value, Program, python\n"])


def test_the_printed_program_runs(lesson):
    """J = (2a + b)c, and its gradient is (2c, c, 2a + b)."""
    names = {}
    exec(printed(lesson, "source"), names)
    for a, b, c in [(3, 4, 5), (1, 1, 1), (-2, 0.5, 4)]:
        expected = [[(2 * a + b) * c], [[2 * c, c, 2 * a + b]]]
        assert [*names["program"]([a, b, c], [])][:2] == expected
    assert printed(lesson, "replay").splitlines() == [
        "a, b, c = [3, 4, 5]:  J = 50.0,  gradient [10.0, 5.0, 10.0]",
        "a, b, c = [1, 1, 1]:  J = 3.0,  gradient [2.0, 1.0, 3.0]",
    ]


def test_jit_gives_what_the_program_gives(lesson):
    lines = [line.split(":  ") for line in printed(lesson, "jit").splitlines()]
    assert [told for told, _ in lines] == ["a, b, c = [3, 4, 5]", "a, b, c = [1, 1, 1]"]
    assert [told for _, told in lines] == [
        "J, gradient = (50.0, [10.0, 5.0, 10.0])",
        "J, gradient = (3.0, [2.0, 1.0, 3.0])",
    ]


def test_the_first_neuron_of_the_source(lesson):
    """A sum of the bias and two products, then its tanh."""
    total, activated = printed(lesson, "programs").splitlines()[1:]
    name = total.split()[0]
    assert [part.count(" * ") for part in total.split(" = ")[1].split(" + ")] == [0, 1, 1]
    assert activated.split(" = ")[1] == f"tanh({name})"


def test_moons(moons):
    """Each point is within five standard deviations of its half circle, whose radius is 1."""
    X, y = moons
    assert X.shape == (100, 2)
    assert sum(y) == 50
    centres = np.where(y[:, np.newaxis], [1, 0.5], [0, 0])
    assert np.max(np.abs(np.hypot(*(X - centres).T) - 1)) < 0.5
    assert np.all((X - centres)[:, 1] * (1 - 2 * y) > -0.5)


def test_the_bits_are_those_of_values_for_other_samples_too(lesson):
    assert len(lesson["by_value"]) == 338
    answer = lesson.run("""
from struct import pack

for x, y_i in list(zip(X, y))[1:6]:
    model.zero_grad()
    one = binary_cross_entropy_with_logits(model(x), y_i)
    one.backward()
    numbers = [one.data, *(p.grad for p in parameters)]
    for replayed in programs.values():
        mean, slopes = replayed([p.data for p in parameters], [[*x, y_i]])
        print(pack("338d", *numbers) == pack("338d", mean, *slopes))
""")
    assert set(answer.split()) == {"True"}
    assert "the same bits: True" in printed(lesson, "bits")


def test_one_bar_for_each_contestant_and_all_compute_the_same(lesson, moons, untrained):
    bars = ["Value by Value", "Program, python", *lesson.optional]
    assert lesson["list(times)"] == bars
    assert lesson["[bar.get_width() for bar in bars]"] == lesson["list(times.values())"]
    assert min(lesson["list(times.values())"]) > 0

    contestants = ["value_by_value()", *(f"programs[{name!r}]({TRAINED}, batch)" for name in lesson["list(programs)"])]
    assert len(contestants) == len(bars) - ("PyTorch" in bars)
    loss, gradient = loss_and_gradient(lesson[TRAINED], *moons)
    for call in contestants:
        mean, slopes = lesson[call]
        assert mean == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(slopes, gradient, rtol=1e-9, atol=1e-15)
    if "PyTorch" in bars:  # its weights are copies, made before the training
        loss, gradient = loss_and_gradient(untrained, *moons)
        assert lesson["pytorch().item()"] == pytest.approx(loss, rel=1e-12)
        slopes = lesson["[torch.column_stack([s.weight.grad, s.bias.grad]).ravel().tolist() for s in network[::2]]"]
        np.testing.assert_allclose(np.concatenate(slopes), gradient, rtol=1e-9, atol=1e-15)


def test_training_follows_numpy_s_descent(lesson, moons, untrained):
    theta, curve = untrained, []
    for _ in range(200):
        loss, gradient = loss_and_gradient(theta, *moons)
        curve.append(loss)
        theta = theta - 0.5 * gradient
    np.testing.assert_allclose(lesson["curve"], curve, rtol=1e-9)
    np.testing.assert_allclose(lesson[TRAINED], theta, rtol=1e-7, atol=1e-9)


def test_the_model_itself_tells_the_moons_apart(lesson, moons):
    X, y = moons
    z = np.array(lesson["[model(x) for x in X]"])
    np.testing.assert_allclose(z, scores(lesson[TRAINED], X)[0], rtol=1e-9)
    assert lesson["correct"] == np.sum((z > 0) == y) == 100


def test_the_boundary_is_drawn_where_it_is(lesson):
    across, up = np.meshgrid(lesson["across"], lesson["up"])
    expected, _ = scores(lesson[TRAINED], np.column_stack([across.ravel(), up.ravel()]))
    heights = np.array(lesson["heights"])
    np.testing.assert_allclose(heights, expected.reshape(across.shape), rtol=1e-9, atol=1e-12)
    assert -99 < heights.min() < 0 < heights.max() < 99  # or the plot would leave some ground white


def test_an_if_is_frozen_and_maximum_is_not(lesson):
    """z = x/2 + 1 is 2 and −2; the leaky ReLU makes 2 and −0.2 of it, its right branch 2 and −2."""
    warning, program = printed(lesson, "frozen").split("\n\n", 1)
    assert "neuron is recorded once, and takes the number of a Value here (>)" in " ".join(warning.split())
    assert "if" not in program
    for name, expected in [("frozen", [2, -2]), ("mended", [2, -0.2])]:
        assert lesson[f"[{name}(0.5, 1.0, x)[0] for x in (2.0, -6.0)]"] == pytest.approx(expected)
    assert printed(lesson, "compare").split("[")[1].startswith("2.0, -0.2]")
    # by w: x where the slope is 1, and a tenth of it where it is 0.1
    slopes = lesson["[mended(0.5, 1.0, x)[1] for x in (2.0, -6.0)]"]
    assert slopes == [pytest.approx([2, 1]), pytest.approx([-0.6, 0.1])]


@pytest.mark.parametrize("formula", ["max(q, -q)", "sorted([q, -q])[1]", "q * q.data", "float(q) + 0 * q", "q * k"])
def test_what_else_is_frozen(lesson, formula):
    """Recorded at q = 2 and k = 3, replayed at −1 and 7."""
    replay = f"q, k = Value(2.0), Value(3.0)\nfrozen_too = Program({formula}, [q])\nk.data = 7.0\n"
    replay += f"q_ = frozen_too.outputs([-1.0])\nq, k = Value(-1.0), Value(7.0)\nprint(q_, float({formula}))"
    replayed, right = map(float, lesson.run(replay).split())
    assert replayed != right


@pytest.mark.parametrize("formula", ["max(q, -q)", "sorted([q, -q])[1]", "q * q.data", "float(q) + 0 * q"])
def test_jit_warns_of_it(lesson, formula):
    """And of a number that the function finds around it, it cannot: that is no argument."""
    code = "with warnings.catch_warnings(record=True) as caught:\n    jit(lambda q: {})(2.0)\nprint(len(caught))"
    assert lesson.run(code.format(formula)) != "0\n"
    assert lesson.run("k = 3.0\n" + code.format("q * k")) == "0\n"


def test_exercise(lesson):
    """f is x² and −x: right is (4, 4) at 2 and (3, −1) at −3."""
    lines = [line.replace(",", "").replace(":", "").split() for line in lesson.solve().splitlines()]
    numbers = {(line[0], float(line[3]), float(line[5])): (float(line[7]), float(line[9])) for line in lines}
    assert numbers == {
        ("f", 2, 2): (4, 4),
        ("f", 2, -3): (9, -6),
        ("f", -3, 2): (-2, -1),
        ("f", -3, -3): (3, -1),
        **{("by_operations", start, 2): (4, 4) for start in (2, -3)},
        **{("by_operations", start, -3): (3, -1) for start in (2, -3)},
    }
