"""What the page asks of Python: an expression, or a program, and its values; back come texts and pictures.

Each request and each answer is JSON. The page runs this in its worker; it runs outside of a browser just as well.
"""

import ast
import contextlib
import io
import json
import math
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tinygrad_lite
from tinygrad_lite import Value, draw, explain, gradcheck, play
from tinygrad_lite.engine.symbol import format_number
from tinygrad_lite.engine.value import topological_order
from tinygrad_lite.expression import CONSTANTS, SIGNS, parse

WRITTEN_OUT = 1000  # nodes of the largest graph of which each step is written
PRINTED = 10_000  # characters of what a program prints that are shown
CURVE_POINTS, CURVE_SECONDS = 81, 0.4
FILE = "<program>"


def answer(request: str) -> str:
    """The answer to a request, whatever happens in it: an error is part of the answer."""
    asked = json.loads(request)
    reply = {"curve": curve, "picture": picture}[asked.pop("what")]
    return json.dumps(reply(**asked))


def picture(
    kind: str, source: str, values: dict[str, float], views: list[str], rankdir: str | None, language: str = "en"
) -> dict[str, Any]:
    """All that the page shows of one graph.

    Args:
        kind: "expression" or "program".
        source: its text.
        values: a number for each name; of a program, those that replace a number in its text.
        views: what is asked for beside the drawing and the derivation: "player", "certificate".
        rankdir: where the arrows of the drawing point, as for `draw`; None for its own choice.
        language: of the player, as for `play`.
    """
    printed = io.StringIO()
    found: dict[str, Any] = {"source": source, "values": values, "template": source}
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            if kind == "program":
                found["source"] = source = replace_numbers(source, values)
                found["values"] = {name: x for name, (x, _) in program_numbers(source).items()}
                found["template"] = replace_numbers(source, dict.fromkeys(found["values"], 0.0))
            else:
                found["values"] = values = expression_values(source, values)
            output, names = evaluate(kind, source, values)
            found |= describe(output, names, list(found["values"]), views, rankdir, language)
    except BaseException as error:  # SystemExit and KeyboardInterrupt are a program's own
        found |= told(error, kind)
    text = printed.getvalue()
    return found | {"printed": text[:PRINTED] + "…" * (len(text) > PRINTED)}


def describe(
    output: Value, names: Mapping[str, Any], leaves: list[str], views: list[str], rankdir: str | None, language: str
) -> dict[str, Any]:
    """Number, gradients, texts and pictures of a graph, whose nodes are called as in `names`."""
    if output.grad == 0.0:
        output.zero_grad()
        output.backward()
    order = topological_order(output)
    labelled = {x.label: x for x in order if not x.inputs}
    nodes = {name: names.get(name, labelled.get(name)) for name in leaves}
    found = {
        "result": number(output.data),
        "gradients": {name: number(x.grad) for name, x in nodes.items() if isinstance(x, Value)},
    }
    makers: dict[str, Callable[[], Any]] = {
        "derivation": lambda: str(named("explain(_)", output, names)),
        "drawing": lambda: drawn(named(f"draw(_, rankdir={rankdir!r})", output, names)),
        "player": lambda: named(f"play(_, language={language!r})", output, names).html,
        "certificate": lambda: certificate(output, names),
    }
    for view in ("derivation", "drawing", *views):
        try:
            if len(order) > WRITTEN_OUT:
                raise ValueError(f"the graph has {len(order):,} nodes: up to {WRITTEN_OUT:,} are written out and drawn")
            found[view] = makers[view]()
        except (ValueError, ArithmeticError, RuntimeError) as error:
            found[view] = {"error": str(error)}
    for node in reversed(order):  # freed one by one: a long chain, freed at once, is too deep for a browser's stack
        node.inputs = ()
    return found


def named(call: str, output: Value, names: Mapping[str, Any]) -> Any:
    """A call on the output, which is `_`, where the variables have these names."""
    return eval(call, {**names, "draw": draw, "explain": explain, "play": play, "_": output})


def drawn(drawing: Any) -> dict[str, str]:
    """A drawing's texts."""
    return {"svg": drawing.svg, "dot": drawing.source}


def certificate(output: Value, names: Mapping[str, Any]) -> dict[str, Any]:
    """The report of `gradcheck`: a row for each number."""
    for name, x in names.items():
        if isinstance(x, Value) and not x.label:
            x.named(name)
    report = gradcheck(output, raise_exception=False)
    rows = [
        {
            "what": check.what,
            "name": check.name if check.what == "gradient" else check.node.label,
            "operation": check.operation if check.via else "",
            "numbers": [repr(check.recorded), repr(check.reference), f"{check.ulps:.2g}"],
            "verdict": check.verdict,
        }
        for check in report.checks
    ]
    return {"ok": report.ok, "rows": rows}


def curve(kind: str, source: str, values: dict[str, float], name: str, low: float, high: float) -> dict[str, Any]:
    """The output where `name` goes from low to high and all else stays: pairs, of which the second may be None.

    The text is evaluated at each point, so that a program may branch; a slow one gets fewer points, or none.
    """
    start, points, count = time.perf_counter(), [], CURVE_POINTS
    for i in range(CURVE_POINTS):
        if i >= count:
            break
        x = low + (high - low) * i / (count - 1)
        y = math.nan
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
            text = replace_numbers(source, {name: x}) if kind == "program" else source
            y = evaluate(kind, text, values | {name: x})[0].data
        points.append([x, number(y)["number"]])
        if i == 0:
            count = min(CURVE_POINTS, int(CURVE_SECONDS / (time.perf_counter() - start)))
            if count < 9:
                return {"points": []}
    return {"points": points}


def evaluate(kind: str, source: str, values: Mapping[str, float]) -> tuple[Value, dict[str, Any]]:
    """The output, and the names of the program that made it."""
    if kind == "program":
        return run(source)
    output = parse(source, values)
    if not output.label and "J" not in values:
        output.label = "J"
    return output, {}


def expression_values(source: str, values: Mapping[str, float]) -> dict[str, float]:
    """A number for each name of an expression, in the order in which they stand there: 1 for a new one."""
    try:
        tree = ast.parse(source.translate(SIGNS).strip(), mode="eval")
    except SyntaxError:
        return dict(values)
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in called]
    names.sort(key=lambda node: (node.lineno, node.col_offset))
    return {node.id: values.get(node.id, 1.0) for node in names if node.id in values or node.id not in CONSTANTS}


def run(source: str) -> tuple[Value, dict[str, Any]]:
    """What a program is about: its last line, or what it calls J; and all its names.

    Raises: ValueError if neither is a Value; whatever the program raises.
    """
    names = {name: getattr(tinygrad_lite, name) for name in tinygrad_lite.__all__} | {"__name__": "__main__"}
    tree = ast.parse(source, FILE)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, FILE, "exec"), names)
    shown = eval(compile(ast.Expression(last.value), FILE, "eval"), names) if last else None
    output = shown if isinstance(shown, Value) else names.get("J")
    if not isinstance(output, Value):
        raise ValueError("nothing to show: call a Value J, or let it be the last line")
    return output, names


def program_numbers(source: str) -> dict[str, tuple[float, ast.expr]]:
    """The number in each `name = Value(number)` of a program, and where it stands."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return {}
    found = {}
    for target, call in assignments(tree):
        match target, call:
            case ast.Name(id=name), ast.Call(func=ast.Name(id="Value"), args=[argument, *_]):
                with contextlib.suppress(ValueError):
                    x = ast.literal_eval(argument)
                    if type(x) in (int, float) and argument.lineno == argument.end_lineno:
                        found[name] = (float(x), argument)
    return found


def assignments(tree: ast.Module) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Each target and its expression, of `a = …` and of `a, b = …, …` at the top of a program."""
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=expressions)):
                yield from zip(targets, expressions, strict=False)
            case ast.Assign(targets=[target], value=expression):
                yield target, expression


def replace_numbers(source: str, values: Mapping[str, float]) -> str:
    """A program with other numbers in its `name = Value(number)`."""
    lines = [line.encode() for line in source.split("\n")]  # columns of a syntax tree count bytes
    places = [(place, values[name]) for name, (x, place) in program_numbers(source).items() if values.get(name, x) != x]
    for place, x in sorted(places, key=lambda entry: entry[0].col_offset, reverse=True):
        line = lines[place.lineno - 1]
        lines[place.lineno - 1] = line[: place.col_offset] + repr(float(x)).encode() + line[place.end_col_offset :]
    return b"\n".join(lines).decode()


def number(x: float) -> dict[str, Any]:
    """A number for the page, None if it is not finite, and how it is written."""
    return {"number": x if math.isfinite(x) else None, "text": format_number(x)}


def told(error: BaseException, kind: str) -> dict[str, Any]:
    """An error as the command line says it; that of a program with its type and the line."""
    if kind == "expression" and isinstance(error, (ValueError, ArithmeticError, TypeError, RuntimeError)):
        return {"error": str(error)}
    *_, message = traceback.format_exception_only(error)
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == FILE else None
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == FILE:
            line = frame.lineno
    return {"error": message.strip(), "line": line}
