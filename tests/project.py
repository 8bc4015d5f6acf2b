"""The project's folder, its scripts as modules, and Python in a process of its own."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent


def module_from(path: Path) -> ModuleType:
    """The module that a file is, wherever it lies."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def python(*arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, as text: what it prints; an error there is one here, unless `check` is false."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, encoding="utf-8", check=False, **options)
    assert not check or done.returncode == 0, done.stderr
    return done
