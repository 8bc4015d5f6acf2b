"""A program as straight-line Python: a text to read, and a function to run."""

import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from math import inf, isfinite, nan
from operator import add
from typing import Any

from ..engine.arguments import check_matrix, check_vector
from ..engine.declaration import TABLE
from ..engine.symbol import Symbol, write
from .executor import Recompute, check_sums
from .inlining import FLOAT_POWER
from .instructions import Call, Instructions
from .kernel_recording import CHAIN, CONSTANT, DATA, MINUS_ZERO, PARAMETER, ZERO

KEPT = ("program", "theta", "sample", "check", "inf", "nan", "__debug__")  # names that no node has in the text
NAMES = 10  # of leaves on one line
TERMS = 50  # of a sum on one line: Python's compiler is recursive


def source(instructions: Instructions, gradients: bool = True) -> str:
    """The forward pass, and unless `gradients` is False the backward pass, as a function of `theta` and `sample`.

    It returns the outputs; for each output the gradient; and a number that is not finite where an operand
    of a call was not.
    """
    return "\n".join(_Writer(instructions, gradients).lines()) + "\n"


class PythonExecutor:
    """The executor that needs nothing: the program's text, run by Python sample by sample, in one thread."""

    def __init__(self, instructions: Instructions) -> None:
        self.instructions = instructions
        self.p, self.d = len(instructions.parameters), len(instructions.data)
        self.functions: dict[bool, Callable[..., Any]] = {}

    def check(self, theta: Any, batch: Any) -> tuple[list[float], list[list[float]]]:
        """As `Executor` says, in lists."""
        numbers = check_vector(theta, self.p, "theta")
        if type(batch) is list and len(batch) == 1:  # three times as fast as any number of samples
            return numbers, [check_vector(batch[0], self.d, "batch[0]")]
        return numbers, check_matrix(batch, self.d, "batch")

    def compute_batch(
        self, theta: Any, batch: Any, gradients: bool, threads: int, recompute: Recompute
    ) -> tuple[list[float], list[list[float]]]:
        """As `Executor` says."""
        k, m = len(self.instructions.outputs), len(batch)
        totals = [-0.0] * k + [0.0] * (k * len(theta) * gradients)  # −0.0 + x is x, whichever zero x is
        finite = [True] * len(totals)
        outputs = []
        for i, sample in enumerate(batch):
            results = self.compute_sample(theta, sample, gradients, recompute, i)
            outputs.append(results[:k])
            totals = list(map(add, totals, results))
            if not isfinite(sum(results)):
                finite = [each and isfinite(x) for each, x in zip(finite, results, strict=True)]
        if gradients:  # else the outputs are asked for, not their mean
            check_sums(totals, finite, k)
        return [total / m for total in totals], outputs

    def compute_sample(
        self, theta: Sequence[float], sample: Sequence[float], gradients: bool, recompute: Recompute, i: int = 0
    ) -> list[float]:
        """As `Executor` says."""
        results: list[float]
        try:
            results, slopes, check = (self.functions.get(gradients) or self._compile(gradients))(theta, sample)
            for each in slopes:
                results += each
            if isfinite(check + sum(results)):
                return results
        except (ArithmeticError, TypeError, ValueError):  # TypeError where a user-defined row gives no float
            pass
        return recompute(theta, sample, i, gradients)

    def _compile(self, gradients: bool) -> Callable[..., Any]:
        """The program, with or without its backward pass, as a Python function."""
        names: dict[str, Any] = {row.name: Call(row).function for row in TABLE.values()} | {"inf": inf, "nan": nan}
        names |= {f"_call_{kind}": call.function for kind, call in enumerate(self.instructions.calls)}
        exec(compile(source(self.instructions, gradients), "<program>", "exec"), names)
        function: Callable[..., Any] = names["program"]
        self.functions[gradients] = function
        return function


class _Writer:
    def __init__(self, instructions: Instructions, gradients: bool) -> None:
        self.instructions = instructions
        self.end = len(instructions) if gradients else instructions.forward
        self.gradients = instructions.gradients if gradients else []
        self.summed = set(chain.from_iterable(self.gradients))
        self.texts: list[str] = []  # for each slot its name, or the number that it holds
        calls = (f"_call_{kind}" for kind in range(len(instructions.calls)))
        self.reserved = {*TABLE, *calls, *KEPT, *keyword.kwlist}
        self.taken = set(self.reserved)
        self.alike = Counter[str]()  # how many slots had a name before

    def lines(self) -> Iterator[str]:
        """The text, line by line."""
        leaves: dict[int, list[str]] = {PARAMETER: [], DATA: []}
        computed = set()
        checked: dict[str, str] = {}
        body = ["    # forward"]
        for slot, (kind, operands) in enumerate(self.instructions):
            if slot == self.instructions.forward:
                body.append("    # backward: dx is the gradient with respect to x")
            if slot == self.end:
                break
            if kind == CONSTANT:
                self.texts.append(repr(self.instructions.constants[operands[0]]))
                continue
            name = self.name(slot)
            self.texts.append(name)
            if kind in leaves:
                leaves[kind].append(name)
                continue
            computed.add(name)
            if kind == CHAIN:
                body += assignment(name, self.terms(slot, *operands))
            else:
                texts = [self.texts[i] for i in operands]
                body.append(f"    {name} = {self.call(kind, texts)}")
                checked |= {x: f"+ {x}" for x in texts if x in computed}
        yield "def program(theta, sample):"
        for names, whole in zip(leaves.values(), ("theta", "sample"), strict=True):
            if names:
                lines = (", ".join(names[i : i + NAMES]) for i in range(0, len(names), NAMES))
                inside = ",\n     ".join(lines)
                yield f"    [{inside}] = {whole}"
        yield from body
        if checked:
            yield "    # not finite if an operand of a function is not"
            yield from assignment("check", list(checked.values()))
        results = (self.instructions.outputs, *self.gradients)
        outputs, *gradients = (f"[{', '.join(self.texts[slot] for slot in slots)}]" for slots in results)
        check = "check" if checked else "0.0"
        yield f"    return {outputs}, [{', '.join(gradients)}], {check}  # outputs, gradients, check"

    def call(self, kind: int, operands: list[str]) -> str:
        """A call as its row is written, if the row of that name is still this one and hides no other name."""
        row, partial = self.instructions.calls[kind]
        if row is FLOAT_POWER:
            return " ** ".join(f"({x})" if x.startswith("-") else x for x in operands)
        if partial is None and TABLE.get(row.name) is row and row.name not in KEPT:
            return write(Symbol("", row, tuple(map(Symbol, operands))), "python")
        return f"_call_{kind}({', '.join(operands)})"

    def terms(self, slot: int, base: int, *factors: int) -> list[str]:
        """A chain's terms with their signs; without the 0 that gradients begin with, for `PythonExecutor` adds it."""
        bare = (base == MINUS_ZERO and len(factors) > 0) or (base == ZERO and slot in self.summed)
        terms = [] if bare else [f"+ {self.texts[base]}"]
        for pair in zip(factors[::2], factors[1::2], strict=True):
            a, b = (self.texts[factor] for factor in pair)
            match a, b:
                case (x, "1.0") | ("1.0", x):
                    terms.append(f"+ {x}")
                case x, "-1.0":
                    terms.append(f"- {x}")
                case _:
                    terms.append(f"+ {a} * {b}")
        return terms

    def name(self, slot: int) -> str:
        """A name for a slot: its own, changed where that cannot be a variable's, numbered where it is taken."""
        name = self.instructions.names.get(slot, f"v{slot}")
        if slot in self.instructions.gradient_of:
            name = f"d{self.texts[self.instructions.gradient_of[slot]]}"
        name = unicodedata.normalize("NFKC", name)  # as Python reads it
        name = re.sub(r"\W", "_", name)
        if not name.isidentifier():
            name = f"v{slot}"
        name = fresh = f"{name}_" if name in self.reserved else name
        while fresh in self.taken:
            self.alike[name] += 1
            fresh = f"{name}_{self.alike[name] + 1}"
        self.taken.add(fresh)
        return fresh


def assignment(name: str, terms: list[str]) -> Iterator[str]:
    """The lines that add up the terms."""
    first = " ".join(terms[:TERMS]).removeprefix("+ ") or "0.0"
    yield f"    {name} = {first.replace('- ', '-', 1) if first.startswith('- ') else first}"
    for i in range(TERMS, len(terms), TERMS):
        yield f"    {name} = {name} {' '.join(terms[i : i + TERMS])}"
