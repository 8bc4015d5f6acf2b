"""tinygrad_lite: a minimal scalar autograd engine. The public names, and nothing else."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .engine import pickling, primitives  # noqa: F401 — pickling tells `pickle` and `copy` of Value
from .engine.declaration import Interval, Kink, primitive
from .engine.primitives import *  # noqa: F403 — the public rows, whichever the table has
from .engine.primitives import abs as abs
from .engine.primitives import pow as pow
from .engine.scopes import scope
from .engine.value import Value

if TYPE_CHECKING:
    from .checking.certificate import gradcheck
    from .checking.report import GradcheckError
    from .display.drawing import draw
    from .display.explanation import explain
    from .display.player import play
    from .engine.derivatives import grad, gradient, hessian, value_and_grad
    from .replay.program import Program

# Loaded when they are first asked for (PEP 562), so that `import tinygrad_lite` stays quick.
_ROOMS = {
    "GradcheckError": "checking.report",
    "Program": "replay.program",
    "draw": "display.drawing",
    "explain": "display.explanation",
    "grad": "engine.derivatives",
    "gradcheck": "checking.certificate",
    "gradient": "engine.derivatives",
    "hessian": "engine.derivatives",
    "play": "display.player",
    "value_and_grad": "engine.derivatives",
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
