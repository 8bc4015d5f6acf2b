"""What nodes are called: the caller's variables, names that several have, and names as LaTeX."""

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from .value import Value

GREEK_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
)
GREEK = dict(zip(GREEK_LETTERS, GREEK_NAMES.split(), strict=True))
ACCENTS = {"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde", "\u0307": "dot", "\u20d7": "vec"}
TEXT_ESCAPES = str.maketrans({**{c: rf"\{c}" for c in "{}$%&#_"}, "\\": "∖", "^": "ˆ", "~": "∼", "\n": " "})


def latex_name(name: str) -> str:
    """A name as LaTeX: x, σ → \\sigma, ŷ → \\hat{y}, w12 → w_{12}; longer ones as text, special characters escaped."""
    head, digits = re.fullmatch(r"(.*?)_?([0-9]*)", name, re.DOTALL).groups()  # type: ignore[union-attr]  # matches all
    letter, *marks = list(unicodedata.normalize("NFD", head) or " ")
    if head in GREEK.values():
        symbol = f"\\{head}"
    elif (letter in GREEK or (letter.isascii() and letter.isalpha())) and ACCENTS.keys() >= set(marks):
        symbol = f"\\{GREEK[letter]}" if letter in GREEK else letter
        for mark in marks:
            symbol = rf"\{ACCENTS[mark]}{{{symbol}}}"
    else:
        return r"\text{" + name.translate(TEXT_ESCAPES) + "}"
    return f"{symbol}_{{{digits}}}" if digits else symbol


def variables(frame: Any) -> dict[Value, str]:
    """The names that the code of `frame` has for Values: locals first; those with a leading underscore do not count."""
    names: dict[Value, str] = {}
    for name, x in itertools.chain(frame.f_locals.items(), frame.f_globals.items()):
        if isinstance(x, Value) and not name.startswith("_"):
            names.setdefault(x, name)
    return names


def distinct(names: Sequence[str | None]) -> list[str | None]:
    """The names, those that stand more than once numbered in order: x, y, x → x_1, y, x_2."""
    counts = Counter(name for name in names if name)

    def numbered(name: str) -> Iterator[str]:
        return (candidate for i in itertools.count(1) if (candidate := f"{name}_{i}") not in counts)

    fresh = {name: numbered(name) for name in counts if counts[name] > 1}
    return [next(fresh[name]) if name in fresh else name for name in names]
