"""Errors of every row in units in the last place: value, partial derivatives, second and third derivatives.

    PYTHONPATH=. python tests/benchmarks/measure_rows.py            # every row
    PYTHONPATH=. python tests/benchmarks/measure_rows.py erf gelu   # some

Against Arb balls, which enclose the exact number, at 10,000 points of a row's domain, with edges and where it
saturates; second and third derivatives are the engine's own, in each argument by turns. A number
below the normal range counts in units of 5e-324. What is found goes to docs/ulps.json, for `make_operations.py`.
"""

import json
import math
import random
import sys
from decimal import Decimal
from pathlib import Path

from tests.checking import rigorous
from tinygrad_lite.engine.declaration import TABLE
from tinygrad_lite.engine.derivatives import grad

EDGES = (0.0, 1.0, 0.5, 2.0, 20.0, 26.7, 27.2, 38.5, 40.0, 708.3, 745.0, 1e8, 1e150, 1e300, 1e-300, 1e-8)
ZEROS = (0.7517915246935645, 1.2784645427610737, 2.3993572805154677, 1.5707963267948966)  # of slopes, and theirs
POINTS = 10_000
LIMIT = 8  # ULP: the certificate's, of partial derivatives


def draw(row, rng):
    """A point of the row's domain: moderate, saturating, tiny, huge, an edge, or next to one, a zero or an end."""
    point = []
    for low, high, is_open in row.domain:
        size = rng.choice((1.0, 4.0, 40.0, 800.0))
        anywhere = rng.uniform(-size, size), rng.choice((-1, 1)) * 10 ** rng.uniform(-300, 300)
        edge, beside = rng.choice((-1, 1)) * rng.choice(EDGES), 1 + rng.choice((-1, 1)) * 10 ** rng.uniform(-16, -1)
        x = rng.choice((*anywhere, *anywhere, edge, rng.choice((edge, *ZEROS, *(-zero for zero in ZEROS))) * beside))
        ends = [end for end in (low, high) if math.isfinite(end)]
        if ends and (rng.random() < 0.4 or not low <= x <= high):
            end = rng.choice(ends)
            x = end + (1 if end == low else -1) * min(1.0, high - low) * 10 ** rng.uniform(-16, 0)
        point.append(math.nextafter(x, 0.5) if is_open and x in ends else x + 0.0)  # Arb has no −0.0
    return point


def off(ours, exact):
    """By how many units in the last place of the exact number; None where that is not known, or out of range."""
    if exact.is_nan() or abs(exact) > Decimal("1.7e308"):
        return None
    return float(abs(Decimal(ours) - exact) / Decimal(math.ulp(float(exact))))


def measure(row, rng):
    """The largest error of the value and of each partial derivative, with its point, and how many points counted."""
    worst, counted = [(0.0, ())] * (1 + len(row.partials)), 0
    wanted = range(len(row.partials))
    for _ in range(POINTS):
        x = draw(row, rng)
        if row.kink and row.kink.gap(*x) == 0:
            continue
        try:
            y = row.evaluate(x)
            exact = rigorous.compute(row, x, wanted)
        except (ArithmeticError, ValueError):  # the second: beyond the range of `Decimal` too
            continue
        counted += 1
        for i in range(len(worst)):
            try:
                errors = off(y if i == 0 else row.slope(i - 1, x, y), exact[i])
            except (ArithmeticError, ValueError):
                continue
            if errors is not None and errors > worst[i][0]:
                worst[i] = errors, tuple(x)
    return worst, counted


def without_ties(rule):
    """A choice of two, of which no derivative is known where they are the same."""

    def choose(a, b):
        if rigorous.sign_of(a - b) == 0:
            raise rigorous.UndecidedError
        return rule(a, b)

    return choose


def measure_orders(row, rng):
    """For the orders 2 and 3: errors by size, each with its point, and those that are the input's.

    These are beyond the limit, beside a zero of the derivative: an input moved by 8 ULP makes errors as large.
    """
    errors, of_input = {2: [], 3: []}, {2: [], 3: []}
    for k in range(POINTS):
        x, f, i = draw(row, rng), row, k % len(row.partials)
        try:
            if row.kink and row.kink.gap(*x) == 0:
                continue
            ours = [float((f := grad(f, i))(*x)) for _ in range(3)]
            exact = rigorous.differentiate(row, x, i)
        except (ArithmeticError, ValueError, rigorous.UndecidedError):
            continue
        for order in (2, 3):
            found = off(ours[order - 1], exact[order - 1])
            if found is not None:
                moved = abs(exact[order]) * Decimal(LIMIT * math.ulp(x[i]))
                excused = LIMIT < found <= moved / Decimal(math.ulp(float(exact[order - 1])))
                (of_input if excused else errors)[order].append((found, x, i))
    return {order: (sorted(errors[order]), sorted(of_input[order])) for order in (2, 3)}


if __name__ == "__main__":
    rigorous.RULES |= {name: without_ties(rigorous.RULES[name]) for name in ("maximum", "minimum")}
    page = Path(__file__).parents[2] / "docs" / "ulps.json"
    found = json.loads(page.read_text(encoding="utf-8")) | {"points": POINTS}
    for name in sys.argv[1:] or TABLE:
        rng = random.Random(name)
        row = TABLE[name]
        worst, counted = measure(row, rng)
        print(f"{name:12} {counted:6}  " + "  ".join(f"{errors:.2f} at {x}" for errors, x in worst), flush=True)
        if row.hidden:
            continue
        found[name] = {"1": [round(errors, 2) for errors, _ in worst]}
        for order, (errors, of_input) in measure_orders(row, rng).items():
            most = errors[int(0.99 * len(errors))][0] if errors else 0.0
            greatest, *where = errors[-1] if errors else (0.0, (), 0)
            found[name][str(order)] = [round(most, 2), round(greatest, 2), len(of_input)]
            print(f"    derivative {order}: {most:.2f} at 99 % of {len(errors)}, {greatest:.3g} at {where}")
            if of_input:
                print(f"      and {len(of_input)} beside a zero: up to {of_input[-1][0]:.3g}, at {of_input[-1][1]}")
        page.write_text(json.dumps(found, indent=None).replace("}, ", "},\n") + "\n", encoding="utf-8")
