"""Pictures as files for slides and reports: PNG and PDF."""

import contextlib
import re
import struct
import sys
import unicodedata
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageColor

from tests.display.drawings import after_backward, course
from tinygrad_lite import Value
from tinygrad_lite.display.dot import Theme
from tinygrad_lite.display.drawing import Drawing, draw


def points(drawing: Drawing) -> tuple[float, ...]:
    return tuple(map(float, re.search(r'width="(\S+)pt" height="(\S+)pt"', drawing.svg).groups()))


def read(pdf: bytes) -> str:
    """What stands in a PDF, its streams unpacked."""
    found = [pdf]
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        with contextlib.suppress(zlib.error):
            found.append(zlib.decompressobj().decompress(stream))
    return b"\n".join(found).decode("latin-1")


def test_a_png_has_two_pixels_for_each_of_the_screen(tmp_path: Path) -> None:
    drawing = draw(after_backward(course()))
    drawing.save(tmp_path / "J.png")
    png = (tmp_path / "J.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    assert struct.unpack(">II", png[16:24]) == pytest.approx([2 * 4 / 3 * x for x in points(drawing)], abs=1)


@pytest.mark.parametrize(("theme", "paper"), [("auto", "white"), ("light", "white"), ("dark", "#1e1e1e")])
def test_a_png_is_light_or_dark_to_its_last_pixel(tmp_path: Path, theme: Theme, paper: str) -> None:
    draw(after_backward(course()), theme=theme).save(tmp_path / "J.png")
    with Image.open(tmp_path / "J.png") as picture:
        rows, columns = ([0, size // 2, size - 1] for size in picture.size)
        edge = {
            picture.getpixel((x, y)) for x in rows for y in columns if 0 in (x, y) or rows[2] == x or columns[2] == y
        }
    assert edge == {(*ImageColor.getrgb(paper), 255)}


def test_a_pdf_is_one_page_of_the_picture_s_size_and_its_text_can_be_searched(tmp_path: Path) -> None:
    a = Value(3.0, "x<y")
    drawing = draw(after_backward((a * a).named("J")))
    drawing.save(tmp_path / "J.pdf")
    pdf = read((tmp_path / "J.pdf").read_bytes())
    (page,) = re.findall(r"/MediaBox ?\[0 0 (\S+) (\S+)\]", pdf)
    assert tuple(map(float, page)) == points(drawing)
    assert "/FontFile" in pdf
    lines = "".join(part.text for shape in drawing.picture.shapes.values() for part in shape.parts)
    written = set(lines.replace("₁", "1").replace("₂", "2"))  # subscripts are found as what they say
    mapped = {chr(int(code, 16)) for code in re.findall(r"<[0-9A-F]{4}> <([0-9A-F]{4})>", pdf)}
    assert written - {"\n"} <= mapped
    assert {"∂", "<"} <= mapped


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_the_same_picture_is_the_same_bytes_and_labels_are_text(tmp_path: Path, suffix: str) -> None:
    label = '#import "x" \\ </text> & "\x00 输入'
    for name in ("one", "two"):
        draw(after_backward((Value(3.0, label) * 2).named("J"))).save(tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_without_the_extra_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(RuntimeError) as error:
        draw(course()).save(tmp_path / f"J.{suffix}")
    assert str(error.value) == (
        f"to save {suffix.upper()}, `pip install '.[pictures]'` in tinygrad_lite's checkout; "
        ".svg, .html and .dot need nothing more"
    )
    assert not (tmp_path / f"J.{suffix}").exists()


@pytest.mark.parametrize(
    ("label", "plain"), [("x₁", "x1"), ("w₁₂", "w12"), ("aᵢ⁻¹⁰", "ai−10"), ("Wᵀ", "WT"), ("x²", "x²")]
)
def test_a_line_with_a_subscript_or_superscript_keeps_its_font(tmp_path: Path, label: str, plain: str) -> None:
    """Where the font lacks a character, the whole line would be in another one, wider than its box."""
    fonts, texts = [], []
    for name in (label, plain):
        drawing = draw(Value(3.0, name))
        drawing.save(tmp_path / "x.pdf")
        pdf = read((tmp_path / "x.pdf").read_bytes())
        fonts.append({font.rpartition("+")[2] for font in re.findall(r"/BaseFont ?/(\S+)", pdf)})
        texts.append({chr(int(code, 16)) for code in re.findall(r"<[0-9A-F]{4}> <([0-9A-F]{4})>", pdf)})
        assert name in drawing.svg  # in a browser it is the character
    assert fonts[0] == fonts[1]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("label", ["∛", "∇f", "σ(x̄)", "∛(x̄₁ + ẋ)", "∑ᵢ x̄ᵢ", "ŷ", "x ∈ ℝ", "w ⊙ x", "α ≤ β<̄"])
def test_characters_that_helvetica_lacks_are_no_empty_boxes(tmp_path: Path, label: str) -> None:
    """A glyph for what is not in the font stands for no character of a PDF."""
    for form in ("NFC", "NFD"):
        draw(Value(3.0, unicodedata.normalize(form, label))).save(tmp_path / "x.pdf")
        codes = re.findall(r"<[0-9A-F]{4}> <([0-9A-F]+)>", read((tmp_path / "x.pdf").read_bytes()))
        written = "".join(bytes.fromhex(code).decode("utf-16-be") for code in codes)
        assert set(unicodedata.normalize("NFC", label).replace("₁", "1").replace("ᵢ", "i")) - {" "} <= set(written)
