"""Where what is compiled is kept, once on a machine, and found again."""

import os
import pickle
import sys
import warnings
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from ..engine import primitives


def _hash_sources() -> str:
    """A hash of all files that say what is to be compiled."""
    engine, here = Path(primitives.__file__).parent, Path(__file__).parent
    files = [
        engine / "primitives.py",
        *sorted(engine.glob("*_forms.py")),
        *sorted(here.glob("kernel*.py")),
        here / "inlining.py",
    ]
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


UNWRAPPED = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # what only compiled code calls
SOURCES = _hash_sources()  # when they are imported: by the time of a call an editor may have changed them


def compile_once(name: str, function: Callable[..., Any], signature: Any, **options: Any) -> Any:
    """The function compiled by numba for the types of its signature, with numba's options; or found on disk."""
    dispatcher: Any = numba.njit(nogil=True, error_model="numpy", **options)(function)
    dispatcher._cache = KernelFile(name)
    dispatcher.compile(signature)
    dispatcher.disable_compile()  # other types are a mistake
    return dispatcher


@cache
def say_once() -> None:
    """One line, where seconds would pass in silence."""
    print(
        "tinygrad_lite compiles what it needs for this machine: once, and in some seconds", file=sys.stderr, flush=True
    )


class KernelFile:
    """Where a compiled function of the kernel is kept, in place of numba's own cache.

    A checksum comes first: numba's cache raises where a file is damaged, or runs what is no code.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def path(self, signature: Any, target: Any) -> Path:
        """A file for all that the code depends on. Raises: RuntimeError where there is no home."""
        content = repr((SOURCES, self.name, signature, target.magic_tuple(), numba.__version__, sys.version))
        home = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(home) / "tinygrad_lite" / f"{self.name}_{sha256(content.encode()).hexdigest()[:16]}"

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The compiled function; None where there is none, or a damaged one."""
        context.refresh()
        try:
            content = self.path(signature, context.codegen()).read_bytes()
        except (OSError, RuntimeError):
            content = b""
        checksum, data = content[:32], content[32:]
        if checksum != sha256(data).digest():
            say_once()
            return None
        return CompileResult._rebuild(context, *pickle.loads(data))  # type: ignore[no-untyped-call]

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep the compiled function; a warning where that is not possible."""
        data = dumps(result._reduce())  # type: ignore[no-untyped-call]
        try:
            path = self.path(signature, result.codegen)
            unfinished = path.with_suffix(f".{os.getpid()}")
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                unfinished.write_bytes(sha256(data).digest() + data)
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
        except (OSError, RuntimeError) as error:
            advice = "let NUMBA_CACHE_DIR be a folder that can be written to"
            message = f"the compiled kernel cannot be kept ({error}), and each process compiles it anew: {advice}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
