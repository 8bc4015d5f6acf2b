"""Pictures in pixels, as browsers and other programs draw them, and how much of their ink differs."""

import io
import math
import re
from typing import Any

import numpy as np
from PIL import Image

from tinygrad_lite.display.drawing import Drawing

SCALE = 2  # pixels for each of the screen
SQUARE = 8  # pixels a side, over which colours are averaged: hinting moves letters by a pixel or two
SEEN = 24  # of 255, by which a colour differs from another, or from the paper


def size(drawing: Drawing) -> list[int]:
    """Width and height in pixels."""
    found = re.search(r'width="(\S+)pt" height="(\S+)pt"', drawing.svg)
    return [math.ceil(float(points) * 4 / 3 * SCALE) for points in found.groups()]


def by_chromium(browser: Any, drawing: Drawing) -> bytes:
    """A PNG of the picture in its own size, in the light theme."""
    width, height = size(drawing)
    viewport = {"width": math.ceil(width / SCALE), "height": math.ceil(height / SCALE)}
    page = browser.new_page(viewport=viewport, device_scale_factor=SCALE)
    page.set_content(f"<style>body{{margin:0}}svg{{display:block;max-width:none!important}}</style>{drawing.svg}")
    png = page.screenshot()
    page.close()
    return png


def pixels(png: bytes, width: int, height: int) -> np.ndarray:
    """The colours of the squares, on paper."""
    paper = Image.new("RGBA", (width, height), "white")
    paper.alpha_composite(Image.open(io.BytesIO(png)).convert("RGBA").crop((0, 0, width, height)))
    return np.asarray(paper.convert("RGB").reduce(SQUARE), float)


def difference(one: bytes, other: bytes, drawing: Drawing) -> float:
    """The share of the ink, of either picture, that has another colour in the other."""
    first, second = (pixels(png, *size(drawing)) for png in (one, other))
    ink = np.maximum(255 - first, 255 - second).max(-1) > SEEN
    return float((abs(first - second).max(-1) > SEEN).sum() / ink.sum())
