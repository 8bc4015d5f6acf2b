"""Draw docs/course.svg, J of the README going forward and backward: `python docs/make_course.py`."""

from pathlib import Path

from tinygrad_lite import draw
from tinygrad_lite.__main__ import course_example
from tinygrad_lite.drawing import Drawing


def picture() -> Drawing:
    """The picture, with gradients, step by step."""
    output = course_example()
    output.backward()
    return draw(output, animate=True)


if __name__ == "__main__":
    picture().save(Path(__file__).with_name("course.svg"))
