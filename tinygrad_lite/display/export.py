"""PNG and PDF, for slides and reports: Typst sets the SVG on a page of its own size, in the fonts of the system.

Typst is one package for both, with no program or library of the system beside it; it draws SVG by resvg.
"""

import re
import sys
import unicodedata
from typing import Literal

from ..engine.names import LATIN_SUPERSCRIPTS, SUBSCRIPTS, SUPERSCRIPTS

PIXELS = 192  # an inch in a PNG: two for each of a screen
PAGE = b"""
#set document(title: sys.inputs.title, date: none)
#set page(width: auto, height: auto, margin: 0pt, fill: rgb(sys.inputs.paper))
#image(bytes(sys.inputs.svg), format: "svg", alt: sys.inputs.title)
"""  # without a date the same picture is the same bytes; the last pixels show some of the page

TEXT = re.compile(r"(?<=>)[^<]+(?=</text>)")
MARKS = "\u0300-\u036f"  # which stand above or below the letter before
RARE = (
    "Ḁ-ẙẼẽỸỹϐ-Ͽℂℕℚℝℤ‖←-⋿⟀-⟯",  # the embedded font has these,
    "Ẁ-ẅ←-↓↔↕∂∆∏∑−√∞∩∫≈≠≡≤≥",  # and of these Helvetica, Arial and Liberation Sans have their own
)
EMBEDDED = "DejaVu Sans Mono"  # in Typst's own package
PIECES = re.compile(
    f"(?P<rare>(?:&\\w+;|.)[{MARKS}]+|(?![{RARE[1]}])[{RARE[0]}])"
    f"|(?P<sub>[{SUBSCRIPTS}]+)"
    f"|(?P<super>[{LATIN_SUPERSCRIPTS}]*[{SUPERSCRIPTS}][{SUPERSCRIPTS}{LATIN_SUPERSCRIPTS}]*)"  # fonts have x², alone
)


def set_pieces(svg: str) -> str:
    """The picture with its subscripts and superscripts, x₁ and x⁴, as plain letters, small, and low or high, and
    with ∛, ∇ or x̄ in a font that has them.

    Helvetica, Arial and Liberation Sans lack many of these characters. A browser takes those from another font; resvg
    takes the whole line, and where that font is wider, lines overlap, or the next of them is an empty box.
    """

    def set_piece(found: re.Match[str]) -> str:
        if found["rare"]:
            return f'<tspan font-family="{EMBEDDED}">{found[0]}</tspan>'
        plain = unicodedata.normalize("NFKC", found[0])
        return f'<tspan baseline-shift="{found.lastgroup}" font-size="70%">{plain}</tspan>'

    def set_line(found: re.Match[str]) -> str:
        line = unicodedata.normalize("NFC", found[0])
        # The first font of a line says what is one glyph, and marks are one with their letters in the embedded font.
        first = f'<tspan font-family="{EMBEDDED}">\u200b</tspan>' if re.search(f"[{MARKS}]", line) else ""
        return first + PIECES.sub(set_piece, line)

    return TEXT.sub(set_line, svg)


def export(svg: str, title: str, paper: str, suffix: Literal["png", "pdf"]) -> bytes:
    """The picture as "png" or "pdf". In a PDF its text is text, and its fonts are embedded.

    A character that no font of the machine has, such as a Chinese one where none is installed, is an empty box.

    Raises: RuntimeError, saying what to install.
    """
    try:
        import typst
    except ImportError:
        install = "`pip install '.[pictures]'` in tinygrad_lite's checkout"
        remedy = "use Python outside the browser" if sys.platform == "emscripten" else install
        raise RuntimeError(f"to save {suffix.upper()}, {remedy}; .svg, .html and .dot need nothing more") from None
    inputs = {"svg": set_pieces(svg), "title": title, "paper": paper}
    return bytes(typst.compile(PAGE, format=suffix, ppi=PIXELS, sys_inputs=inputs))
