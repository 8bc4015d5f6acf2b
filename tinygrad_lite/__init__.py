"""tinygrad_lite: a minimal scalar autograd engine. The public names, and nothing else."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import pickling, primitives  # noqa: F401 — pickling tells `pickle` and `copy` of Value
from .primitives import *  # noqa: F403 — the public rows, whichever the table has
from .primitives import abs as abs
from .primitives import pow as pow
from .rows import Interval, Kink, primitive
from .scopes import scope
from .value import Value

if TYPE_CHECKING:
    from .certificate import gradcheck
    from .derivatives import grad, gradient, hessian, value_and_grad
    from .drawing import draw
    from .explanation import explain
    from .player import play
    from .program import Program
    from .report import GradcheckError

# Loaded when they are first asked for (PEP 562), so that `import tinygrad_lite` stays quick.
_ROOMS = {
    "GradcheckError": "report",
    "Program": "program",
    "draw": "drawing",
    "explain": "explanation",
    "grad": "derivatives",
    "gradcheck": "certificate",
    "gradient": "derivatives",
    "hessian": "derivatives",
    "play": "player",
    "value_and_grad": "derivatives",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(import_module(f".{_ROOMS[name]}", __name__), name)
    if name in ("nn", "strategies"):
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module 'tinygrad_lite' has no attribute {name!r}")


__all__ = [
    "GradcheckError",
    "Interval",
    "Kink",
    "Program",
    "Value",
    "draw",
    "explain",
    "grad",
    "gradcheck",
    "gradient",
    "hessian",
    "play",
    "primitive",
    "scope",
    "value_and_grad",
]
__all__ += primitives.__all__
