"""Print the table of docs/gradcheck.md: the certificate beside the tolerances of other libraries.

    python tests/benchmarks/compare_checks.py             # as printed in the page, about five minutes
    python tests/benchmarks/compare_checks.py 200 100     # fewer programs for false alarms, for mutants

The same random programs and the same mutants for all. The steps and tolerances are the published defaults for
float64: PyTorch `gradcheck` (eps 1e−6 to either side, atol 1e−5, rtol 1e−3, each input), JAX `check_grads` (eps 1e−4 to
either side, atol and rtol 1e−5, a random direction), HIPS autograd `check_grads` (eps 1e−6 from side to side, atol or
rtol 1e−6, a random direction).
Where a step leaves the domain of a program, no verdict is counted.
"""

import random
import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.checking import rigorous
from tests.checking.mutants import ENGINE, ROWS
from tinygrad_lite.checking import reference
from tinygrad_lite.checking.certificate import gradcheck
from tinygrad_lite.checking.differences import branch_signature
from tinygrad_lite.engine.value import Value, topological_order
from tinygrad_lite.strategies import expressions


def draw(count, salt):
    """`count` random programs."""
    programs = []

    @seed(salt)
    @settings(max_examples=count, phases=[Phase.generate], database=None, deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(expressions())
    def collect(program):
        programs.append(program)

    collect()
    return programs


def analytic(program):
    xs = [Value(x) for x in program.inputs]
    program(*xs).backward()
    return [x.grad for x in xs]


def difference(program, direction, eps):
    """The central difference of `program` along `direction`, from −eps/2 to eps/2."""
    above, below = (
        program(*(Value(x + side * eps / 2 * d) for x, d in zip(program.inputs, direction, strict=True))).data
        for side in (1, -1)
    )
    return (above - below) / eps


def pytorch(program):
    for i, a in enumerate(analytic(program)):
        n = difference(program, [float(i == j) for j in range(len(program.inputs))], 2e-6)
        if not abs(a - n) <= 1e-5 + 1e-3 * abs(n):
            return False
    return True


def along(program, eps):
    chance = random.Random(0)
    direction = [chance.gauss(0, 1) for _ in program.inputs]
    a = sum(d * grad for d, grad in zip(direction, analytic(program), strict=True))
    return a, difference(program, direction, eps)


def jax(program):
    a, n = along(program, 2e-4)
    return abs(a - n) <= 1e-5 + 1e-5 * abs(n)


def autograd(program):
    a, n = along(program, 1e-6)
    return abs(a - n) < 1e-6 or abs(a - n) < 1e-6 * abs(a + n)


def certificate(program):
    return gradcheck(program, *program.inputs, raise_exception=False).ok


def rigorously(program):
    held = reference.compute
    reference.compute = rigorous.compute
    try:
        return certificate(program)
    finally:
        reference.compute = held


def inconclusive(program):
    report = gradcheck(program, *program.inputs, raise_exception=False)
    return any(check.verdict not in ("certified", "wrong") for check in report.checks)


def verdict(check, program):
    try:
        return check(program)
    except (ArithmeticError, ValueError):
        return None


def at_a_kink(program):
    order = topological_order(program(*map(Value, program.inputs)))
    return any(op and op.kink and side == 0 for op, side in branch_signature(order))


CHECKS = {
    "this certificate (`decimal`)": certificate,
    "this certificate (Arb balls)": rigorously,
    "PyTorch-style": pytorch,
    "JAX-style": jax,
    "autograd-style": autograd,
}


def main(correct=20_000, mutated=2_000):
    programs = draw(correct, 1)
    smooth = [not at_a_kink(program) for program in programs]
    alarms = {}
    for name, check in CHECKS.items():
        wrong = [verdict(check, program) is False for program in programs]
        alarms[name] = (sum(wrong), sum(w and s for w, s in zip(wrong, smooth, strict=True)))
    undecided = sum(verdict(inconclusive, program) is True for program in programs)
    raised = sum(verdict(certificate, program) is None for program in programs)
    some = draw(mutated, 2)
    # What a check rejects anyway says nothing about a mutant.
    passed = {name: [p for p in some if verdict(check, p)] for name, check in CHECKS.items()}
    living = {name: [] for name in CHECKS}
    mutants = {name: applied for name, (_, applied) in ROWS.items()} | ENGINE
    for mutant, applied in mutants.items():
        with applied():
            for name, check in CHECKS.items():
                if not any(verdict(check, program) is False for program in passed[name]):
                    living[name].append(mutant)
    print(f"| check | of {len(mutants)} mutants live | false alarms in {correct:,} | of these not at a kink |")
    print("|---|---|---|---|")
    for name in CHECKS:
        print(f"| {name} | {len(living[name])} | {alarms[name][0]} | {alarms[name][1]} |")
    print(
        f"\nInconclusive: {undecided}. Refused by the engine: {raised}. "
        f"Living under the certificate: {'; '.join(living[next(iter(CHECKS))]) or 'none'}"
    )
    for name in list(CHECKS)[2:]:
        print(f"Living under {name}: {'; '.join(living[name])}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
