"""`python -m tinygrad_lite`: a forward and backward pass, worked out.

Without arguments, the course's J = (2a + b)·c at a, b, c = 3, 4, 5.
"""

import argparse
import io
import sys
import webbrowser
from pathlib import Path
from typing import Never

from .display.drawing import draw
from .display.explanation import explain
from .display.picture import Direction
from .display.player import play
from .engine.value import Value
from .expression import parse


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Never:
        self.exit(2, f"tinygrad_lite: {' '.join(message.split())}\n")


def course_example() -> Value:
    """J = (2a + b)·c at a, b, c = 3, 4, 5, with the course's names for its steps."""
    a, b, c = Value(3.0, label="a"), Value(4.0, label="b"), Value(5.0, label="c")
    u = (2 * a).named("u")
    v = (u + b).named("v")
    return (v * c).named("J")


def assignments(arguments: list[str]) -> dict[str, float]:
    """The numbers of `name=number` arguments, by name.

    Raises: ValueError for an argument of another form, or a name given twice.
    """
    values: dict[str, float] = {}
    for argument in arguments:
        name, _, number = argument.partition("=")
        try:
            x = float(number)
        except ValueError:
            raise ValueError(f"a value is written name=number, not {argument!r}") from None
        if name.strip() in values:
            raise ValueError(f"{name.strip()} is given twice")
        values[name.strip()] = x
    return values


def write_files(output: Value, folder: Path) -> list[Path]:
    """Draw the passes, each and both, and the page to play them, into `folder`; the paths of the files.

    Raises: OSError where they cannot be written; RuntimeError without a layout engine.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures: dict[Path, Direction] = {
        folder / "forward.svg": "forward",
        folder / "backward.svg": "backward",
        folder / "graph.svg": "both",
    }
    for path, direction in pictures.items():
        draw(output, direction=direction).save(path)
    page = folder / "graph.html"
    play(output).save(page)
    return [*pictures, page]


def main(arguments: list[str] | None = None) -> None:
    """Print a derivation and draw it; exit with status 2 and one line on stderr where something is wrong."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # ∂ and σ, wherever the output goes
    parser = _Parser(prog="python -m tinygrad_lite", description="Work out both passes, and draw them.")
    parser.add_argument("expression", nargs="?", help="such as '(2*a + b) * c' (default: the course's J at 3, 4, 5)")
    parser.add_argument("values", nargs="*", metavar="name=number", help="a value for each name: a=3 b=4 c=5")
    parser.add_argument("--out", type=Path, default=Path("tinygrad_lite_out"), help="where pictures go (%(default)s)")
    parser.add_argument("--no-files", action="store_true", help="print only")
    parser.add_argument("--open", action="store_true", help="open the page of steps in a browser")
    # A leading space keeps an expression such as -a from being read as an option.
    given = sys.argv[1:] if arguments is None else arguments
    parsed = parser.parse_intermixed_args([f" {x}" if x[:1] == "-" and x[:2] not in ("--", "-h") else x for x in given])
    try:
        if parsed.expression is None:
            output = course_example()
        else:
            values = assignments(parsed.values)
            output = parse(parsed.expression, values)
            if not output.label and "J" not in values:
                output.label = "J"
        print(explain(output))
        output.backward()
        if not parsed.no_files:
            *pictures, page = write_files(output, parsed.out)
            print("files     " + "\n          ".join(map(str, [*pictures, page])))
            print(f"next      open {page} in a browser (or --open): both passes, step by step")
            if parsed.open:
                webbrowser.open(page.resolve().as_uri())
    except (ValueError, ArithmeticError, TypeError, OSError, RuntimeError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
