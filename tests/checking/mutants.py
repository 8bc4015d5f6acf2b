"""Who checks the checker: an engine made wrong on purpose, in one place at a time.

`ROWS` changes one column of one row; `ENGINE` changes how the engine walks and sums. Each entry is a
name of what was done, and a context manager that does it and undoes it.
"""

import inspect
import math
import textwrap
from contextlib import contextmanager

from tinygrad_lite.engine import derivatives, generated_methods, value
from tinygrad_lite.engine.declaration import TABLE
from tinygrad_lite.engine.generated_methods import generate, install
from tinygrad_lite.engine.value import Constant, Value

TINY_FACTOR = 1 + 1e-12


@contextmanager
def changed(name, **columns):
    """The row `name` with other columns, and with functions written from them."""
    row = TABLE[name]
    held = dict(vars(row))
    for column, content in columns.items():
        setattr(row, column, content)
    install(row, generate(row))
    try:
        yield row
    finally:
        vars(row).clear()
        vars(row).update(held)
        install(row, generate(row))


def partial(name, i, slope):
    """A change of one partial derivative."""
    partials = list(TABLE[name].partials)
    partials[i] = slope
    return lambda: changed(name, partials=tuple(partials))


def scaled(name, i, factor):
    true = TABLE[name].partials[i]
    return partial(name, i, lambda *args: true(*args) * factor)


def sigmoid(x):
    return TABLE["sigmoid"].value(x)


FORMULAS = {
    "tanh: 1 − y²": ("tanh", 0, lambda x, y: 1 - y * y),
    "tanh: 1 − y": ("tanh", 0, lambda x, y: 1 - y),
    "tanh: 0 beyond 15": ("tanh", 0, lambda x, y: 0.0 if abs(x) > 15 else TABLE["tanh_slope"].value(x)),
    "sigmoid: y(1 − y)": ("sigmoid", 0, lambda x, y: y * (1 - y)),
    "sigmoid: a factor short": ("sigmoid", 0, lambda x, y: y),
    "sigmoid: 0 beyond 30": ("sigmoid", 0, lambda x, y: 0.0 if abs(x) > 30 else sigmoid(x) * sigmoid(-x)),
    "softplus: 1": ("softplus", 0, lambda x, y: 1.0),
    "softplus: 1 beyond 20": ("softplus", 0, lambda x, y: 1.0 if x > 20 else sigmoid(x)),
    "softplus: 1 − exp(−y)": ("softplus", 0, lambda x, y: 1 - math.exp(-y)),
    "log: 1/(x + 1e−8)": ("log", 0, lambda x, y: 1 / (x + 1e-8)),
    "log: 1/(x + 1e−12)": ("log", 0, lambda x, y: 1 / (x + 1e-12)),
    "log: of y": ("log", 0, lambda x, y: 1 / (y + 3)),
    "pow: of a negative base the wrong sign": (
        "pow", 0, lambda x, n, y: n * math.pow(x, n - 1) * (1 if x >= 0 else -1) if n else 0.0,
    ),
    "pow: of a negative base 0": ("pow", 0, lambda x, n, y: n * math.pow(x, n - 1) if x > 0 else 0.0),
    "log1p: 1/x": ("log1p", 0, lambda x, y: 1 / (x or 1)),
    "log1p: exp(−y) with an epsilon": ("log1p", 0, lambda x, y: 1 / (1 + x + 1e-10)),
    "expm1: y": ("expm1", 0, lambda x, y: y),
    "expm1: y + 1": ("expm1", 0, lambda x, y: y + 1),
    "exp: x·y": ("exp", 0, lambda x, y: x * y),
    "exp: clipped at 10": ("exp", 0, lambda x, y: math.exp(min(x, 10.0))),
    "sqrt: 1/y": ("sqrt", 0, lambda x, y: 1 / y),
    "sqrt: 0.5/(y + 1e−12)": ("sqrt", 0, lambda x, y: 0.5 / (y + 1e-12)),
    "sin: −cos": ("sin", 0, lambda x, y: -math.cos(x)),
    "sin: √(1 − y²)": ("sin", 0, lambda x, y: math.sqrt(1 - y * y)),
    "cos: sin": ("cos", 0, lambda x, y: math.sin(x)),
    "relu: 1 from −1 on": ("relu", 0, lambda x, y: float(x > -1)),
    "relu: 1 from 1e−3 on": ("relu", 0, lambda x, y: float(x > 1e-3)),
    "relu: a leak of 1e−6": ("relu", 0, lambda x, y: 1.0 if x > 0 else 1e-6),
    "abs: 1": ("abs", 0, lambda x, y: 1.0),
    "abs: 2 at 0": ("abs", 0, lambda x, y: 2.0 if x == 0 else math.copysign(1.0, x)),
    "maximum: of b": ("maximum", 0, lambda a, b, y: float(b >= a)),
    "maximum: 1 and 1 in a tie": ("maximum", 1, lambda a, b, y: 1.0 if a == b else float(b > a)),
    "minimum: of b": ("minimum", 1, lambda a, b, y: float(b > a)),
    "minimum: 0 and ½ in a tie": ("minimum", 0, lambda a, b, y: float(a < b)),
    "add: 2": ("add", 1, lambda a, b, y: 2.0),
    "sub: 1": ("sub", 1, lambda a, b, y: 1.0),
    "mul: a for b": ("mul", 0, lambda a, b, y: a),
    "mul: 1": ("mul", 1, lambda a, b, y: 1.0),
    "neg: 1": ("neg", 0, lambda x, y: 1.0),
    "div: b": ("div", 0, lambda a, b, y: b),
    "div: 1/(b + 1e−12)": ("div", 0, lambda a, b, y: 1 / (b + 1e-12)),
    "div: −y": ("div", 1, lambda a, b, y: -y),
    "div: +y/b": ("div", 1, lambda a, b, y: y / b),
    "pow: no factor n": ("pow", 0, lambda x, n, y: math.pow(x, n - 1) if x else 0.0),
    "pow: n·y": ("pow", 0, lambda x, n, y: n * y),
    "pow: ∂n without the logarithm": ("pow", 1, lambda x, n, y: y),
    "cross-entropy: no 1 − ŷ": ("binary_cross_entropy", 0, lambda p, y, loss: (p - y) / (p or 1.0)),
    "cross-entropy: 1e−12 in the denominator": (
        "binary_cross_entropy", 0, lambda p, y, loss: (p - y) / (p * (1 - p) + 1e-12),
    ),
    "cross-entropy: ∂y of the wrong sign": (
        "binary_cross_entropy", 1, lambda p, y, loss: math.log(p) - math.log1p(-p),
    ),
    "cross-entropy: ∂y clamped at 1e−3": (
        "binary_cross_entropy", 1, lambda p, y, loss: math.log1p(-p) - math.log(max(p, 1e-3)),
    ),
    "logits: σ(z) − y": ("binary_cross_entropy_with_logits", 0, lambda z, y, loss: sigmoid(z) - y),
    "logits: y − σ(z)": ("binary_cross_entropy_with_logits", 0, lambda z, y, loss: y - sigmoid(z)),
    "logits: ½ at 0 whatever y is": (
        "binary_cross_entropy_with_logits",
        0,
        lambda z, y, loss: 0.5 if z == 0 else (1 - y) * sigmoid(z) - y * sigmoid(-z),
    ),
    "logits: ∂y = z": ("binary_cross_entropy_with_logits", 1, lambda z, y, loss: z),
}  # fmt: skip
VALUES = {
    "softplus: its value from 20 on is x": ("softplus", lambda x: x if x > 20 else math.log1p(math.exp(x))),
    "sigmoid: its value is clipped at 15": ("sigmoid", lambda x: 1 / (1 + math.exp(-max(-15.0, min(15.0, x))))),
    "tanh: its value cancels": ("tanh", lambda x: 1 - 2 / (1 + math.exp(2 * min(x, 300.0)))),
    "relu: its value leaks": ("relu", lambda x: x if x > 0 else 1e-9 * x),
    "log1p: its value is log(1 + x)": ("log1p", lambda x: math.log(1 + x)),
    "cos: its value is sin x": ("cos", math.sin),
}
ROWS = {name: (row, partial(row, i, slope)) for name, (row, i, slope) in FORMULAS.items()}
ROWS |= {name: (row, lambda row=row, f=f: changed(row, value=f)) for name, (row, f) in VALUES.items()}
for _row in list(TABLE.values()):
    if not _row.hidden:
        for _i in range(len(_row.partials)):
            ROWS[f"{_row.name}: ∂{_i + 1} off by 1e−12"] = (_row.name, scaled(_row.name, _i, TINY_FACTOR))


@contextmanager
def template(name, old, new):
    """All functions written anew, from another text."""
    held = getattr(generated_methods, name)
    assert old in held

    def write(text):
        setattr(generated_methods, name, text)
        for row in list(TABLE.values()):
            install(row, generate(row))

    try:
        write(held.replace(old, new))
        yield
    finally:
        write(held)


@contextmanager
def patched(name, function, home=Value):
    held = getattr(home, name)
    setattr(home, name, function)
    try:
        yield
    finally:
        setattr(home, name, held)


def walk(order_of):
    """`Value._clear` with the order that `order_of` gives the nodes."""

    def clear(self, zero, order, leaves, earlier):
        for node in value.topological_order(self):
            if not node.inputs and type(node) is not Constant:
                leaves.append(node)
                earlier.append(node.grad)
            node.grad = zero
        order.extend(node for node in order_of(self) if node.inputs)

    return clear


def breadth_first(output):
    """Outputs before inputs by distance: wrong where a node is reached by ways of two lengths."""
    order, row = [], [output]
    while row:
        order += [node for node in row if node not in order]
        row = [x for node in row for x in node.inputs]
    return order[::-1]


def every_way(output):
    """Every way once, without noting who was there: a shared node passes its gradient on again."""
    return [node for x in output.inputs for node in every_way(x)] + [output]


def created(output):
    """Depth-first before the inputs, instead of after them."""
    order, stack = [], [output]
    while stack:
        node = stack.pop()
        if node not in order:
            order.append(node)
            stack += reversed(node.inputs)
    return order[::-1]


SAME = "{operands}"
ENGINE = {
    "= for +=": lambda: template("TERM", "+=", "="),
    "-= for +=": lambda: template("TERM", "+=", "-="),
    "breadth-first for topological order": lambda: patched("_clear", walk(breadth_first)),
    "pre-order for topological order": lambda: patched("_clear", walk(created)),
    "shared nodes visited once per way": lambda: patched("_clear", walk(every_way)),
    "the first node left out": lambda: patched(
        "_clear", walk(lambda y: [x for x in value.topological_order(y) if x.inputs][1:])
    ),
    "inputs before outputs": lambda: patched("_clear", walk(lambda y: value.topological_order(y)[::-1])),
    "the upstream gradient forgotten": lambda: template("BACKWARD", "upstream = node.grad", "upstream = 1.0"),
    "nothing passed on if both operands are the same": lambda: template(
        "BACKWARD", SAME, SAME + "    if node.first is node.second: return\n"
    ),
    "half passed on if both operands are the same": lambda: template(
        "BACKWARD",
        "upstream = node.grad",
        "upstream = node.grad / (1 + (node.first is node.second))",
    ),
    "the operands swapped": lambda: template(
        "BACKWARD", "{operands}", "{operands}    if len(node.inputs) == 2: self, other = other, self\n"
    ),
    "gradients clipped at 1": lambda: template("BACKWARD", "= node.grad", "= min(1.0, node.grad)"),
    "gradients below 1e−6 dropped": lambda: template(
        "BACKWARD", "= node.grad", "= node.grad * (abs(node.grad) > 1e-6)"
    ),
    "the gradient in single precision": lambda: template(
        "BACKWARD", "= node.grad", "= 536870913.0 * node.grad - (536870913.0 * node.grad - node.grad)"
    ),
}


@contextmanager
def rewritten(home, function, old, new):
    """A function or method of `home` from another text."""
    held = inspect.getattr_static(home, function)
    text = textwrap.dedent(inspect.getsource(held))
    assert old in text
    written = {}
    exec(text.replace(old, new), vars(inspect.getmodule(held)), written)
    setattr(home, function, written[function])
    try:
        yield
    finally:
        setattr(home, function, held)


def pile_up(self, zero, order, leaves, earlier, clear=Value._clear):
    """`Value._clear` that leaves the gradients of computed nodes as they are."""
    held = {x: x.grad for x in value.topological_order(self)}
    clear(self, zero, order, leaves, earlier)
    for x in order:
        x.grad = held[x]


def reflected():
    """Reflected operators that swap their operands."""
    return template("REFLECTED", "Value.{method}(other, self)", "Value.{method}(self, other)")


# What only the whole function, or a second pass, shows: (what it is called in the report, the mutant).
PUBLIC = {
    "backward(gradient) starts from 1": (
        "gradient", lambda: rewritten(Value, "_propagate", "self.grad = seed", "self.grad = 1.0"),
    ),
    "backward(gradient) starts from its size": (
        "gradient", lambda: rewritten(Value, "_propagate", "self.grad = seed", "self.grad = abs(seed)"),
    ),
    "gradients of computed nodes pile up": ("gradient", lambda: patched("_clear", pile_up)),
    "leaves do not add up": ("gradient", lambda: patched("_totals", lambda leaves, earlier, passed: passed, value)),
    "leaves add up twice": (
        "gradient",
        lambda: patched(
            "_totals", lambda leaves, earlier, passed: [2 * a + b for a, b in zip(earlier, passed, strict=True)], value
        ),
    ),
    "gradient: = for +=": (
        "derivative",
        lambda: rewritten(derivatives, "gradient", "primitives.add(gradients[x], term) if x in gradients else ", ""),
    ),
    "gradient: the first slot for all": (
        "derivative",
        lambda: rewritten(derivatives, "gradient", "_slope(node, slot, leading)", "_slope(node, 0, leading)"),
    ),
    "gradient: slots swapped": (
        "derivative", lambda: rewritten(derivatives, "_slope", "partials[slot]", "partials[::-1][slot]"),
    ),
    "gradient: the upstream gradient forgotten": (
        "derivative", lambda: rewritten(derivatives, "gradient", "_product(gradients[node],", "_product(1.0,"),
    ),
    "gradient: a factor of −1 lost": (
        "derivative", lambda: rewritten(derivatives, "_product", "else -other", "else other"),
    ),
    "gradient: inputs before outputs": (
        "derivative", lambda: rewritten(derivatives, "gradient", "in reversed(order)", "in order"),
    ),
}  # fmt: skip
