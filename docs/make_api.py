"""Write docs/api.md from the docstrings: `python docs/make_api.py`."""

import ast
import inspect
import itertools
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import tinygrad_lite
from tinygrad_lite.engine.declaration import TABLE, Primitive

HEAD = """\
# Public names

All are imported from `tinygrad_lite`, apart from those of the modules [`tinygrad_lite.nn`](#tinygrad_litenn) and
[`tinygrad_lite.strategies`](#tinygrad_litestrategies), and from classes such as `Drawing`, which are only returned:
they stand here for what they offer. This page is written from the docstrings by `python docs/make_api.py`."""
OPERATIONS = """\
The operations {} are functions of Values and of numbers, and methods of `Value`.
What they compute, with partial derivatives and domains, is in [operations.md](operations.md)."""
FIRST = [
    "engine.value",
    "engine.derivatives",
    "engine.scopes",
    "display.explanation",
    "display.drawing",
    "display.player",
    "checking.certificate",
    "checking.report",
    "replay.jit",
    "engine.selection",
    "replay.program",
    "engine.generated_methods",
    "engine.declaration",
    "engine.rest_of_math",
    "nn",
    "nn.network",
    "nn.losses",
    "nn.optimizers",
    "nn.training",
    "nn.logistic_regression",
    "strategies",
]
MODULES = ["nn", "strategies"]  # public themselves
METHODS = (FunctionType, staticmethod, property, cached_property)
SECTION = re.compile(r"(?:^|\s+)(Raises|Returns)((?: \([^)]*\))?):\s+")
TITLES = {"Args": "Arguments", "Attributes": "Attributes"}
EXCEPTION = r"[A-Z]\w+(?:Error|Warning)\b"


def public() -> dict[Any, str]:
    """What a user imports as the page says, and the module to list it under; rows have a page of their own."""
    found = (getattr(tinygrad_lite, name) for name in tinygrad_lite.__all__)
    modules = {x: x.__module__ for x in found if not isinstance(x, Primitive)}
    for name in MODULES:
        module = getattr(tinygrad_lite, name)
        for x in filter(is_ours, vars(module).values()):
            if (
                x.__module__ == module.__name__
                or getattr(x, "__name__", "") in getattr(module, "__all__", ())
                or is_exception(x)
            ):
                modules.setdefault(x, module.__name__)
    return modules


def rooms() -> dict[ModuleType, list[Any]]:
    """The public classes and functions, and the classes that these lead to, by module, in the order of the page."""
    modules = public()
    waiting = list(modules)
    while waiting:
        reached = [x for x in results(waiting.pop()) if x not in modules]
        modules |= {x: x.__module__ for x in reached}
        waiting += reached
    order = [f"tinygrad_lite.{name}" for name in FIRST]
    order += sorted({x.__module__ for x in modules}.difference(order))

    def place(x: Any) -> tuple[Any, ...]:
        return is_exception(x), x not in public(), order.index(x.__module__), inspect.getsourcelines(x)[1]

    found = sorted(modules, key=place)
    used = [name for name in order if name in modules.values()]
    return {sys.modules[name]: [x for x in found if modules[x] == name] for name in used}


def is_ours(x: Any) -> bool:
    """Whether `x` is a class or function of this package, with a public name."""
    ours = isinstance(x, (type, FunctionType)) and x.__module__.startswith("tinygrad_lite.")
    return ours and not x.__name__.startswith("_")


def is_exception(x: Any) -> bool:
    """Whether `x` is for `except`, and not for calling."""
    return isinstance(x, type) and issubclass(x, Exception)


def results(x: Any) -> Iterator[type]:
    """The classes of this package in what `x` returns, or its public methods, and in its fields."""
    tree = definition(x)
    for part in tree.body if isinstance(tree, ast.ClassDef) else [tree]:
        if getattr(part, "name", "").startswith("_"):
            continue
        annotation = getattr(part, "returns", None) or getattr(part, "annotation", None)
        for word in re.findall(r"\w+", ast.unparse(annotation)) if annotation else ():
            found = vars(sys.modules[x.__module__]).get(word)
            if isinstance(found, type) and is_ours(found):
                yield found


def definition(x: Any) -> Any:
    """The syntax tree of a class or function."""
    return ast.parse(textwrap.dedent(inspect.getsource(x))).body[0]


def methods(x: Any, documented: list[Any]) -> dict[str, Any]:
    """The public methods and properties of a class; those inherited from a documented class are found there."""
    found: dict[str, Any] = {}
    for base in x.__mro__ if isinstance(x, type) else ():
        if base.__module__.startswith("tinygrad_lite.") and (base is x or base not in documented):
            for name, method in vars(base).items():
                is_public = name[0] != "_" or name == "__call__"
                is_row = getattr(method, "__module__", "") is None  # of Value: generated from the table
                is_column = getattr(method, "__name__", name) != name  # of a row: a lambda
                if isinstance(method, METHODS) and is_public and not is_row and not is_column:
                    found.setdefault(name, method)
    return found


def signature(x: Any, name: str) -> str:
    """How the source says `x` is called; the type of a property, the fields of a named tuple."""
    if isinstance(x, (property, cached_property)):
        kind = definition(getattr(x, "fget", None) or x.func).returns
        return f"{name}: {kind.value if isinstance(kind, ast.Constant) else ast.unparse(kind)}"
    if isinstance(x, type) and issubclass(x, tuple):
        fields = [ast.unparse(line) for line in definition(x).body if isinstance(line, ast.AnnAssign)]
        return f"{name}({', '.join(fields)})"
    if isinstance(x, type) and (x.__init__ is object.__init__ or is_exception(x) or x not in public()):
        return ""  # it is not made by the user
    source = textwrap.dedent(inspect.getsource(x.__init__ if isinstance(x, type) else x))
    tree: Any = ast.parse(source).body[0]
    head = "\n".join(source.splitlines()[tree.lineno - 1 : tree.body[0].lineno - 1])
    head = re.sub(r",\s*(_\w+: None = None|\*\*\w+: Never)", "", head)  # what is only there to be refused
    head = re.sub(r"\s*#.*", "", head).rstrip().removesuffix(":")
    head = re.sub(r"^def \w+\((\s*)(?:self\b,?\s*)?", rf"{name}(\1", head)
    return head.removesuffix(" -> None") if isinstance(x, type) else head


def blocks(docstring: str) -> Iterator[tuple[bool, str]]:
    """The paragraphs of a docstring, and its examples: what is indented. True for an example."""
    text = inspect.cleandoc(docstring)
    for is_example, group in itertools.groupby(
        text.split("\n\n"), key=lambda text: text.lstrip("\n").startswith("    ")
    ):
        if is_example:
            yield True, textwrap.dedent("\n\n".join(group))
        else:
            yield from ((False, text) for text in group)


def markdown(docstring: str) -> str:
    """A docstring as Markdown."""
    return "\n\n".join(fenced(text) if is_example else prose(text) for is_example, text in blocks(docstring))


def fenced(code: str) -> str:
    """A block of code, called `py`: those called `python` are the cells of a page, and run in turn."""
    return f"```py\n{code}\n```"


def prose(text: str) -> str:
    """A paragraph; the sections of a docstring as lists."""
    title, _, body = text.partition(":\n")
    if title in TITLES:
        return listed(TITLES[title], entries(body))
    paragraph, *sections = SECTION.split(text)
    parts = [paragraph] if paragraph else []
    for title, when, body in zip(*(sections[i::3] for i in range(3)), strict=True):
        cases = re.split(rf";\s+(?={EXCEPTION})", body)
        parts.append(listed(title + when, [re.sub(rf"\b{EXCEPTION}", r"`\g<0>`", case) for case in cases]))
    return "\n\n".join(parts)


def entries(body: str) -> Iterator[str]:
    """The entries `name: text` or `name, name: text` of a section, a line each, or parted by semicolons."""
    lines = re.sub(r"\n {5,}", " ", body)  # what is indented deeper continues an entry
    for entry in re.split(r"\n|; (?=\w+(?:, \w+)*: )", lines):
        names, _, text = entry.strip().partition(": ")
        yield f"{', '.join(f'`{name}`' for name in names.split(', '))}: {text}"


def listed(title: str, items: Iterable[str]) -> str:
    """A list under its title."""
    return f"{title}:\n\n" + "\n".join(f"- {' '.join(item.split()).rstrip(';.')}." for item in items)


def page() -> str:
    """The whole page."""
    contents, sections = ["| | |\n|---|---|"], []
    taken: dict[str, int] = {}

    def heading(level: int, text: str) -> str:
        """Begin a section; its address, as code hosts name it: the second of a name has -1 at its end."""
        sections.append(f"{'#' * level} {text}")
        name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        taken[name] = taken.get(name, -1) + 1
        return f"#{name}{f'-{taken[name]}' if taken[name] else ''}"

    found = rooms()
    documented = list(itertools.chain.from_iterable(found.values()))
    for module, things in found.items():
        text = inspect.cleandoc(module.__doc__ or "")
        title, _, rest = text.partition("\n\n")
        home = module.__name__.split(".")[1]
        if home in MODULES:
            title, rest = f"`{module.__name__}`", text
        heading(2, " ".join(title.split()).removesuffix("."))
        sections.append(markdown(rest))
        for x in things:
            shown = f"{home}.{x.__name__}" if home in MODULES else x.__name__
            contents.append(f"| [`{shown}`]({heading(3, f'`{x.__name__}`')}) | {summary(x)} |")
            sections += section(x, x.__name__)
            for name, method in methods(x, documented).items():
                heading(4, f"`{x.__name__}.{name}`")
                sections += section(method, name)
    names = ", ".join(f"`{row.name}`" for row in TABLE.values() if not row.hidden)
    parts = [HEAD, "\n".join(contents), textwrap.fill(OPERATIONS.format(names), 120), *sections]
    return "\n\n".join(filter(None, parts)) + "\n"


def summary(x: Any) -> str:
    """The first line of a docstring, for a table."""
    line, *_ = SECTION.split(inspect.getdoc(x) or "")
    return line.partition("\n")[0].replace("|", r"\|")


def section(x: Any, name: str) -> list[str]:
    """How `x` is called, and its docstring."""
    call = signature(x, name)
    return [fenced(call) if call else "", markdown(inspect.getdoc(x) or "")]


if __name__ == "__main__":
    Path(__file__).with_name("api.md").write_text(page(), encoding="utf-8")
