"""Steps down a gradient: plain, with momentum, and with a rate for each parameter."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from ..engine.arguments import ONLY_FLOATS, by_name, check_vector, is_array, to_lists
from ..engine.value import Value
from .data import check_number


class Optimizer(ABC):
    """Moves parameters by θ ← θ − η·v; a subclass says which v follows from the gradient.

    Args:
        parameters: the leaves θ, such as `model.parameters()`, or in lists, tuples, dicts and arrays, nested or not, as
            a function takes them.
        learning_rate: η > 0; the attribute may be changed between steps.

    Attributes:
        parameters: the leaves, as a list.

    Raises: TypeError for what is no list of parameters; ValueError for other arguments, and for a parameter
        given twice.
    """

    def __init__(self, parameters: Any, learning_rate: float) -> None:
        name = type(self).__name__
        if not isinstance(parameters, Iterable):
            raise TypeError(f"{name} moves a list of parameters, not {type(parameters).__name__!r}: model.parameters()")
        placed = by_name(parameters if _is_container(parameters) else list(parameters))
        self._places, self.parameters = list(placed), list(placed.values())
        leaves = {p for p in self.parameters if isinstance(p, Value) and p.op is None}
        if not 0 < len(leaves) == len(self.parameters):
            raise ValueError("parameters must be Values that are not computed from others, each given once")
        self.learning_rate = check_number(learning_rate, "learning_rate", positive=True)

    @abstractmethod
    def _follow(self, slopes: Sequence[float]) -> tuple[Sequence[float], dict[str, Any]]:
        """v for this gradient, and the attributes as they are after the step."""

    def step(self, gradient: Any = None) -> None:
        """Move every parameter by its `grad`, or by the gradient that is given, such as that of a `Program`.

        Args:
            gradient: numbers or Values, in the containers in which the parameters were given.

        Raises: TypeError or ValueError for a gradient of another kind, form or length, or that is not finite;
            OverflowError where a parameter would not be finite any more. None is moved then.
        """
        slopes = [p.grad for p in self.parameters] if gradient is None else self._arrange(gradient)
        slopes = check_vector(slopes, len(self.parameters), "gradient")
        for i, slope in enumerate(slopes):
            if not math.isfinite(slope):
                raise ValueError(f"the gradient of parameter {i} is {slope!r}: a step needs finite numbers")
        directions, state = self._follow(slopes)
        moved = [p.data - self.learning_rate * v for p, v in zip(self.parameters, directions, strict=True)]
        if not all(map(math.isfinite, moved)):
            raise OverflowError(f"learning_rate {self.learning_rate!r} is too large: a step leaves the range of floats")
        vars(self).update(state)
        for p, data in zip(self.parameters, moved, strict=True):
            p.data = data

    def _arrange(self, gradient: Any) -> Any:
        """The numbers of a gradient in the order of the parameters. Raises: TypeError for other containers."""
        gradient = to_lists(gradient)
        if not _is_container(gradient) or ONLY_FLOATS.issuperset(map(type, gradient)):  # as nearly always
            return gradient
        slopes, places = by_name(gradient), dict.fromkeys(self._places)
        if slopes.keys() == places.keys():
            slopes = {place: slopes[place] for place in places}
        elif isinstance(gradient, dict) or any(map(_is_container, gradient)):
            place = next(place for place in {**slopes, **places} if (place in slopes) != (place in places))
            raise TypeError(
                f"gradient must be a list of {len(places)} numbers, or in the containers of the parameters: {place} is "
                f"in the {'gradient' if place in slopes else 'parameters'} alone; give {type(self).__name__} the "
                "parameters as the function takes them"
            )
        return [x.data if isinstance(x, Value) else x for x in slopes.values()]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0.0; `backward` adds to it."""
        for p in self.parameters:
            p.grad = 0.0


class SGD(Optimizer):
    """Gradient descent: v ← μ·v + ∂f/∂θ (Polyak's heavy ball, 1964; v = ∂f/∂θ for μ = 0).

    Args:
        parameters, learning_rate: see `Optimizer`.
        momentum: μ, at least 0 and less than 1.

    Raises: as `Optimizer`; ValueError for another momentum.
    """

    def __init__(self, parameters: Any, learning_rate: float = 0.1, momentum: float = 0.0) -> None:
        super().__init__(parameters, learning_rate)
        self.momentum = _check_decay(momentum, "momentum")
        self.velocities = [0.0] * len(self.parameters)

    def _follow(self, slopes: Sequence[float]) -> tuple[Sequence[float], dict[str, Any]]:
        velocities = [self.momentum * v + slope for v, slope in zip(self.velocities, slopes, strict=True)]
        return velocities, {"velocities": velocities}


class Adam(Optimizer):
    """Kingma and Ba, 2015: v = m̂ / (r̂ + ε), from running means m of the slopes and r² of their squares.

    m ← β₁·m + (1 − β₁)·∂f/∂θ and r² ← β₂·r² + (1 − β₂)·(∂f/∂θ)², both 0 at first. m̂ and r̂² make up for that
    beginning: at step t = 1, 2, … they are m/(1 − β₁ᵗ) and r²/(1 − β₂ᵗ).

    Args:
        parameters, learning_rate: see `Optimizer`.
        betas: β₁ and β₂, each at least 0 and less than 1.
        eps: ε > 0.

    Raises: as `Optimizer`; ValueError for other betas and eps.
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, learning_rate)
        first, second = check_vector(betas, 2, "betas")
        self.betas = _check_decay(first, "betas[0]"), _check_decay(second, "betas[1]")
        self.eps = check_number(eps, "eps", positive=True)
        self.steps = 0
        self.means = [0.0] * len(self.parameters)
        self.roots = [0.0] * len(self.parameters)

    def _follow(self, slopes: Sequence[float]) -> tuple[Sequence[float], dict[str, Any]]:
        first, second = self.betas
        steps = self.steps + 1
        means = [first * m + (1 - first) * slope for m, slope in zip(self.means, slopes, strict=True)]
        kept, added = math.sqrt(second), math.sqrt(1 - second)  # the square of a large slope would be infinite
        roots = [math.hypot(kept * r, added * slope) for r, slope in zip(self.roots, slopes, strict=True)]
        of_means, of_roots = 1 - first**steps, math.sqrt(1 - second**steps)
        directions = [m / of_means / (r / of_roots + self.eps) for m, r in zip(means, roots, strict=True)]
        return directions, {"steps": steps, "means": means, "roots": roots}


def _is_container(x: Any) -> bool:
    return isinstance(x, (list, tuple, dict)) or is_array(x)


optimizers: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam}


def _check_decay(number: Any, name: str) -> float:
    decay = check_number(number, name)
    if not 0 <= decay < 1:
        raise ValueError(f"{name} is {number!r}: it must be at least 0 and less than 1")
    return decay
