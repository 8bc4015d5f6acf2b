"""A recorded graph, computed again node by node: what a program means, and what its errors say."""

import math
from collections.abc import Iterable, Mapping, Sequence

from ..engine.value import Constant, Value, dependents, make_node, topological_order


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
        order = topological_order(*parameters, *data, *outputs)
        leading = dependents(order, parameters)
        copies: dict[Value, Value] = {}
        self.computed = []
        for x in order:
            inputs = tuple(copies[each] for each in x.inputs)
            if x in leading:
                copies[x] = make_node(Value, x.data, x.op, inputs, x.label)
            else:
                copies[x] = make_node(Constant, frozen.get(x, x.data), None, (), x.label)
            if x.op:
                self.computed.append((copies[x], x.op, inputs))
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
