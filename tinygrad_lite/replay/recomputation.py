"""A sample computed with Values, on a copy of the graph: what a program means, and what its errors say."""

from collections.abc import Mapping, Sequence
from functools import cache

from ..engine.value import Constant, Value, dependents, evaluate_nodes, make_node, topological_order
from .executor import Recompute


def recomputation(
    outputs: Sequence[Value], parameters: Sequence[Value], data: Sequence[Value], frozen: Mapping[Value, float]
) -> Recompute:
    """What computes a sample with Values; leaves in neither list have the numbers in `frozen`, or their own.

    What depends on no parameter is a number to the backward pass, as data are.
    """

    @cache
    def prepare() -> tuple[list[Value], set[Value]]:
        order = topological_order(*parameters, *data, *outputs)
        return order, dependents(order, parameters)

    def compute(theta: Sequence[float], sample: Sequence[float], gradients: bool) -> list[float]:
        numbers = {**frozen, **dict(zip((*parameters, *data), (*theta, *sample), strict=True))}
        copies: dict[Value, Value] = {}
        order, leading = prepare()
        for x in order:
            inputs = tuple(copies[each] for each in x.inputs)
            number = evaluate_nodes(x.op, inputs) if x.op else numbers.get(x, x.data)
            if x in leading:
                copies[x] = make_node(Value, number, x.op, inputs, x.label)
            else:
                copies[x] = make_node(Constant, number, None, (), x.label)
        results = [copies[x].data for x in outputs]
        for output in outputs if gradients else ():
            for x in parameters:
                copies[x].grad = 0.0
            copies[output].backward()
            results += [copies[x].grad for x in parameters]
        return results

    def recompute(theta: Sequence[float], sample: Sequence[float], i: int, gradients: bool) -> list[float]:
        try:
            return compute(theta, sample, gradients)
        except (ArithmeticError, TypeError, ValueError) as error:
            raise type(error)(f"{error}, in sample {i}" if data else str(error)) from None

    return recompute
