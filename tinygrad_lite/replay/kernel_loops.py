"""Eight samples at a time: vectors for numba, and the loops that a program spends its time in.

The vectors are LLVM's own, so that sums stay in registers for the length of a chain; numba alone would load
and store them once a term. Multiplication and addition stay two roundings, in the order of the program.
Pointers and offsets, because an array's index would first be asked whether it is negative.

    p          where the columns are: `LANES` numbers each, one for each sample of a block
    offset     of a column's first number from p
    n          how many samples there are, rounded up to a multiple of 16
"""

# mypy: ignore-errors
# (these functions are compiled by numba, which finds their types itself)
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, models, register_model

WIDTH = 8
LANES = 128  # so that the columns of a small network stay in the second-level cache
VECTOR = ir.VectorType(ir.DoubleType(), WIDTH)
INDEX = ir.IntType(32)


class Vector(types.Type):
    """The type of eight floats."""

    def __init__(self) -> None:
        super().__init__(name=f"Vector{WIDTH}")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """A vector is held as LLVM holds it."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


vector, pointer = Vector(), types.CPointer(types.float64)


@intrinsic
def address(context: Any, array: Any) -> Any:
    """A pointer to the first element of a contiguous array."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), emit


def _place(builder: Any, start: Any, offset: Any) -> Any:
    return builder.bitcast(builder.gep(start, [offset]), VECTOR.as_pointer())


@intrinsic
def load(context: Any, start: Any, offset: Any) -> Any:
    """The eight numbers from `offset` on."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        loaded = builder.load(_place(builder, *args))
        loaded.align = 8
        return loaded

    return vector(pointer, types.intp), emit


@intrinsic
def store(context: Any, start: Any, offset: Any, numbers: Any) -> Any:
    """Put eight numbers at `offset`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _place(builder, *args[:2])).align = 8
        return context.get_dummy_value()

    return types.void(pointer, types.intp, vector), emit


@intrinsic
def repeat(context: Any, x: Any) -> Any:
    """Eight times x."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        first = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), args[0], INDEX(0))
        return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(INDEX, WIDTH), [0] * WIDTH))

    return vector(types.float64), emit


@intrinsic
def plus(context: Any, total: Any, a: Any, b: Any) -> Any:
    """total + a·b, rounded twice."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fadd(args[0], builder.fmul(args[1], args[2]))

    return vector(vector, vector, vector), emit


@intrinsic
def add_up(context: Any, numbers: Any) -> Any:
    """The sum of the eight, from left to right."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        total = ir.Constant(ir.DoubleType(), 0.0)
        for i in range(WIDTH):
            total = builder.fadd(total, builder.extract_element(args[0], INDEX(i)))
        return total

    return types.float64(vector), emit


@njit(error_model="numpy")
def layer(p, n, out, tape, at, terms, count, w, first):
    """`count` chains over the same columns, each with numbers of its own: base + w₁·column₁ + w₂·column₂ + …

    `tape` has the columns; `w` the bases of four chains, then their factors term by term, and so on; last the
    base and factors of each chain that is left over.
    """
    end = at + terms
    for _ in range(count // 4):
        for i in range(0, n, 2 * WIDTH):
            u0 = v0 = repeat(w[first])
            u1 = v1 = repeat(w[first + 1])
            u2 = v2 = repeat(w[first + 2])
            u3 = v3 = repeat(w[first + 3])
            k = first
            for j in range(at, end):  # eight sums stay in registers
                k += 4
                x, y = load(p, tape[j] * LANES + i), load(p, tape[j] * LANES + i + WIDTH)
                w0, w1, w2, w3 = repeat(w[k]), repeat(w[k + 1]), repeat(w[k + 2]), repeat(w[k + 3])
                u0, u1, u2, u3 = plus(u0, w0, x), plus(u1, w1, x), plus(u2, w2, x), plus(u3, w3, x)
                v0, v1, v2, v3 = plus(v0, w0, y), plus(v1, w1, y), plus(v2, w2, y), plus(v3, w3, y)
            store(p, out + i, u0)
            store(p, out + i + WIDTH, v0)
            store(p, out + LANES + i, u1)
            store(p, out + LANES + i + WIDTH, v1)
            store(p, out + 2 * LANES + i, u2)
            store(p, out + 2 * LANES + i + WIDTH, v2)
            store(p, out + 3 * LANES + i, u3)
            store(p, out + 3 * LANES + i + WIDTH, v3)
        first += 4 + 4 * terms
        out += 4 * LANES
    for _ in range(count % 4):
        for i in range(0, n, 2 * WIDTH):
            u = v = repeat(w[first])
            k = first
            for j in range(at, end):
                k += 1
                u = plus(u, repeat(w[k]), load(p, tape[j] * LANES + i))
                v = plus(v, repeat(w[k]), load(p, tape[j] * LANES + i + WIDTH))
            store(p, out + i, u)
            store(p, out + i + WIDTH, v)
        first += 1 + terms
        out += LANES


@njit(error_model="numpy")
def chains(p, n, out, tape, at, terms, count):
    """`count` chains base + a₁·b₁ + a₂·b₂ + … of columns; `tape` has base, a₁, b₁, … of each."""
    for _ in range(count):
        end = at + 1 + 2 * terms
        for i in range(0, n, 2 * WIDTH):
            u, v = load(p, tape[at] * LANES + i), load(p, tape[at] * LANES + i + WIDTH)
            for j in range(at + 1, end, 2):
                a, b = tape[j] * LANES + i, tape[j + 1] * LANES + i
                u = plus(u, load(p, a), load(p, b))
                v = plus(v, load(p, a + WIDTH), load(p, b + WIDTH))
            store(p, out + i, u)
            store(p, out + i + WIDTH, v)
        at = end
        out += LANES


@njit(error_model="numpy")
def scalar_chains(numbers, out, tape, at, terms, count):
    """As `chains`, of single numbers; four at a time, so that one need not wait for its own last addition."""
    size = 1 + 2 * terms
    for _ in range(count // 4):
        a, b, c, d = at, at + size, at + 2 * size, at + 3 * size
        s, t, u, v = numbers[tape[a]], numbers[tape[b]], numbers[tape[c]], numbers[tape[d]]
        for _ in range(terms):
            s += numbers[tape[a + 1]] * numbers[tape[a + 2]]
            t += numbers[tape[b + 1]] * numbers[tape[b + 2]]
            u += numbers[tape[c + 1]] * numbers[tape[c + 2]]
            v += numbers[tape[d + 1]] * numbers[tape[d + 2]]
            a, b, c, d = a + 2, b + 2, c + 2, d + 2
        numbers[out], numbers[out + 1], numbers[out + 2], numbers[out + 3] = s, t, u, v
        at += 4 * size
        out += 4
    for _ in range(count % 4):
        s = numbers[tape[at]]
        for j in range(at + 1, at + size, 2):
            s += numbers[tape[j]] * numbers[tape[j + 1]]
        numbers[out] = s
        at += size
        out += 1


@njit(error_model="numpy")
def products(p, n, sums, base, tape, at, height, width):
    """Add to `sums` the sum over the samples of a·b, for `height` columns a (an even number) and `width` columns b.

    `tape` has the columns a, the columns b, and for each pair where its sum goes, from `base` on.
    """
    right = at + height
    for r in range(0, height, 2):
        for c in range(0, width - 3, 4):
            s0 = s1 = s2 = s3 = t0 = t1 = t2 = t3 = repeat(0.0)
            for i in range(0, n, WIDTH):
                a, b = load(p, tape[at + r] * LANES + i), load(p, tape[at + r + 1] * LANES + i)
                x, y = load(p, tape[right + c] * LANES + i), load(p, tape[right + c + 1] * LANES + i)
                s0, s1, t0, t1 = plus(s0, a, x), plus(s1, a, y), plus(t0, b, x), plus(t1, b, y)
                x, y = load(p, tape[right + c + 2] * LANES + i), load(p, tape[right + c + 3] * LANES + i)
                s2, s3, t2, t3 = plus(s2, a, x), plus(s3, a, y), plus(t2, b, x), plus(t3, b, y)
            j = right + width + r * width + c
            for k, s, t in ((j, s0, t0), (j + 1, s1, t1), (j + 2, s2, t2), (j + 3, s3, t3)):
                sums[base + tape[k]] += add_up(s)
                sums[base + tape[k + width]] += add_up(t)
        for c in range(width // 4 * 4, width):
            s = t = repeat(0.0)
            for i in range(0, n, WIDTH):
                x = load(p, tape[right + c] * LANES + i)
                s = plus(s, load(p, tape[at + r] * LANES + i), x)
                t = plus(t, load(p, tape[at + r + 1] * LANES + i), x)
            j = right + width + r * width + c
            sums[base + tape[j]] += add_up(s)
            sums[base + tape[j + width]] += add_up(t)


@njit(error_model="numpy")
def not_finite(p, n, tape, at, count):
    """Whether the numbers of `count` columns do not add up: surely if one is infinite or NaN."""
    u = v = repeat(0.0)
    one = repeat(1.0)
    for j in range(at, at + count):
        for i in range(0, n, 2 * WIDTH):
            u = plus(u, load(p, tape[j] * LANES + i), one)
            v = plus(v, load(p, tape[j] * LANES + i + WIDTH), one)
    total = add_up(u) + add_up(v)
    return total - total != 0.0
