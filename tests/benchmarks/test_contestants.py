"""What the benchmarks compare before they time it, on small sizes: everybody installed computes the same."""

import sys

import autograd.test_util
import jax._src.public_test_util
import numpy as np
import pytest

from tests.benchmarks import compare_checks, compare_replay, contestants
from tests.benchmarks.contestants import Work
from tests.heart_disease import patients

NOT_REQUIRED = {name for name in [*compare_replay.OF_ONE_GRAPH, *compare_replay.OF_A_BATCH] if "orch" in name}


@pytest.fixture(autouse=True)
def _recursion_limit_as_it_was():
    """micrograd's sort is recursive, and its contestant raises the limit."""
    limit = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(limit)


def check_all_agree(entries, work):
    calls, ready = compare_replay.agreed(entries, work)
    assert entries.keys() - NOT_REQUIRED <= calls.keys() == ready.keys()


def test_all_agree_on_one_graph():
    check_all_agree(compare_replay.OF_ONE_GRAPH, Work(2))


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # PyTorch warns of itself
@pytest.mark.parametrize("settings", compare_replay.NETS.values(), ids=compare_replay.NETS)
def test_all_agree_on_a_batch(settings):
    check_all_agree(compare_replay.OF_A_BATCH, Work(3, *settings))


def test_who_does_not_agree_is_not_timed():
    def wrong(work):
        step, read = contestants.eager(work)
        return step, lambda loss: (read(loss)[0], [1.000_000_01 * slope for slope in read(loss)[1]])

    with pytest.raises(AssertionError, match="a liar"):
        compare_replay.agreed({"honest": contestants.eager, "a liar": wrong}, Work(2))


@pytest.mark.parametrize("tol", [1e-3, 1e-6])
def test_both_logistic_regressions_stop_by_the_same_rule(tol):
    X, y = map(np.array, patients())
    _, slopes = compare_replay.fitted((X - X.mean(0)) / X.std(0), y, tol)
    assert len(slopes) == 2


def test_the_steps_are_those_of_the_libraries(monkeypatch):
    """`difference` takes the whole step from side to side; JAX goes by its step to either side."""
    steps = []
    monkeypatch.setattr(compare_checks, "along", lambda program, eps: steps.append(eps) or (0.0, 0.0))
    assert compare_checks.jax(None)
    assert compare_checks.autograd(None)
    assert steps == [2 * jax._src.public_test_util.EPS, autograd.test_util.EPS]
