"""A recorded graph, computed again node by node: what a program means, and what its errors say."""

import math
from collections.abc import Iterable, Mapping, Sequence

from ..engine.value import Constant, Value, new, topological_order


class Recording:
    """A copy of a graph in which the numbers of the leaves can be changed; the user's nodes stay as they are.

    What depends on no parameter is a number to the backward pass, as data are.

    Args:
        outputs, parameters, data: nodes of the graph.
        frozen: the numbers of its other leaves, where these may have changed since.
    """

    def __init__(
        self,
        outputs: Sequence[Value],
        parameters: Sequence[Value],
        data: Sequence[Value],
        frozen: Mapping[Value, float],
    ) -> None:
        copies: dict[Value, Value] = {x: Value(x.data, x.label) for x in parameters}
        leading = set(parameters)
        self.computed = []
        for node in topological_order(*parameters, *data, *outputs):
            if node in copies:
                continue
            if not leading.isdisjoint(node.inputs):
                leading.add(node)
            inputs = [copies[x] for x in node.inputs]
            copy = copies[node] = new(Value if node in leading else Constant)
            copy.data, copy.grad, copy.label, copy.scope = frozen.get(node, node.data), 0.0, node.label, None
            copy.op, copy.inputs = (node.op, tuple(inputs)) if node in leading else (None, ())
            if node.op:
                self.computed.append((copy, node.op, inputs))
        self.outputs = [copies[x] for x in outputs]
        self.parameters = [copies[x] for x in parameters]
        self.data = [copies[x] for x in data]

    def run(self, theta: Sequence[float], sample: Sequence[float], gradients: bool) -> list[float]:
        """The outputs and, if asked for, the gradient of each, one after the other; errors are those of Values."""
        for x, number in zip((*self.parameters, *self.data), (*theta, *sample), strict=True):
            x.data = number
        for node, row, inputs in self.computed:
            node.data = row.evaluate([x.data for x in inputs], [x.label for x in inputs])
        numbers = [output.data for output in self.outputs]
        for output in self.outputs * gradients:
            for x in self.parameters:
                x.grad = 0.0
            output.backward()
            numbers += [x.grad for x in self.parameters]
        return numbers


def check_sums(sums: Iterable[float], finite: Iterable[bool], outputs: int) -> None:
    """Raise OverflowError where the samples' numbers are finite, and their sum is not.

    `sums` are those of the outputs, then of the gradients; `finite` says of each whether all that it adds up is.
    """
    for i, (total, each) in enumerate(zip(sums, finite, strict=True)):
        if each and not math.isfinite(total):
            what = f"output {i}" if i < outputs else "the gradient"
            raise OverflowError(f"the sum of {what} over the samples is too large for a float")
