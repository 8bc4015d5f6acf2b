"""Every mutant of the engine is caught, shrunk to at most three operations, and named."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.checking.mutants import ENGINE, PUBLIC, ROWS, partial, reflected
from tinygrad_lite.checking import reference
from tinygrad_lite.checking.certificate import gradcheck
from tinygrad_lite.checking.report import GradcheckError
from tinygrad_lite.engine.declaration import TABLE, Interval
from tinygrad_lite.strategies import check_gradients, expressions, values

BUDGET = settings(
    max_examples=1_000,
    derandomize=True,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def without_digits_lost(monkeypatch):
    """The exact gradient of the whole formula, which no verdict rests on, takes three quarters of a check's time."""
    monkeypatch.setattr(reference, "compute_gradient", lambda _, leaves: [reference.NAN] * len(leaves))


def simplest_failure(programs, budget=BUDGET):
    """The smallest program that fails the check, and its error."""
    failed = []

    @budget
    @given(programs)
    def certify(program):
        try:
            gradcheck(program, *program.inputs)
        except GradcheckError as error:
            failed.append((program, error))
            raise

    with pytest.raises(GradcheckError):
        certify()
    return failed[-1]


@pytest.mark.parametrize("name", ROWS)
def test_a_wrong_row_is_named(name):
    row, applied = ROWS[name]
    with applied():
        program, error = simplest_failure(expressions(TABLE[row], max_operations=4))
    assert error.check.operation == row
    assert len(program.operations) <= 3, program


@pytest.mark.parametrize("name", ENGINE)
def test_a_wrong_engine_is_caught(name):
    with ENGINE[name]():
        program, error = simplest_failure(expressions())
    assert error.check.what == "gradient"
    assert set(error.check.operation.split(" and ")) <= {line[0] for line in program.operations} | {"gradient"}
    assert len(program.operations) <= 3, program


@pytest.mark.parametrize("name", PUBLIC)
def test_what_one_pass_over_the_graph_does_not_show_is_caught(name):
    what, applied = PUBLIC[name]
    with applied():
        program, error = simplest_failure(expressions())
    assert error.check.what == what
    assert set(error.check.operation.split(" and ")) <= {line[0] for line in program.operations} | {what}
    assert len(program.operations) <= 3, program


@pytest.mark.parametrize("row", ["sub", "div", "pow"])
def test_a_reflected_operator_that_swaps_its_operands_is_named(row):
    with reflected():
        program, error = simplest_failure(expressions(TABLE[row]))
    assert (error.check.what, error.check.operation) == ("value", row)
    assert len(program.operations) == 1, program


@pytest.mark.parametrize(
    ("row", "slope"),
    [
        ("log1p", lambda x, y: 1 / x if x > 1e8 else 1 / (1 + x)),
        ("pow", lambda x, n, y: TABLE["pow_slope"].value(x, n) if x >= 0 else 0.0),
        ("pow", lambda x, n, y: abs(TABLE["pow_slope"].value(x, n))),
    ],
)
def test_a_slope_that_is_wrong_far_out_is_named_at_points_of_its_own(row, slope):
    with partial(row, 0, slope)(), pytest.raises(GradcheckError) as caught:
        check_gradients(TABLE[row])
    assert caught.value.check.operation == row


def test_an_exponent_that_is_rounded_is_named():
    """n·pow(x, n − 1) rounds the exponent, which shows where log x is large: beyond the programs, not the points."""
    with (
        partial("pow", 0, lambda x, n, y: n * TABLE["pow"].value(x, n - 1) if n else 0.0)(),
        pytest.raises(GradcheckError) as caught,
    ):
        check_gradients(TABLE["pow"], values(Interval(1e-150, 1e-100)), values(Interval(0.01, 0.99)))
    assert caught.value.check.operation == "pow"


def test_the_engine_itself_is_not():
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        simplest_failure(expressions(max_operations=2), settings(BUDGET, max_examples=200))
