"""The carrier that writes: a row applied to symbols is a formula, as Python, plain text or LaTeX."""

import re
from string import Formatter
from typing import Any, Literal

from . import primitives
from .declaration import Primitive, carrier

Style = Literal["python", "plain", "latex"]
LOOSE, POWER, ATOM = 0, 3, 9  # how tightly a name with an operator in it binds, a power, another name or a call
OPERATOR = re.compile(r"(?<=\S)\s*[-+*/·−]\s*(?=\S)")
SUPERSCRIPT = dict(zip(map(ord, "0123456789−"), "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", strict=True))


@carrier
class Symbol:
    """A name, or a row applied to symbols and numbers: `Symbol("a") * 2`.

    Nothing is computed, except that terms of 0 and factors of 1 vanish, as they do on paper. The other
    operations, their order, and so their rounding stay as written.
    """

    __slots__ = ("args", "name", "row")

    def __init__(self, name: str, row: Primitive | None = None, args: tuple[Any, ...] = ()) -> None:
        self.name = name
        self.row = row
        self.args = args

    @staticmethod
    def apply_primitive(row: Primitive, args: tuple[Any, ...]) -> Any:
        """`row` of `args`, as a formula."""
        match row.name, tuple(None if isinstance(x, Symbol) else x for x in args):
            case ("mul", (1, _)) | ("add", (0, _)):
                return args[1]
            case ("mul" | "div" | "pow", (_, 1)) | ("add" | "sub", (_, 0)):
                return args[0]
            case ("pow", (_, 0)):
                return 1
            case ("mul", (-1, _)) | ("sub", (0, _)):
                return primitives.neg(args[1])
            case ("mul", (_, -1)):
                return primitives.neg(args[0])
            case ("mul", (0, _) | (_, 0)) | ("div" | "ratio_" | "xlogy_", (0, _)):
                return 0
        return Symbol("", row, args)

    def __bool__(self) -> bool:
        raise TypeError("a formula has no truth value: a partial derivative selects with a table operation")

    def __eq__(self, other: object) -> bool:
        raise TypeError("a formula is equal to no number: a partial derivative selects with a table operation")


def format_number(x: float, style: Style = "plain", digits: int = 4) -> str:
    """`x` to `digits` significant digits with a true minus sign; as Python, exactly."""
    if style == "python":
        return repr(x if type(x) in (int, float) else float(x))  # NumPy's numbers have a repr of their own
    x += 0.0  # to a reader −0 is 0
    text = f"{x:.0f}" if x % 1 == 0 and abs(x) < 1e6 else f"{x:.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        power = rf" \times 10^{{{int(exponent)}}}" if style == "latex" else f"e{int(exponent)}"
        text = mantissa + power
    if style == "latex":
        return text.replace("inf", r"\infty").replace("nan", r"\text{nan}")
    return text.replace("inf", "∞").replace("-", "−")


def write(formula: Any, style: Style, digits: int = 4) -> str:
    """The text of a Symbol or a number. As Python it rounds as the lambda it came from does on floats."""
    return _write(formula, style, digits)[0]


def _write(formula: Any, style: Style, digits: int) -> tuple[str, int]:
    """The text, and how tightly it binds."""
    if not isinstance(formula, Symbol):
        return format_number(formula, style, digits), primitives.neg.precedence if formula < 0 else ATOM
    row = formula.row
    if row is None:
        return formula.name, LOOSE if style != "python" and OPERATOR.search(formula.name) else ATOM
    if row.hidden and row.definition and style != "python":  # a slope is shown by its formula
        return _write(row.definition(*formula.args), style, digits)
    parts = [_write(arg, style, digits) for arg in formula.args]
    if row is primitives.pow and style == "plain" and set(map(ord, parts[1][0])) <= SUPERSCRIPT.keys():
        parts[1] = (parts[1][0].translate(SUPERSCRIPT), ATOM)
        return _fill("{}{}", row.precedence, parts), row.precedence
    if style == "python" and not row.builtin:  # by name, whatever its template says
        return f"{row.name}({', '.join(text for text, _ in parts)})", ATOM
    return _fill(getattr(row, style), row.precedence, parts), row.precedence


def _fill(template: str, precedence: int, parts: list[tuple[str, int]]) -> str:
    """The template with its operands, in parentheses where they bind less tightly or begin with a minus.

    Operations group to the left: a right operand of the same precedence gets parentheses, so that the
    text says in which order the numbers were rounded. A slot in braces (LaTeX) encloses itself.
    """
    texts = []
    for i, ((literal, *_), (text, binding)) in enumerate(zip(Formatter().parse(template), parts, strict=False)):
        rightmost = i == len(parts) - 1
        looser = binding < precedence + (i > 0 or precedence == POWER) or (rightmost and text[0] in "-−")
        bare = precedence == ATOM or literal.endswith("{") or not looser
        texts.append(text if bare else f"({text})")
    return template.format(*texts)
