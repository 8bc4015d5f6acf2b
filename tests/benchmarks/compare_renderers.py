"""The seven graphs' pictures as slides and reports show them, beside Chromium's: how much of the ink differs.

    python -m tests.benchmarks.compare_renderers FOLDER

writes FOLDER/chain.resvg.png and so on, to be looked at. What is not installed is left out: typst, resvg-py and
CairoSVG (pip), rsvg-convert (librsvg) and soffice (LibreOffice Draw).
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from tests.display.rendered import SCALE, by_chromium, difference, size
from tests.display.seven_graphs import SEVEN
from tinygrad_lite import draw
from tinygrad_lite.display.drawing import Drawing
from tinygrad_lite.display.export import export


def by_typst(drawing: Drawing) -> bytes:
    return export(drawing.svg, drawing.title, "png")


def by_resvg(drawing: Drawing) -> bytes:
    from resvg_py import svg_to_bytes

    return bytes(svg_to_bytes(svg_string=drawing.svg, dpi=96, zoom=SCALE))


def by_cairo(drawing: Drawing) -> bytes:
    from cairosvg import svg2png

    return svg2png(bytestring=drawing.svg.encode(), scale=SCALE)


def by_librsvg(drawing: Drawing) -> bytes:
    command = ["rsvg-convert", "--zoom", str(SCALE)]
    return subprocess.run(command, input=drawing.svg.encode(), stdout=subprocess.PIPE, check=True).stdout


def by_libreoffice(drawing: Drawing) -> bytes:
    names = zip(("PixelWidth", "PixelHeight"), size(drawing), strict=True)
    options = json.dumps({name: {"type": "long", "value": str(length)} for name, length in names})
    with TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.svg"
        drawing.save(picture)
        command = [
            "soffice",
            "--headless",
            "--convert-to",
            f"png:draw_png_Export:{options}",
            "--outdir",
            folder,
            picture,
        ]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        return picture.with_suffix(".png").read_bytes()


RENDERERS = {
    "typst": by_typst,
    "resvg": by_resvg,
    "cairosvg": by_cairo,
    "librsvg": by_librsvg,
    "libreoffice": by_libreoffice,
}


def main(folder: Path) -> None:
    """A table of per cents, a row for each graph."""
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{'':14}", *(f"{name:>11}" for name in RENDERERS))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for graph, build in SEVEN.items():
            drawing = draw(build())
            expected = by_chromium(chromium, drawing)
            (folder / f"{graph}.chromium.png").write_bytes(expected)
            print(f"{graph:14}", end="")
            for name, render in RENDERERS.items():
                try:
                    png = render(drawing)
                except (ImportError, FileNotFoundError, RuntimeError) as error:
                    print(f" {type(error).__name__[:11]:>11}", end="")
                    continue
                (folder / f"{graph}.{name}.png").write_bytes(png)
                print(f" {difference(expected, png, drawing):11.2%}", end="", flush=True)
            print()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
