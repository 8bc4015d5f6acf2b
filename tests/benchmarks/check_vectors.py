"""How far rows by vectors are from the true numbers: the largest error of each, in units in the last place.

    python tests/benchmarks/check_vectors.py            # 100,000 points a row: minutes
    python tests/benchmarks/check_vectors.py 1000 tanh  # so many, of some rows

The limits are those of `gradcheck`: 4 for a value, 8 for a partial derivative. Of all points those are looked up in
high precision at which a row by vectors differs most from the exact one.
"""

import math
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tinygrad_lite import Program, Value, gradient
from tinygrad_lite.checking import reference
from tinygrad_lite.checking.certificate import PARTIAL_ULPS, VALUE_ULPS
from tinygrad_lite.engine.declaration import TABLE
from tinygrad_lite.replay.kernel_vectors import row_on_vectors

LOOKED_UP = 200


def vectorized_rows():
    return [row for row in TABLE.values() if row_on_vectors(row)]


def draw(row, n, seed=0):
    """About n points in the domain of a row, which it has a value for: moderate, tiny, large, whole numbers.

    Labels are 0 or 1 where others make a slope cancel, in which no formula keeps its digits.
    """
    generator = np.random.default_rng(seed)
    shape = n, len(row.partials)
    sizes = np.where(
        generator.random(shape) < 0.3, np.exp(generator.uniform(-40, 7, shape)), generator.uniform(0, 3, shape)
    )
    points = sizes * generator.choice([-1.0, 1.0], shape)
    points = np.where(generator.random(shape) < 0.1, np.round(points), points)
    for column, (low, high, _) in zip(points.T, row.domain, strict=True):
        if math.isfinite(low) and math.isfinite(high):
            column[:] = low + np.abs(column) % 1 * (high - low)
        elif math.isfinite(low):
            column[:] = low + np.abs(column)
    if row.cancels:
        points[:, -1] = np.round(points[:, -1])
    kept = []
    for point in points.tolist():
        try:
            row.evaluate(point)
            kept.append(point)
        except (ArithmeticError, ValueError):
            pass
    return kept


def compute(row, points, exact=False):
    """The value of a row, and its partial derivatives, at points: by programs over columns."""
    xs = [Value(x) for x in points[0]]
    y = row(*xs)
    columns = []
    for node in (y, *gradient(y, xs)):
        program = Program(node, [], xs, executor="compiled", exact=exact)
        try:
            columns.append(program.outputs([], points).tolist())
        except (ArithmeticError, ValueError):  # a slope at a pole: point by point
            columns.append([_output(program, point) for point in points])
    return np.array(columns).T


def _output(program, point):
    try:
        return float(program.outputs([], [point])[0])
    except (ArithmeticError, ValueError):
        return math.nan


def worst(row, n):
    """The largest errors of a row's value and of its partial derivatives, each with its point."""
    points = draw(row, n)
    numbers, exact = compute(row, points), compute(row, points, exact=True)
    with np.errstate(all="ignore"):
        differences = np.nan_to_num(np.abs(numbers - exact) / np.spacing(np.abs(exact)))
    found = []
    for i, column in enumerate(differences.T):
        errors = [(0.0, None)]
        for point, number in ((points[k], numbers[k, i]) for k in np.argsort(column)[-LOOKED_UP:]):
            true = reference.compute(row, point, [i - 1] if i else [])[-1]
            if true.is_finite() and math.isfinite(number) and abs(true) >= Decimal(sys.float_info.min):
                errors.append((float(abs(Decimal(float(number)) - true) / Decimal(math.ulp(float(true)))), point))
        found.append(max(errors, key=lambda each: each[0]))
    return found


def limits(row):
    """A hidden row's value is the slope of another row."""
    return [PARTIAL_ULPS if row.hidden else VALUE_ULPS, *[PARTIAL_ULPS] * len(row.partials)]


def main(n="100000", *names):
    for row in vectorized_rows():
        if not names or row.name in names:
            errors = worst(row, int(n))
            texts = [f"{ulps:.2f} at {point}" for ulps, point in errors]
            beyond = any(ulps > limit for (ulps, _), limit in zip(errors, limits(row), strict=True))
            print(
                row.name + " BEYOND ITS LIMITS" * beyond, *texts, sep="\n    " if len(texts) > 2 else "  ", flush=True
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
