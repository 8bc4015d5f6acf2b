"""Draw the README's pictures, docs/course.svg and docs/neuron.svg: `python docs/make_pictures.py`."""

from pathlib import Path

from tinygrad_lite import Value, binary_cross_entropy, draw, sigmoid
from tinygrad_lite.__main__ import course_example
from tinygrad_lite.display.drawing import Drawing


def course() -> Drawing:
    """J of the course, forward and backward, step by step."""
    output = course_example()
    output.backward()
    return draw(output, animate=True)


def neuron() -> Drawing:
    """The logistic neuron of the README's second section, and its loss."""
    w, x, b = Value(0.5), Value(-2.0), Value(0.25)
    z = w * x + b
    yhat = sigmoid(z).named("ŷ")
    loss = binary_cross_entropy(yhat, 1)
    loss.backward()
    return draw(loss, rankdir="TB")


PICTURES = {"course.svg": course, "neuron.svg": neuron}

if __name__ == "__main__":
    for name, picture in PICTURES.items():
        picture().save(Path(__file__).with_name(name))
