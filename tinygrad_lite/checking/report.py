"""What a gradient check says: its checks, its report, its error."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from ..engine.value import Constant, Value


class Check(NamedTuple):
    """One number of `node`, and what it should be; `via` are the nodes whose operations give it.

    `what` is "value", "partial 1" (in the first argument), "gradient" (what `backward` left there), "derivative"
    (the same as a graph) or "edge" (the gradient of an input against difference quotients of the whole function).
    `recorded` is off `reference` by so many `ulps`; `remark` is what may have gone wrong.
    `verdict` is "certified", "wrong", "guarded" (no reference, but difference quotients agree) or "unchecked".
    """

    node: Value
    via: tuple[Value, ...]
    what: str
    recorded: float
    reference: float
    ulps: float
    verdict: str
    remark: str = ""

    @property
    def operation(self) -> str:
        """The names of the operations in question."""
        return " and ".join(sorted({node.op.name for node in self.via if node.op})) or self.what

    @property
    def name(self) -> str:
        """What the node is called: its label, else what made it and its number."""
        node = self.node
        return node.label or f"{f'{node.op.name} = ' if node.op else ''}{node.data:.4g}"

    @property
    def subject(self) -> str:
        """The number in a few words: "partial 1 of sigmoid", "gradient of b, through add"."""
        if self.what not in ("gradient", "edge"):
            return f"{self.what} of {self.operation}" + (f" ({self.node.label})" if self.node.label else "")
        return f"gradient of {self.name}" + (f", through {self.operation}" if self.via else "")

    @property
    def rebuild(self) -> str:
        """A line of Python that checks these operations alone, at the same numbers."""
        operands = {x: repr(x.data) for node in self.via for x in node.inputs}
        names = (name + str(i or "") for i in range(len(operands)) for name in "abcdefgh")
        free = {x: next(names) for x in operands if type(x) is not Constant}
        calls = [node.op.python.format(*({**operands, **free}[x] for x in node.inputs)) for node in self.via if node.op]
        return (
            f"gradcheck(lambda {', '.join(free.values())}: {' + '.join(calls)}, {', '.join(operands[x] for x in free)})"
        )

    def __str__(self) -> str:
        node = self.node
        if self.what == "edge":
            where = f"the gradient of input {node.label} = {node.data!r}"
        elif self.what == "derivative":
            where = f"the derivative in {node!r} as a graph, made by gradient() through {self.operation},"
        elif self.what == "gradient":
            where = f"the gradient of {node!r}, left by backward() through {self.operation},"
        else:
            what = self.what.replace("partial", "derivative in argument")
            where = f"the {what} of {self.operation} at ({', '.join(repr(x.data) for x in node.inputs)})"
            where += f" (node {node.label!r})" if node.label else ""
        known = "difference quotients" if "difference quotients" in self.remark or self.what == "edge" else "reference"
        relative = abs(self.recorded - self.reference) / abs(self.reference or math.ulp(0.0))
        lines = [
            f"{where} is {self.verdict}{self.remark and ': '}{self.remark}",
            f"  recorded {self.recorded!r}, {known} {self.reference!r}",
            f"  off by {self.ulps:.3g} ULP, relative error {relative:.3g}",
            f"  {self.rebuild}",
        ]
        return "\n".join(lines if self.via else lines[:-1])


class InputReport(NamedTuple):
    """The gradient of an input, `analytic`, and the exact one of the formula, `reference`.

    They differ by `ulps`: of a float's 16 digits, `digits_lost` are lost to the conditioning of the
    formula. That is information, not an error; NaN where a gradient is wrong, and at a kink, where there is no one
    exact gradient.
    """

    name: str
    data: float
    analytic: float
    reference: float
    ulps: float
    digits_lost: float


class GradcheckReport(NamedTuple):
    """What `gradcheck` found; true if nothing is wrong. Text by `str`, tables in a notebook.

    Attributes:
        value: of the function.
        inputs: each with its gradient.
        checks: every number that was looked at.
    """

    value: float
    inputs: tuple[InputReport, ...]
    checks: tuple[Check, ...]

    @property
    def failures(self) -> list[Check]:
        """The wrong checks, from the output down."""
        return [check for check in self.checks if check.verdict == "wrong"]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.failures

    def __bool__(self) -> bool:
        return self.ok

    @property
    def verdict(self) -> str:
        """ok or WRONG, and how many numbers are certified, guarded and unchecked."""
        counts = Counter(check.verdict for check in self.checks)
        others = "".join(f", {counts[verdict]} {verdict}" for verdict in ("guarded", "unchecked") if counts[verdict])
        certified = f"{counts['certified']} of {len(self.checks)} numbers certified"
        return f"{'ok' if self.ok else 'WRONG'}, {certified}{others}"

    def __str__(self) -> str:
        lines = [f"gradcheck: {self.verdict}", *map(str, self.failures)]
        unknown = "" if not self.ok or any(check.remark for check in self.checks) else ", digits lost unknown"
        for x in self.inputs:
            lost = unknown if math.isnan(x.digits_lost) else f", {x.digits_lost:.1f} digits lost"
            lines.append(f"∂/∂{x.name} = {x.analytic!r} at {x.data!r}{lost}")
        lines += [str(check).splitlines()[0] for check in self.checks if check.verdict in ("guarded", "unchecked")]
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        verdict, _, counts = self.verdict.partition(", ")
        blocks = [f"**gradcheck: {verdict}**, {counts}"]
        for check in self.failures:
            sentence, *numbers = str(check).splitlines()
            blocks += [_escape(sentence), "\n".join(f"  {line}" for line in numbers)]  # by four: shown as they are
        checks = [
            (c.subject, c.recorded, c.reference, c.ulps, c.verdict.replace("wrong", "WRONG")) for c in self.checks
        ]
        return "\n\n".join([*blocks, _table(INPUTS, self.inputs), _table(CHECKS, checks)])


INPUTS = {"input": "", "at": ".6g", "gradient": ".6g", "exact": ".6g", "ULP": ".2g", "digits lost": ".1f"}
CHECKS = {"number": "", "recorded": ".6g", "reference": ".6g", "ULP": ".2g", "verdict": ""}


def _table(columns: dict[str, str], rows: Sequence[tuple[Any, ...]]) -> str:
    """A table in Markdown: columns by title, with the format of their numbers; none of which nothing is known."""
    kept = [i for i in range(len(columns)) if any(row[i] == row[i] for row in rows)]
    forms = list(columns.values())
    lines = [[list(columns)[i] for i in kept], ["---:" if forms[i] else "---" for i in kept]]
    for row in rows:
        cells = ("–" if cell != cell else format(cell, form) for cell, form in zip(row, forms, strict=True))
        written = list(map(_escape, cells))
        lines.append([written[i] for i in kept])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escape(text: str) -> str:
    """Text in Markdown, literally."""
    return re.sub(r"[\\`*_{}\[\]<>#|$~&]", r"\\\g<0>", " ".join(text.splitlines()))


class GradcheckError(AssertionError):
    """A gradient is wrong: `check` says where, and `report` is the whole certificate. It can be pickled and copied."""

    def __init__(self, check: Check, report: GradcheckReport) -> None:
        super().__init__(str(check))
        self.check, self.report = check, report

    def __reduce__(self) -> Any:
        return make_error, (self.check, self.report), self.__dict__


@cache
def _error_class(operation: str) -> type[GradcheckError]:
    """One subclass per operation: of two faults of the same type, Hypothesis would report one."""
    return type("GradcheckError", (GradcheckError,), {"__doc__": f"{operation} is wrong."})


def make_error(check: Check, report: GradcheckReport) -> GradcheckError:
    """The error of a wrong check, of its operation's own class."""
    return _error_class(check.operation)(check, report)
