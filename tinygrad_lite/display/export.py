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
SCRIPTS = re.compile(
    f"(?P<sub>[{SUBSCRIPTS}]+)"
    f"|(?P<super>[{LATIN_SUPERSCRIPTS}]*[{SUPERSCRIPTS}][{SUPERSCRIPTS}{LATIN_SUPERSCRIPTS}]*)"  # fonts have x², alone
)


def set_scripts(svg: str) -> str:
    """The picture with its subscripts and superscripts, x₁ and x⁴, as plain letters that are small, and low or high.

    Helvetica, Arial and Liberation Sans lack many of these characters. A browser takes those from another font; resvg
    takes the whole line, and where that font is wider, lines overlap.
    """

    def script(found: re.Match[str]) -> str:
        plain = unicodedata.normalize("NFKC", found[0])
        return f'<tspan baseline-shift="{found.lastgroup}" font-size="70%">{plain}</tspan>'

    return TEXT.sub(lambda text: SCRIPTS.sub(script, text[0]), svg)


def export(svg: str, title: str, paper: str, suffix: Literal["png", "pdf"]) -> bytes:
    """The picture as "png" or "pdf". In a PDF its text is text, and its fonts are embedded.

    Raises: RuntimeError, saying what to install.
    """
    try:
        import typst
    except ImportError:
        install = "`pip install '.[pictures]'` in tinygrad_lite's checkout"
        remedy = "use Python outside the browser" if sys.platform == "emscripten" else install
        raise RuntimeError(f"to save {suffix.upper()}, {remedy}; .svg, .html and .dot need nothing more") from None
    inputs = {"svg": set_scripts(svg), "title": title, "paper": paper}
    return bytes(typst.compile(PAGE, format=suffix, ppi=PIXELS, sys_inputs=inputs))
