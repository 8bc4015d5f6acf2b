"""The comparison of stored pictures with those of a run: what it must see, and what it must not."""

import base64
import re
from itertools import pairwise

import nbformat
import pytest

from tests.lessons.notebook import IMAGE, LESSONS
from tests.pictures import told

LAYOUT = re.compile(r' (?:x|y|d|points|transform|width|height|viewBox)="[^"]*"')
TEXT = re.compile(r"(?<=>)(?<!css\">)\S[^<>]*(?=</)|(?<=<!-- ).*?(?= -->)")
GLYPH = re.compile(r"(?<=<use xlink:href=\")[^\"]*")


def stored():
    for path in sorted(LESSONS.glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                if svg := output.get("data", {}).get("image/svg+xml"):
                    yield pytest.param(svg, id=f"{path.stem[0]}-{cell.id}")


@pytest.mark.parametrize("svg", [*stored()])
def test_layout_and_the_names_of_one_version_say_nothing(svg):
    other = LAYOUT.sub(lambda match: re.sub(r"\d", "7", match[0]), svg)
    other = re.sub(r"tg-[0-9a-f]{8}", "tg-00000000", other)
    other = other.replace("DejaVuSans-", "Other-")
    assert other != svg
    assert told(other) == told(svg)


def neighbours(pattern, svg):
    """What is found in a picture, each with the next one that is another; not in the metadata."""
    found = list(pattern.finditer(svg, svg.find("</metadata>") + 1))
    return [(one, two) for one, two in pairwise(found) if one[0] != two[0]]


@pytest.mark.parametrize("svg", [*stored()])
def test_every_text_says_something_in_its_place(svg):
    said, found = told(svg), neighbours(TEXT, svg)
    assert len(found) >= 5
    for one, two in found:
        before, between, after = svg[: one.start()], svg[one.end() : two.start()], svg[two.end() :]
        assert told(before + two[0] + between + one[0] + after) != said


@pytest.mark.parametrize("svg", [svg for svg in stored() if GLYPH.search(svg.values[0])])
def test_every_glyph_says_something(svg):
    """Every tenth is tried: to read a picture again for each takes its time."""
    said = told(svg)
    for one, two in neighbours(GLYPH, svg)[::10]:
        assert told(svg[: one.start()] + two[0] + svg[one.end() :]) != said


@pytest.mark.parametrize("path", sorted(LESSONS.glob("*.ipynb")), ids=lambda path: path.stem[0])
def test_a_lesson_that_is_only_opened_shows_its_pictures(path):
    """Jupyter drops SVG and scripts of a notebook that it does not trust, and shows images."""
    pictures = 0
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if svg := data.get("image/svg+xml"):
                pictures += 1
                if "image/png" not in data:
                    assert base64.b64decode(IMAGE.search(data["text/html"])[1]).decode() == svg
    assert pictures
