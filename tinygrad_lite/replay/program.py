"""`Program`: a graph recorded once, and replayed with other numbers at the speed of compiled code."""

import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Any, Literal

from ..engine.arguments import check_count, to_array
from ..engine.foreign_functions import find_caller
from ..engine.names import variables
from ..engine.value import Constant, Value, topological_order
from .executor import Executor, Recompute
from .instructions import Instructions, record
from .python_executor import PythonExecutor, source
from .recomputation import recomputation

ExecutorName = Literal["python", "compiled"]
LARGE = 3000  # nodes: that many Python records in the time in which numba is imported


class Program:
    """The graph below `output` as a function of its leaves: its mean over many samples, and the gradient.

        w, b, x, y = Value(0.5), Value(0.0), Value(-2.0), Value(1.0)
        loss = binary_cross_entropy_with_logits(w * x + b, y)
        program = Program(loss, parameters=[w, b], data=[x, y])
        mean, gradient = program([0.5, 0.25], [[-2, 1], [1, 0], [3, 1]])

    For one sample the numbers are those of Values, to the last bit, and so are the errors. What is recorded
    are the operations: an `if` on a Value is not, only the branch that was taken (relu, maximum and abs are
    operations). Leaves that are in neither list keep the numbers they have now. The backward pass
    goes neither to them nor to data, nor to what depends on these alone.

    A user-defined row whose value and partial derivatives are written with the table's operations becomes those
    operations, with the numbers that it finds around it now. With one over `math`, with an `if`, or with
    integers or NumPy's numbers on the way, the program runs in Python, and a RuntimeWarning says so.

    Args:
        output: what to compute: a Value, or a list of k Values.
        parameters: the p leaves to differentiate by; the gradient is 0 where output does not depend on one.
        data: the d leaves that each sample has numbers for.
        executor: "compiled" (by numba: `pip install '.[fast]'` in the checkout; on the first use on a machine, which
            takes some seconds, a line on stderr says so) or "python"; None for the fastest that is installed and has
            every row.
        exact: True for the bits of Python's `math`. False lets the compiled executor use the vector functions of the
            platform for exp, tanh and their like: several times as fast, each operation within 4 units in the last
            place and each partial derivative within 8, as `gradcheck` asks; where there are none, it is as True.

    Attributes:
        executor: which one it is. It is chosen here, and again where a program is unpickled.
        exact: as given.

    Raises: TypeError for what is no Value or no bool, and for rows that "compiled" does not have; ValueError for a
        computed node among the leaves, a leaf given twice, no output, and an unknown executor; ImportError where
        "compiled" is not installed.
    """

    def __init__(
        self,
        output: Value | Sequence[Value],
        parameters: Iterable[Value],
        data: Iterable[Value] = (),
        *,
        executor: ExecutorName | None = None,
        exact: bool = True,
    ) -> None:
        self._single = isinstance(output, Value)
        self._outputs = [output] if isinstance(output, Value) else _to_list(output, "output")
        self._parameters, self._data = _to_list(parameters, "parameters"), _to_list(data, "data")
        _check(self._outputs, self._parameters, self._data)
        if executor not in ("python", "compiled", None):
            raise ValueError(f"unknown executor {executor!r}: use 'python', 'compiled', or None for the fastest")
        if not isinstance(exact, bool):
            raise TypeError(f"exact is {exact!r}: True for the bits of `math`, False for vector functions")
        self._requested, self.exact = executor, exact
        order = topological_order(*self._parameters, *self._data, *self._outputs)
        named = variables(sys._getframe(1), self._outputs)
        self._names = {x: name for x in order if (name := x.label or named.get(x))}
        self._frozen = {x: x.data for x in order if x.op is None and type(x) is not Constant}
        self._instructions = self._record(order)
        self.executor = choose_executor(self._instructions, executor)

    def __call__(self, theta: Any, batch: Any = None, *, threads: int = 1) -> tuple[Any, Any]:
        """The mean of the output over the samples, and its gradient.

        Args:
            theta: the parameters, of shape (p,), a list or an array.
            batch: the samples, of shape (m, d); left out for a program without data.
            threads: how many share the samples, with the compiled executor; the result is always the same.

        Returns: the mean and the gradient, of shape (p,); for a list of k outputs, of shapes (k,) and (k, p).
            As NumPy arrays once NumPy has been imported, else as lists.

        Raises: TypeError or ValueError for other shapes and for what is no real number; ValueError,
            ZeroDivisionError or OverflowError as Values do, naming the operation, the node and the sample.
        """
        means, _ = self._run(theta, batch, True, threads)
        if self._single:
            return float(means[0]), to_array(means[1:])
        k, p = len(self._outputs), len(self._parameters)
        slopes = means[k:]
        rows = slopes.reshape(k, p) if hasattr(slopes, "shape") else [slopes[i * p : (i + 1) * p] for i in range(k)]
        return to_array(means[:k]), to_array(rows)

    def outputs(self, theta: Any, batch: Any = None, *, threads: int = 1) -> Any:
        """The output for each sample, without gradient: of shape (m,), or (m, k) for a list of k outputs.

        Without data it is a number, or of shape (k,). Arguments and errors are those of a call.
        """
        _, outputs = self._run(theta, batch, False, threads)
        if self._single:
            outputs = outputs[:, 0] if hasattr(outputs, "shape") else [output[0] for output in outputs]
        return to_array(outputs) if self._data else to_array(outputs)[0]

    def compute_sample(
        self, theta: Sequence[float], sample: Sequence[float], gradients: bool, recompute: Recompute
    ) -> Sequence[float]:
        """The outputs and gradients for one sample of floats, as executors give them."""
        return self._executor.compute_sample(theta, sample, gradients, recompute)

    def to_jax(self) -> Callable[..., tuple[Any, Any]]:
        """The program as a JAX function: `jax.jit(program.to_jax())(theta, batch)` gives mean and gradient.

        JAX compiles it for CPUs and GPUs, and for several of them where the batch is sharded. It computes in
        float64 where `jax_enable_x64` is set, else in float32, with JAX's own functions and order of addition:
        not to the last bit, and a number that is not finite is no error there.

        Raises: ImportError without JAX; when called, ValueError for other shapes.
        """
        if not _is_installed("jax"):
            raise ImportError("to_jax needs JAX: `pip install jax`")
        from .jax_executor import JaxExecutor

        execute = JaxExecutor(self._instructions)

        def function(theta: Any, batch: Any = None) -> tuple[Any, Any]:
            means, gradients, _ = execute(theta, self._samples(batch))
            return (means[0], gradients[0]) if self._single else (means, gradients)

        return function

    @property
    def source(self) -> str:
        """The forward and the backward pass as straight-line Python, an assignment for each instruction."""
        return source(self._instructions)

    @property
    def nbytes(self) -> int:
        """The memory that the instructions take, in bytes. The compiled executor works on 1 KB for each instruction
        that depends on data, and for each thread.
        """
        return self._instructions.nbytes

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        sizes = f"{len(self._outputs)} outputs, {len(self._parameters)} parameters, {len(self._data)} data"
        return f"<Program of {sizes}, {len(self._instructions)} instructions, {self.executor}>"

    def __getstate__(self) -> dict[str, Any]:
        made_anew = ("_instructions", "_executor", "_recompute", "executor")
        return {name: x for name, x in vars(self).items() if name not in made_anew}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        order = topological_order(*self._parameters, *self._data, *self._outputs)
        self._instructions = self._record(order)  # with the rows of this process: values and slopes of the same ones
        self.executor = choose_executor(self._instructions, self._requested)

    def _record(self, order: Sequence[Value]) -> Instructions:
        compiled = compiles(order, self._requested)
        return record(order, self._outputs, self._parameters, self._data, self._names, self._frozen, compiled)

    def _run(self, theta: Any, batch: Any, gradients: bool, threads: int) -> tuple[Any, Any]:
        """The means over the samples of outputs and gradients, one after the other, and the outputs of each sample."""
        if threads != 1:
            check_count(threads, "threads")
        theta, batch = self._executor.check(theta, self._samples(batch))
        if len(batch) > 1:
            return self._executor.compute_batch(theta, batch, gradients, threads, self._recompute)
        results: Any = self._executor.compute_sample(theta, batch[0], gradients, self._recompute)
        k = len(self._outputs)
        if type(results) is not list:
            results[k:] += 0.0
        elif 0.0 in results:  # a gradient is a sum that begins with 0, and never −0.0
            results[k:] = [x + 0.0 for x in results[k:]]
        return results, [results[:k]]

    def _samples(self, batch: Any) -> Any:
        """The samples as they were given; without data it is one, of no numbers."""
        if batch is None and self._data:
            raise TypeError(f"batch is missing: call program(theta, batch), with {len(self._data)} numbers a sample")
        if batch is not None and not self._data:
            raise TypeError("batch is too much: call program(theta)")
        return [[]] if batch is None else batch

    @cached_property
    def _executor(self) -> Executor:
        return executor(self.executor, self._instructions, self.exact)

    @cached_property
    def _recompute(self) -> Recompute:
        return recomputation(self._outputs, self._parameters, self._data, self._frozen)


def compiles(order: Sequence[Value], requested: ExecutorName | None = None) -> bool:
    """Whether numba records a graph: where it is installed, and would not take longer to be imported."""
    return len(order) > LARGE and requested != "python" and _is_installed("numba")


def choose_executor(instructions: Instructions, requested: ExecutorName | None = None) -> ExecutorName:
    """The executor that was asked for, or the fastest; a warning where a user-defined row forbids that."""
    if requested == "python":
        return "python"
    if not _is_installed("numba"):
        if requested == "compiled":
            raise ImportError("the compiled executor needs numba: `pip install '.[fast]'` in tinygrad_lite's checkout")
        return "python"
    missing = [str(call) for call in instructions.calls if not call.row.builtin]
    if not missing:
        return "compiled"
    advice = "write it with operators and the functions of tinygrad_lite, without `math` and `if`, to have it compiled"
    message = f"{' and '.join(missing)} can only be computed by Python: {advice}"
    if requested == "compiled":
        raise TypeError(message)
    warnings.warn(f"{message}. The program runs in Python", RuntimeWarning, stacklevel=find_caller()[1])
    return "python"


def executor(name: ExecutorName, instructions: Instructions, exact: bool) -> Executor:
    """The executor of this name for a program."""
    if name == "python":
        return PythonExecutor(instructions)
    from .numba_executor import NumbaExecutor

    return NumbaExecutor(instructions, exact)


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # barred from being imported, by None in sys.modules
        return False


def _to_list(nodes: Any, name: str) -> list[Any]:
    if not isinstance(nodes, Iterable) or isinstance(nodes, Value):
        advice = "call it" if callable(nodes) else "write [x] for a single one"
        raise TypeError(f"{name} must be a list of Values, not {type(nodes).__name__!r}: {advice}")
    return list(nodes)


def _check(outputs: Sequence[Any], parameters: Sequence[Any], data: Sequence[Any]) -> None:
    """Raise for what is no graph with leaves of its own."""
    if not outputs:
        raise ValueError("output is an empty list: a Program computes at least one Value")
    used: dict[Any, str] = {}
    for name, nodes in {"output": outputs, "parameters": parameters, "data": data}.items():
        for i, x in enumerate(nodes):
            where = f"{name}[{i}]"
            if not isinstance(x, Value) or isinstance(x, Constant):
                raise TypeError(f"{where} must be a Value, not {x!r}")
            if name == "output":
                continue
            if x.op:
                raise ValueError(f"{where} is computed from others ({x!r}): only leaves can be given numbers")
            if x in used:
                raise ValueError(f"{where} is {used[x]} too ({x!r}): give each leaf once")
            used[x] = where
