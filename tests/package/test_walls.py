"""The house's walls: who may import whom between the wings, read from the files' imports."""

import ast
import re
import sys

from tests.project import ROOT

PACKAGE = ROOT / "tinygrad_lite"
WINGS = {
    "engine": set(),
    "display": {"engine"},
    "checking": {"engine"},
    "replay": {"engine"},
    "nn": {"engine", "replay"},
}
DOORS = {"engine", "display", "checking", "replay", "nn", ""}  # the files at the top may open every wing


def imports(path):
    """The line and the absolute dotted name of each import in a file."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names if module in MODULES)


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = FILES.keys()


def wing(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in WINGS else ""


def test_each_wing_imports_only_what_it_stands_on():
    broken = []
    for module, path in FILES.items():
        home = wing(module)
        allowed = (WINGS[home] | {home}) if home else DOORS
        for line, target in imports(path):
            if target.partition(".")[0] == "tinygrad_lite" and (target in MODULES or target == "tinygrad_lite"):
                other = wing(target)
                through_the_door = home and not other
                if through_the_door or other not in allowed:
                    broken.append(f"{path.relative_to(ROOT)}:{line} imports {target}")
    assert broken == []


def test_the_engine_imports_the_standard_library_only():
    """But for NumPy where a user hands in what is NumPy's."""
    outside = []
    for module, path in FILES.items():
        if wing(module) == "engine":
            for line, target in imports(path):
                root = target.partition(".")[0]
                if root not in (*sys.stdlib_module_names, "tinygrad_lite", "numpy"):
                    outside.append(f"{path.relative_to(ROOT)}:{line} imports {target}")
    assert outside == []


def test_no_circle():
    """Not counting what a function imports when it is called."""
    arrows = {}
    for module, path in FILES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = {node.lineno for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))}
        targets = {target for line, target in imports(path) if line in top and target in MODULES}
        arrows[module] = targets - {module, ".".join(module.split(".")[:-1])}
    waiting = set(arrows)
    while free := {module for module in waiting if not arrows[module] & waiting}:
        waiting -= free
    assert waiting == set()


def test_the_map_has_every_file_of_the_wings():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\|(?: \w+)? \| ((?:`\w+`(?:, )?)+) \|", page, re.MULTILINE)
    files = {module.rpartition(".")[2] for module, path in FILES.items() if wing(module) and path.stem != "__init__"}
    assert {name for cell in cells for name in re.findall(r"\w+", cell)} == files
