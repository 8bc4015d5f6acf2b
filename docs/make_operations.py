"""Write docs/operations.md from the table: `python docs/make_operations.py`."""

import json
import re
from pathlib import Path

from tinygrad_lite.engine.declaration import TABLE, Primitive
from tinygrad_lite.engine.symbol import Symbol, write

HEAD = """\
# Operations

Each is one row of [`primitives.py`](../tinygrad_lite/engine/primitives.py); this page is written from the rows by
`python docs/make_operations.py`. A function works on Values (`tl.exp(v)`, `v.exp()`) and on numbers (`tl.exp(2.0)`).
y is the result, but in atan2 and the losses an argument; [x > 0] is 1 where x > 0, else 0, and in maximum, minimum and
clip ½ at a tie; constants are shown to four digits. What has no real result within its domain, 1/0 or (−8)^0.5, is an
error too.

| operation | written | value | partial derivatives | domain |
|---|---|---|---|---|
"""
ERRORS = """
## Errors

The largest that were found, in units in the last place, at {points:,} points a row by
`tests/benchmarks/measure_rows.py`, kinks left out. The certificate's limits are 4 for values and 8 for partial
derivatives, which stand in the order of the arguments. Of second and third derivatives, each in one argument, first
the error of which 99 % of all points stay within. A * says that digits cancel beside a zero of the derivative, or a
pole: errors beyond 8 there, no larger than what an input moved by 8 units makes, are not counted.

| operation | value | partial derivatives | second derivatives | third derivatives |
|---|---|---|---|---|
"""
NO_BREAK = "\N{NO-BREAK SPACE}"
ULPS = json.loads(Path(__file__).with_name("ulps.json").read_text(encoding="utf-8"))


def line(row: Primitive) -> str:
    """One line of the page."""
    arity = len(row.partials)
    *inputs, y = map(Symbol, row.partials[0].__code__.co_varnames[: arity + 1])
    written = write(Symbol("", row, tuple(inputs)), "plain")
    formula = write(row.definition(*inputs), "plain") if row.definition else written
    partials = [f"∂{x.name}: {write(p(*inputs, y), 'plain')}" for x, p in zip(inputs, row.partials, strict=True)]
    conditions = [d.describe(x.name).replace("-", "−") for x, d in zip(inputs, row.domain, strict=True)]
    cells = [f"`{row.name}`: {row.doc}", written, formula, "; ".join(partials), ", ".join(filter(None, conditions))]
    cells[-1] = re.sub(r"(?<!,) ", NO_BREAK, cells[-1])
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


def line_of_errors(row: Primitive) -> str:
    """One line of the second table."""
    measured = ULPS[row.name]
    value, *slopes = measured["1"]
    cells = [shown(value), ", ".join("*" if row.cancels and error > 8 else shown(error) for error in slopes)]
    for most, largest, beside_zero in (measured["2"], measured["3"]):
        cells.append(f"{shown(most)}, {shown(largest)}{'*' * (beside_zero > 0)}")
    return f"| `{row.name}` | {' | '.join(cell.replace(' ', NO_BREAK) for cell in cells)} |\n"


def shown(error: float) -> str:
    """An error to one place."""
    return f"{round(error, 1):g}"


def page() -> str:
    """The whole page."""
    rows = [row for row in TABLE.values() if row.builtin and not row.hidden]
    errors = ERRORS.format(points=ULPS["points"]) + "".join(map(line_of_errors, rows))
    return HEAD + "".join(map(line, rows)) + errors


if __name__ == "__main__":
    Path(__file__).with_name("operations.md").write_text(page(), encoding="utf-8")
