"""tinygrad_lite: a minimal scalar autograd engine. The public names, and nothing else."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .engine import pickling, primitives  # noqa: F401 — pickling tells `pickle` and `copy` of Value
from .engine.declaration import Interval as Interval
from .engine.declaration import Kink as Kink
from .engine.generated_methods import primitive as primitive
from .engine.primitives import *  # noqa: F403 — the public rows, whichever the table has
from .engine.primitives import abs as abs
from .engine.primitives import pow as pow
from .engine.scopes import no_grad as no_grad
from .engine.scopes import scope as scope
from .engine.value import Value as Value

if TYPE_CHECKING:  # read by type checkers, which know of the table's names by the star
    from .checking.certificate import gradcheck as gradcheck
    from .checking.report import GradcheckError as GradcheckError
    from .display.drawing import draw as draw
    from .display.explanation import explain as explain
    from .display.player import play as play
    from .engine.derivatives import grad as grad
    from .engine.derivatives import gradient as gradient
    from .engine.derivatives import hessian as hessian
    from .engine.derivatives import hvp as hvp
    from .engine.derivatives import jacobian as jacobian
    from .engine.derivatives import jvp as jvp
    from .engine.derivatives import stop_gradient as stop_gradient
    from .engine.derivatives import value_and_grad as value_and_grad
    from .engine.rest_of_math import dist as dist
    from .engine.rest_of_math import fabs as fabs
    from .engine.rest_of_math import fma as fma
    from .engine.rest_of_math import fsum as fsum
    from .engine.rest_of_math import sumprod as sumprod
    from .engine.selection import take as take
    from .replay.jit import jit as jit
    from .replay.program import Program as Program

    __version__: str
else:  # loaded when they are first asked for (PEP 562), so that `import tinygrad_lite` stays quick
    ROOMS = {
        "GradcheckError": "checking.report",
        "Program": "replay.program",
        "dist": "engine.rest_of_math",
        "draw": "display.drawing",
        "explain": "display.explanation",
        "fabs": "engine.rest_of_math",
        "fma": "engine.rest_of_math",
        "fsum": "engine.rest_of_math",
        "grad": "engine.derivatives",
        "gradcheck": "checking.certificate",
        "gradient": "engine.derivatives",
        "hessian": "engine.derivatives",
        "hvp": "engine.derivatives",
        "jacobian": "engine.derivatives",
        "jit": "replay.jit",
        "jvp": "engine.derivatives",
        "play": "display.player",
        "stop_gradient": "engine.derivatives",
        "sumprod": "engine.rest_of_math",
        "take": "engine.selection",
        "value_and_grad": "engine.derivatives",
    }
    __all__ = [*ROOMS, "Interval", "Kink", "Value", "no_grad", "primitive", "scope", *primitives.__all__]

    def __getattr__(name: str) -> Any:
        if name in ROOMS:
            return getattr(import_module(f".{ROOMS[name]}", __name__), name)
        if name in ("nn", "strategies"):
            return import_module(f".{name}", __name__)
        if name == "__version__":
            return import_module("importlib.metadata").version(__name__)
        if name[0] != "_" and hasattr(import_module("math"), name):
            return import_module(".engine.rest_of_math", __name__).find(name)
        raise AttributeError(f"module 'tinygrad_lite' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*__all__, "__version__", *(name for name in globals() if name[:2] == "__")})
