"""Eight samples at a time: vectors for numba, and the loops that a program spends its time in.

The vectors are LLVM's own, so that sums stay in registers for the length of a chain; numba alone would load
and store them once a term. Multiplication and addition stay two roundings, in the order of the program.
Pointers and offsets, because an array's index would first be asked whether it is negative.

    p          where the columns are, or the numbers
    stride     from one column to the next: a column has a place for each sample of a block; 1 for numbers
    offset     of a column's first number from p
    n          how many samples there are, rounded up to a multiple of 16, of which `valid` are samples; of numbers,
               how many lanes each member has
    out        the offset of the first result; the others follow
    tape, at   places of operands, and where the group's begin; `count` and `terms` are its members and its width
    w, first   the numbers that layers read, and where the group's begin
    sums       of the results over the samples

What does a group returns whether it met a number that is not finite, or an error.
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


vector, pointer, places, count = Vector(), types.CPointer(types.float64), types.CPointer(types.int32), types.intp
GROUP = types.boolean(
    pointer, count, count, count, count, places, count, count, count, pointer, count, pointer
)  # what does a group: (p, n, valid, stride, out, tape, at, count, terms, w, first, sums)


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
def lanes(p, place, i):
    """The eight numbers from i behind a place on, or eight times the number at −1 − place."""
    return repeat(p[~place]) if place < 0 else load(p, place + i)


def layer(p, n, valid, stride, out, tape, at, count, terms, w, first, sums):
    """`count` chains over the same columns, each with numbers of its own: base + w₁·column₁ + w₂·column₂ + …

    `tape` has the columns; `w` the bases of four chains, then their factors term by term, and so on; last the
    base and factors of each chain that is left over.
    """
    end = at + terms
    for _ in range(count // 4):
        for i in range(0, n, WIDTH):
            u0, u1, u2, u3 = repeat(w[first]), repeat(w[first + 1]), repeat(w[first + 2]), repeat(w[first + 3])
            k = first
            for j in range(at, end):  # four sums stay in the registers of AVX2, eight would not
                k += 4
                x = load(p, tape[j] * stride + i)
                u0, u1 = plus(u0, repeat(w[k]), x), plus(u1, repeat(w[k + 1]), x)
                u2, u3 = plus(u2, repeat(w[k + 2]), x), plus(u3, repeat(w[k + 3]), x)
            store(p, out + i, u0)
            store(p, out + stride + i, u1)
            store(p, out + 2 * stride + i, u2)
            store(p, out + 3 * stride + i, u3)
        first += 4 + 4 * terms
        out += 4 * stride
    for _ in range(count % 4):
        for i in range(0, n, 2 * WIDTH):
            u = v = repeat(w[first])
            k = first
            for j in range(at, end):
                k += 1
                u = plus(u, repeat(w[k]), load(p, tape[j] * stride + i))
                v = plus(v, repeat(w[k]), load(p, tape[j] * stride + i + WIDTH))
            store(p, out + i, u)
            store(p, out + i + WIDTH, v)
        first += 1 + terms
        out += stride
    return False


def chains(p, n, valid, stride, out, tape, at, count, terms, w, first, sums):
    """`count` chains base + a₁·b₁ + a₂·b₂ + … of columns; `tape` has base, a₁, b₁, … of each."""
    for _ in range(count):
        end = at + 1 + 2 * terms
        for i in range(0, n, 2 * WIDTH):
            u, v = load(p, tape[at] * stride + i), load(p, tape[at] * stride + i + WIDTH)
            for j in range(at + 1, end, 2):
                a, b = tape[j] * stride + i, tape[j + 1] * stride + i
                u = plus(u, load(p, a), load(p, b))
                v = plus(v, load(p, a + WIDTH), load(p, b + WIDTH))
            store(p, out + i, u)
            store(p, out + i + WIDTH, v)
        at = end
        out += stride
    return False


def scalar_chains(numbers, n, valid, stride, out, tape, at, count, terms, w, first, sums):
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
    return False


def strips(p, n, valid, stride, out, tape, at, count, terms, w, first, sums):
    """`count` strips of chains of numbers, of n lanes each; `tape` has base, a₁, b₁, … of the first lane, and −1 − x
    for a base or an a that is x in all lanes. What is behind the lanes is overwritten: it is computed later.
    """
    for _ in range(count):
        end = at + 1 + 2 * terms
        for i in range(0, n, 2 * WIDTH):
            u, v = lanes(p, tape[at], i), lanes(p, tape[at], i + WIDTH)
            for j in range(at + 1, end, 2):
                a, b = tape[j], tape[j + 1] + i
                u = plus(u, lanes(p, a, i), load(p, b))
                v = plus(v, lanes(p, a, i + WIDTH), load(p, b + WIDTH))
            store(p, out + i, u)
            store(p, out + i + WIDTH, v)
        at = end
        out += n
    return False


def products(p, n, valid, stride, out, tape, at, height, width, w, first, sums):
    """Add to `sums` the sum over the samples of a·b, for `height` columns a (an even number) and `width` columns b.

    `tape` has the columns a, the columns b, and for each pair which of the sums it belongs to. Where there are no
    samples the columns a become 0, so that they add nothing: sums are the last that is computed.
    """
    for j in range(at, at + height):
        for i in range(valid, n):
            p[tape[j] * stride + i] = 0.0
    right = at + height
    for r in range(0, height, 2):
        for c in range(0, width - 1, 2):
            s0 = s1 = t0 = t1 = repeat(0.0)
            for i in range(0, n, WIDTH):
                a, b = load(p, tape[at + r] * stride + i), load(p, tape[at + r + 1] * stride + i)
                x, y = load(p, tape[right + c] * stride + i), load(p, tape[right + c + 1] * stride + i)
                s0, s1, t0, t1 = plus(s0, a, x), plus(s1, a, y), plus(t0, b, x), plus(t1, b, y)
            j = right + width + r * width + c
            for k, s, t in ((j, s0, t0), (j + 1, s1, t1)):
                sums[tape[k]] += add_up(s)
                sums[tape[k + width]] += add_up(t)
        for c in range(width // 2 * 2, width):
            s = t = repeat(0.0)
            for i in range(0, n, WIDTH):
                x = load(p, tape[right + c] * stride + i)
                s = plus(s, load(p, tape[at + r] * stride + i), x)
                t = plus(t, load(p, tape[at + r + 1] * stride + i), x)
            j = right + width + r * width + c
            sums[tape[j]] += add_up(s)
            sums[tape[j + width]] += add_up(t)
    return False


def not_finite(p, n, valid, stride, out, tape, at, count, terms, w, first, sums):
    """Whether one of the numbers in `count` columns is infinite or NaN: times 0 it is NaN."""
    u = v = zero = repeat(0.0)
    for j in range(at, at + count):
        for i in range(0, n, 2 * WIDTH):
            u = plus(u, load(p, tape[j] * stride + i), zero)
            v = plus(v, load(p, tape[j] * stride + i + WIDTH), zero)
    return add_up(u) + add_up(v) != 0.0
