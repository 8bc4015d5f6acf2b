"""Run `gradcheck` on random programs over all rows, by both references; print what is accused and what crashes.

    python tests/benchmarks/check_random_programs.py 500000 1     # how many programs, and the seed

The engine is correct as far as anyone knows, so that every line printed is a fault: of the engine, of the check, or
of a reference. A program that the engine refuses, a slope at a pole say, is counted and not checked.
"""

import sys
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.checking import rigorous
from tinygrad_lite.checking import reference
from tinygrad_lite.checking.certificate import gradcheck
from tinygrad_lite.engine.value import Value
from tinygrad_lite.strategies import expressions

REFERENCES = {"decimal": reference.compute, "Arb": rigorous.compute}
ROUND = 1_000  # programs drawn at once: Hypothesis remembers those that it has drawn


def check(program, counts):
    """Count the verdicts on a program by each reference, and print those that should not be."""
    try:
        program(*map(Value, program.inputs)).backward()
    except (ArithmeticError, ValueError):
        counts["refused"] += 1
        return
    for name, compute in REFERENCES.items():
        reference.compute = compute
        try:
            report = gradcheck(program, *program.inputs, raise_exception=False)
        except Exception as error:  # whatever it is, it is a crash of the check
            verdict, found = "crash", repr(error)
        else:
            undecided = any(check.verdict == "unchecked" for check in report.checks)
            verdict, found = "alarm" if not report.ok else "undecided" if undecided else "certified", str(report)
        counts[f"{name}: {verdict}"] += 1
        if verdict != "certified":
            print(f"{name}: {verdict}: {program!r}\n{found}", flush=True)


def main(count=1_000, first=1):
    counts = Counter()
    for start in range(0, count, ROUND):

        @seed(f"{first}, {start}")
        @settings(max_examples=min(ROUND, count - start), phases=[Phase.generate], database=None, deadline=None,
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(expressions())
        def collect(program):
            counts["programs"] += 1
            check(program, counts)

        collect()
        print(dict(counts), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
