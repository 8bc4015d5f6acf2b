"""PNG and PDF, for slides and reports: Typst sets the SVG on a page of its own size, in the fonts of the system.

Typst is one package for both, with no program or library of the system beside it; it draws SVG by resvg.
"""

import sys
from typing import Literal

PIXELS = 192  # an inch in a PNG: two for each of a screen
PAGE = b"""
#set document(title: sys.inputs.title, date: none)
#set page(width: auto, height: auto, margin: 0pt, fill: rgb(sys.inputs.paper))
#image(bytes(sys.inputs.svg), format: "svg", alt: sys.inputs.title)
"""  # without a date the same picture is the same bytes; the last pixels show some of the page


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
    inputs = {"svg": svg, "title": title, "paper": paper}
    return bytes(typst.compile(PAGE, format=suffix, ppi=PIXELS, sys_inputs=inputs))
