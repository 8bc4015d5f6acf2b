"""tinygrad_lite: a minimal scalar autograd engine. The public names, and nothing else."""

from . import primitives
from .primitives import *  # noqa: F403
from .primitives import abs as abs
from .primitives import pow as pow
from .rows import Interval, Kink, primitive
from .scopes import scope
from .value import Value

__all__ = ["Interval", "Kink", "Value", "primitive", "scope"]
__all__ += primitives.__all__
