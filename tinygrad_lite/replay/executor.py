"""What runs a program: the contract of an executor, and what all of them check."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

# Computes sample i with Values: recompute(theta, sample, i, gradients). Its outputs and, if asked for, their gradients,
# in one list; or the error that Values raise, which names the sample.
Recompute = Callable[[Sequence[float], Sequence[float], int, bool], list[float]]


class Executor(Protocol):
    """Runs instructions, for a batch of samples or a single one."""

    def check(self, theta: Any, batch: Any) -> tuple[Any, Any]:
        """Parameters and samples, as the user gave them, in the form in which this executor reads them.

        Raises: TypeError or ValueError, naming the place, for other shapes than (p,) and (m, d), and for what is no
            real number.
        """
        ...

    def compute_batch(
        self, theta: Any, batch: Any, gradients: bool, threads: int, recompute: Recompute
    ) -> tuple[Sequence[float], Sequence[Sequence[float]]]:
        """The means over the samples, and the outputs of each sample.

        Args:
            theta: the parameters; batch: the samples; as `check` gives them.
            gradients: whether the gradients are asked for, and not the outputs alone.
            threads: how many may share the samples; the result is the same for any number.
            recompute: what is called for a sample whose numbers, or an operand of a call on the way, are not finite.

        Returns: the means of what `compute_sample` gives; the outputs, of shape (m, k). Lists or arrays.

        Raises: what `recompute` and `check_sums` raise.
        """
        ...

    def compute_sample(
        self, theta: Sequence[float], sample: Sequence[float], gradients: bool, recompute: Recompute, i: int = 0
    ) -> Sequence[float]:
        """The outputs of sample i and, if they are asked for, their gradients, one after the other.

        Args: as for a batch, a sequence of floats each. A gradient is that of `gradient`: a sum of terms, without the
        0 that `backward` begins with.
        """
        ...


def check_sums(sums: Iterable[float], finite: Iterable[bool], outputs: int) -> None:
    """Raise OverflowError where the samples' numbers are finite, and their sum is not.

    `sums` are those of the outputs, then of the gradients; `finite` says of each whether all that it adds up is.
    """
    for i, (total, each) in enumerate(zip(sums, finite, strict=True)):
        if each and not math.isfinite(total):
            what = f"output {i}" if i < outputs else "the gradient"
            raise OverflowError(f"the sum of {what} over the samples is too large for a float")
