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
y (of the losses: loss) is the result; [x > 0] is 1 where x > 0, else 0; constants are shown to four digits.

The last column is the largest error that was found, in units in the last place, of the value and of each partial
derivative: at 10,000 points a row, by `tests/benchmarks/measure_rows.py`, subnormal operands and kinks left out. The
certificate's limits are 4 and 8. Where a derivative has a zero, marked by *, digits cancel next to it.

| operation | written | value | partial derivatives | domain | errors |
|---|---|---|---|---|---|
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
    value, *slopes = ULPS[row.name]
    errors = "; ".join([shown(value), ", ".join("*" if row.cancels and x > 8 else shown(x) for x in slopes)])
    cells = [f"`{row.name}`: {row.doc}", written, formula, "; ".join(partials), ", ".join(filter(None, conditions))]
    cells[-1:] = [re.sub(r"(?<!,) ", NO_BREAK, cells[-1]), errors.replace(" ", NO_BREAK)]
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


def shown(error: float) -> str:
    """An error to one place."""
    return f"{round(error, 1):g}"


def page() -> str:
    """The whole page."""
    rows = [row for row in TABLE.values() if row.builtin and not row.hidden]
    return HEAD + "".join(map(line, rows))


if __name__ == "__main__":
    Path(__file__).with_name("operations.md").write_text(page(), encoding="utf-8")
