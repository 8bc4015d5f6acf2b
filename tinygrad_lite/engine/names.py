"""What nodes are called: the caller's variables, names that several have, and names as LaTeX."""

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import CodeType
from typing import Any

from .declaration import VARARGS
from .foreign_functions import FUNCTION, is_ours, read_locals
from .value import Value

GREEK_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
)
GREEK = dict(zip(GREEK_LETTERS, GREEK_NAMES.split(), strict=True))
ACCENTS = {"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde", "\u0307": "dot", "\u20d7": "vec"}
TEXT_ESCAPES = str.maketrans({**{c: rf"\{c}" for c in "{}$%&#_"}, "\\": "∖", "^": "ˆ", "~": "∼", "\n": " "})
SUBSCRIPTS, SUPERSCRIPTS, LATIN_SUPERSCRIPTS = "₀-₎ₐ-ₜᵢ-ᵪⱼ", "⁰ⁱ⁴-ⁿᴬ-ᵡ", "¹²³"  # inside a regex's brackets
SCRIPTS = re.compile(rf"(.+?)(['′]*)([{SUBSCRIPTS}]*)([{SUPERSCRIPTS}{LATIN_SUPERSCRIPTS}]*)(['′]*)", re.DOTALL)
INDEX = re.compile(r"""\[(?:"([^"\]]*)"|([^\[\]"]*))\]""")
ENTRIES, DEPTH = 10_000, 3  # of a function's lists and dicts; what is longer is data
CONTAINERS = (list, tuple, dict)
NAMED = (Value, *CONTAINERS)
VARKEYWORDS = 8  # in a code's flags


def latex_name(name: str) -> str:
    """A name as LaTeX: x, σ → \\sigma, ŷ → \\hat{y}, w12 and w₁₂ → w_{12}, W[0][1] → W_{0,1}, x′ → x'; longer ones as
    text, escaped.
    """
    stem = name.partition("[")[0]
    indices = [number or latex_name(key) for key, number in INDEX.findall(name)]
    if stem and indices and INDEX.sub("", name) == stem and stem[-1] not in "0123456789":
        return _latex_scripts(name, stem, sub=",".join(indices))
    scripts = SCRIPTS.fullmatch(name)
    if scripts and scripts[1] != name:
        sub, super_ = (unicodedata.normalize("NFKC", scripts[i]).replace("−", "-") for i in (3, 4))
        if not (sub + super_).isascii():
            return latex_text(name)
        return _latex_scripts(name, scripts[1], sub, super_, primes=scripts[2] + scripts[5])
    head, digits = re.fullmatch(r"(.*?)_?([0-9]*)", name, re.DOTALL).groups()  # type: ignore[union-attr]  # matches all
    letter, *marks = list(unicodedata.normalize("NFD", head) or " ")
    if head in GREEK.values():
        symbol = f"\\{head}"
    elif (letter in GREEK or (letter.isascii() and letter.isalpha())) and ACCENTS.keys() >= set(marks):
        symbol = f"\\{GREEK[letter]}" if letter in GREEK else letter
        for mark in marks:
            symbol = rf"\{ACCENTS[mark]}{{{symbol}}}"
    else:
        return latex_text(name)
    return f"{symbol}_{{{digits}}}" if digits else symbol


def _latex_scripts(name: str, stem: str, sub: str, super_: str = "", primes: str = "") -> str:
    """What stands before the scripts of a name, with these; TeX takes one subscript: else the name is text."""
    symbol = latex_name(stem)
    if sub and "_{" in symbol:
        return latex_text(name)
    symbol += "'" * len(primes) + (f"_{{{sub}}}" if sub else "")
    return f"{{{symbol}^{{{super_}}}}}" if super_ else symbol


def latex_text(text: str) -> str:
    """Words inside a formula, special characters escaped."""
    return rf"\text{{{text.translate(TEXT_ESCAPES)}}}"


def latex_names(names: Sequence[str]) -> list[str]:
    """Different names as different LaTeX: of x1 and x_1, which both would be x_{1}, the second is text."""
    owners: dict[str, str] = {}
    for name in dict.fromkeys(names):
        forms = itertools.chain([latex_name(name)], (latex_text(name + "′" * i) for i in itertools.count()))
        owners[next(form for form in forms if form not in owners)] = name
    written = {name: form for form, name in owners.items()}
    return [written[name] for name in names]


def variables(frame: Any, outputs: Collection[Value] = ()) -> dict[Value, str]:
    """The names that the code of `frame` has for Values; where it has none, the code that called it.

    A variable's name goes before that of an entry, `logits[0]` or `p["w"]`. An argument does not name one of the
    `outputs`: it is what the function calls whatever it is given. Names with a leading underscore do not count.
    """
    names: dict[Value, str] = {}
    namespaces = [(read_locals(frame), _arguments(frame.f_code)), (frame.f_globals, ())]
    # Until it is a module's, or a notebook's, own code.
    while frame.f_back and (frame.f_code.co_flags & FUNCTION or frame.f_locals is not frame.f_globals):
        frame = frame.f_back
        if not is_ours(frame):
            namespaces.append((read_locals(frame), _arguments(frame.f_code)))
    for namespace, arguments in namespaces:
        for variable, name, x in _entries(namespace):
            if isinstance(x, Value) and not (x in outputs and variable in arguments):
                names.setdefault(x, name)
    return names


def _arguments(code: CodeType) -> Sequence[str]:
    starred = bool(code.co_flags & VARARGS) + bool(code.co_flags & VARKEYWORDS)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + starred]


def _entries(namespace: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """The Values and containers of a namespace, then those in its lists, tuples and dicts, the short ones first.

    Each with the variable that it is in, and its name.
    """
    level: list[tuple[str, str, Any]] = [
        (name, name, x)
        for name, x in list(namespace.items())
        if isinstance(x, NAMED) and name.isidentifier() and name[0] != "_"
    ]
    remaining = ENTRIES
    for _ in range(DEPTH):
        yield from level
        containers = sorted((entry for entry in level if isinstance(entry[2], CONTAINERS)), key=lambda x: len(x[2]))
        level = []
        for variable, name, container in containers:
            remaining -= len(container)
            if remaining < 0:
                break
            items = container.items() if isinstance(container, dict) else enumerate(container)
            entries = [(key, x) for key, x in list(items) if isinstance(x, NAMED) and isinstance(key, (int, str))]
            level += [(variable, f"{name}[{_key(key)}]", x) for key, x in entries]
    yield from level


def _key(key: int | str) -> str:
    return f'"{key}"' if isinstance(key, str) and '"' not in key else repr(key)


def distinct(names: Sequence[str | None]) -> list[str | None]:
    """The names, those that stand more than once numbered in order: x, y, x → x_1, y, x_2."""
    counts = Counter(name for name in names if name)

    def numbered(name: str) -> Iterator[str]:
        return (candidate for i in itertools.count(1) if (candidate := f"{name}_{i}") not in counts)

    fresh = {name: numbered(name) for name in counts if counts[name] > 1}
    return [next(fresh[name]) if name in fresh else name for name in names]
