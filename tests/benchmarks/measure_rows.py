"""Errors of every row in units in the last place: value, partial derivatives, second and third derivatives.

    PYTHONPATH=. python tests/benchmarks/measure_rows.py            # every row
    PYTHONPATH=. python tests/benchmarks/measure_rows.py erf gelu   # some

Against Arb balls, which enclose the exact number, at 10,000 points of a row's domain, with edges and where it
saturates. A number below the normal range counts in units of 5e-324. Second and third derivatives, of the first
argument, are the engine's own, at 1,000 points. Where terms cancel their largest error is that of the formula.
"""

import json
import math
import random
import statistics
import sys
from decimal import Decimal
from pathlib import Path

import flint
from flint import arb, arb_series

from tests.checking import rigorous
from tinygrad_lite.engine.declaration import TABLE
from tinygrad_lite.engine.derivatives import grad

EDGES = (0.0, 1.0, 0.5, 2.0, 20.0, 26.7, 27.2, 38.5, 40.0, 708.3, 745.0, 1e8, 1e150, 1e300, 1e-300, 1e-8)


def draw(row, rng):
    """A point of the row's domain: moderate, saturating, tiny, huge, an edge, or next to an end of the domain."""
    point = []
    for low, high, is_open in row.domain:
        size = rng.choice((1.0, 4.0, 40.0, 800.0))
        anywhere = rng.uniform(-size, size), rng.choice((-1, 1)) * 10 ** rng.uniform(-300, 300)
        x = rng.choice((*anywhere, *anywhere, rng.choice((-1, 1)) * rng.choice(EDGES)))
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


def measure(row, rng, points=10_000):
    """The largest error of the value and of each partial derivative, with its point, and how many points counted."""
    worst, counted = [(0.0, ())] * (1 + len(row.partials)), 0
    wanted = range(len(row.partials))
    for _ in range(points):
        x = draw(row, rng)
        if row.kink and row.kink.gap(*x) == 0:
            continue
        try:
            y = row.evaluate(x)
        except (ArithmeticError, ValueError):
            continue
        exact = rigorous.compute(row, x, wanted)
        counted += 1
        for i in range(len(worst)):
            try:
                errors = off(y if i == 0 else row.slope(i - 1, x, y), exact[i])
            except (ArithmeticError, ValueError):
                continue
            if errors is not None and errors > worst[i][0]:
                worst[i] = errors, tuple(x)
    return worst, counted


def power(x, n):
    """As `rigorous.power`, of series of any length."""
    return x ** int(float(n[0].mid())) if n[0].mid().is_integer() and n[1] == 0 else (n * x.log()).exp()


def exact_derivatives(row, x):
    """Derivatives 1 to 3 in the first argument, by a power series of length 4."""
    flint.ctx.prec, flint.ctx.cap = 2000, 4
    balls = [rigorous.Ball(arb_series([rigorous.exact(each), arb(int(not i))], 4)) for i, each in enumerate(x)]
    series = rigorous.Ball.apply_primitive(row, tuple(balls)).series
    if series.prec < 4:  # a rule of `rigorous` that has two terms only
        raise rigorous.UndecidedError
    return [series[k] * math.factorial(k) for k in (1, 2, 3)]


def measure_orders(row, rng, points=1_000):
    """For the orders 2 and 3: the errors in the middle, at 99 of 100 points, and the largest."""
    errors = {2: [0.0], 3: [0.0]}
    for _ in range(points):
        x = draw(row, rng)
        f = row
        try:
            exact = exact_derivatives(row, x)
            for order in (1, 2, 3):
                f = grad(f)
                if order > 1 and exact[order - 1].rel_accuracy_bits() > 80:
                    found = off(float(f(*x)), rigorous.decimal(exact[order - 1]))
                    errors[order] += [found] if found is not None else []
        except (ArithmeticError, ValueError, rigorous.UndecidedError):
            continue
    return {k: (statistics.median(e), sorted(e)[int(0.99 * len(e))], max(e), len(e)) for k, e in errors.items()}


if __name__ == "__main__":
    rigorous.RULES["tanh"] = lambda x: x.tanh()
    page = Path(__file__).parents[2] / "docs" / "ulps.json"  # what `make_operations.py` writes on its page
    largest = json.loads(page.read_text(encoding="utf-8")) if page.exists() else {}
    for name in sys.argv[1:] or TABLE:
        rng = random.Random(name)
        row = TABLE[name]
        worst, counted = measure(row, rng)
        print(f"{name:12} {counted:6}  " + "  ".join(f"{errors:.2f} at {x}" for errors, x in worst), flush=True)
        if not row.hidden:
            largest[name] = [round(errors, 2) for errors, _ in worst]
            page.write_text(json.dumps(largest, indent=0) + "\n", encoding="utf-8")
            held = rigorous.RULES["pow"]
            rigorous.RULES["pow"] = power
            for order, (middle, most, greatest, n) in measure_orders(row, rng).items():
                print(f"    derivative {order}: {middle:.1f} in the middle, {most:.1f} at 99 %, {greatest:.3g} of {n}")
            rigorous.RULES["pow"] = held
