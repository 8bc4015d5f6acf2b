"""What runs a program: the contract of an executor, and what all of them check."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

# Computes sample i with Values: recompute(theta, sample, i, gradients). Its outputs and, if asked for, their gradients,
# in one list; or the error that Values raise, which names the sample.
Recompute = Callable[[Sequence[float], Sequence[float], int, bool], list[float]]


class Executor(Protocol):
    """Runs instructions for a batch of samples."""

    def __call__(
        self, theta: Any, batch: Any, gradients: bool, threads: int, recompute: Recompute
    ) -> tuple[Sequence[float], Sequence[Sequence[float]], Sequence[Sequence[float]]]:
        """The means over the samples, their gradients, and the outputs of each sample.

        Args:
            theta: the parameters, of shape (p,); batch: the samples, of shape (m, d); as the user gave them.
            gradients: whether the gradients are asked for, and not the outputs alone.
            threads: how many may share the samples; the result is the same for any number.
            recompute: what is called for a sample whose numbers, or an operand of a call on the way, are not finite.

        Returns: lists or arrays of shape (k,), (k, p) if they are asked for, and (m, k).

        Raises: TypeError or ValueError for another theta or batch; what `recompute` and `check_sums` raise.
        """
        ...


class SampleExecutor(Executor, Protocol):
    """An executor that computes a single sample, too."""

    def compute_sample(
        self, theta: Sequence[float], sample: Sequence[float], gradients: bool, recompute: Recompute, i: int = 0
    ) -> Sequence[float]:
        """The outputs of sample i and, if they are asked for, their gradients, one after the other.

        Args: as for a call, floats of the right number. A gradient is that of `gradient`: a sum of terms, without the 0
        that `backward` begins with.
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
