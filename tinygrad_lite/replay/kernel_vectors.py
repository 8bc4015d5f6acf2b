"""The rows on eight floats at a time, with the vector functions of glibc's `libmvec`: for programs that are not exact.

A row's function of floats is followed through all its branches, and what it does to eight floats written down for LLVM.
Where the library, the processor or one of its functions is missing, there is no such code, and the exact one is used.
"""

# mypy: ignore-errors
# (these functions are compiled by numba, which finds their types itself)
from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from ..engine.declaration import Primitive
from .branching import Carrier, follow
from .kernel_loops import INDEX, VECTOR, WIDTH, vector

# By feature of the processor: what the names of the library's functions begin with, and how many floats they take.
LIBRARIES = {"+avx512f": ("_ZGVeN8", 8), "+avx2": ("_ZGVdN4", 4)}
UNARY = "acos acosh asin asinh atan atanh cbrt cos cosh erf erfc exp exp2 expm1 log log10 log1p log2 sin sinh tan tanh"
BINARY = "atan2 hypot pow"
OWN = {
    "sqrt": "llvm.sqrt",
    "fabs": "llvm.fabs",
    "floor": "llvm.floor",
    "ceil": "llvm.ceil",
    "copysign": "llvm.copysign",
}
# Beyond the limits: the square of an exponential has twice its error, and so has its product with a sum.
BEYOND = ("silu_slope", "erfc", "gelu", "silu")


class Eight:
    """Eight floats, or eight truths, in the code that computes them."""

    def __init__(self, builder: Any, code: Any) -> None:
        self.builder = builder
        self.code = code

    def __neg__(self) -> "Eight":
        return Eight(self.builder, self.builder.fneg(self.code))

    def __pos__(self) -> "Eight":
        return self

    def __abs__(self) -> "Eight":
        return call("llvm.fabs.v8f64", WIDTH, self)


def _emit(instruction: str, comparison: str = "", reflected: bool = False) -> Callable[..., Eight]:
    def apply(x: Eight, y: Any) -> Eight:
        operands = [_code(x.builder, each) for each in ((y, x) if reflected else (x, y))]
        return Eight(x.builder, getattr(x.builder, instruction)(*([comparison] * bool(comparison)), *operands))

    return apply


def _code(builder: Any, x: Any) -> Any:
    """What holds eight floats in the code; a number is there eight times."""
    return x.code if isinstance(x, Eight) else ir.Constant(VECTOR, [float(x)] * WIDTH)


for _name in ("add", "sub", "mul", "truediv"):
    _instruction = {"truediv": "fdiv"}.get(_name, f"f{_name}")
    setattr(Eight, f"__{_name}__", _emit(_instruction))
    setattr(Eight, f"__r{_name}__", _emit(_instruction, reflected=True))
for _name, _sign in {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "=="}.items():
    setattr(Eight, f"__{_name}__", _emit("fcmp_ordered", _sign))
Eight.__ne__ = _emit("fcmp_unordered", "!=")


def call(name: str, width: int, *operands: Any) -> Eight:
    """A function of `width` floats at a time, applied to eight."""
    builder = next(x.builder for x in operands if isinstance(x, Eight))
    codes = [_code(builder, x) for x in operands]
    part = ir.VectorType(ir.DoubleType(), width)
    kind = ir.FunctionType(part, [part] * len(codes))
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    function.attributes.add("readnone")  # the same operands twice are computed once
    function.attributes.add("nounwind")
    indices = [ir.Constant(ir.VectorType(INDEX, width), [*range(i, i + width)]) for i in range(0, WIDTH, width)]
    parts = [
        builder.call(function, [builder.shuffle_vector(x, ir.Constant(VECTOR, ir.Undefined), mask) for x in codes])
        for mask in indices
    ]
    whole = parts[0]
    for other in parts[1:]:  # of four floats, two
        whole = builder.shuffle_vector(whole, other, ir.Constant(ir.VectorType(INDEX, WIDTH), [*range(WIDTH)]))
    return Eight(builder, whole)


@cache
def functions() -> dict[str, tuple[str, int]]:
    """What the platform has: for functions of `math`, what does it and how many floats at a time; else none."""
    features = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    begin, width = next((name for feature, name in LIBRARIES.items() if feature in features), ("", 0))
    try:
        binding.load_library_permanently("libmvec.so.1")
    except RuntimeError:
        width = 0
    if not width:
        return {}
    names = {name: f"{begin}v_{name}" for name in UNARY.split()} | {
        name: f"{begin}vv_{name}" for name in BINARY.split()
    }
    return {name: (symbol, width) for name, symbol in names.items() if binding.address_of_symbol(symbol)}


@cache
def carrier() -> Carrier:
    """The functions of `math` on eight floats, as far as the platform has them."""

    def applying(name: str, width: int) -> Callable[..., Eight]:
        return lambda *operands: call(name, width, *operands)

    known = {name: applying(*found) for name, found in functions().items()}
    known |= {name: applying(f"{own}.v{WIDTH}f64", WIDTH) for name, own in OWN.items()}
    if "expm1" in known:
        known["tanh"] = lambda x: _tanh(x, known["expm1"], known["copysign"])
    return Carrier(known, _select, _decide, lambda row: follow(row.value, carrier()))


def _tanh(x: Eight, expm1: Callable[..., Eight], copysign: Callable[..., Eight]) -> Eight:
    """tanh by expm1: in two thirds of the time that the library's own takes."""
    t = expm1(-2.0 * abs(x))
    return copysign(t / (2.0 + t), x)


def _select(truths: Eight, x: Any, y: Any) -> Eight:
    builder = truths.builder
    return Eight(builder, builder.select(truths.code, _code(builder, x), _code(builder, y)))


def _decide(truths: Any) -> bool | None:
    return None if isinstance(truths, Eight) else bool(truths)


@cache
def row_on_vectors(row: Primitive) -> Any:
    """An intrinsic: the row's value of vectors; None where the platform has not got what it calls, or the row is
    beyond the limits by vectors.
    """
    if row.name in BEYOND:
        return None
    arity = len(row.partials)
    module = ir.Module()
    block = ir.Function(module, ir.FunctionType(ir.VoidType(), [VECTOR] * arity), "trial").append_basic_block()
    builder = ir.IRBuilder(block)
    try:
        follow(row.value, carrier())(*(Eight(builder, x) for x in block.function.args))
    except TypeError:
        return None
    if not any(name.startswith("_ZGV") for name in module.globals):
        return None  # the exact one is vectors already, where that can be

    @intrinsic
    def vectors(context: Any, *operands: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            eights = [Eight(builder, builder.extract_value(args[0], i)) for i in range(arity)]
            return _code(builder, follow(row.value, carrier())(*eights))

        return vector(types.StarArgTuple([vector] * arity)), emit

    return vectors
