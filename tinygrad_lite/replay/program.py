"""`Program`: a graph recorded once, and replayed with other numbers at the speed of compiled code."""

import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Any, Literal

from ..engine.arguments import check_count, to_array
from ..engine.names import variables
from ..engine.value import Constant, Value, topological_order
from .instructions import Instructions, record
from .python_executor import StraightLine, source
from .recomputation import Recording

Executor = Literal["python", "compiled"]


class Program:
    """The graph below `output` as a function of its leaves: its mean over many samples, and the gradient.

        w, b, x, y = Value(0.5), Value(0.0), Value(-2.0), Value(1.0)
        loss = binary_cross_entropy_with_logits(w * x + b, y)
        program = Program(loss, parameters=[w, b], data=[x, y])
        mean, gradient = program([0.5, 0.25], [[-2, 1], [1, 0], [3, 1]])

    For one sample the numbers are those of Values, to the last bit, and so are the errors. What is recorded
    are the operations: an `if` on a Value is not, only the branch that was taken (relu, maximum and abs are
    operations). Leaves that are in neither list keep the numbers they have now. They, data, and what
    depends on these alone are numbers to the backward pass, which does not go there.

    Rows of one's own are compiled too, each set of them once on a machine. With a warning the program runs in
    Python where numba does not understand one, or would compute it otherwise (integers without bound). One that
    has a power in it may differ in the last bit.

    Args:
        output: what to compute: a Value, or a list of k Values.
        parameters: the p leaves to differentiate by; the gradient is 0 where output does not depend on one.
        data: the d leaves that each sample has numbers for.
        executor: "compiled" (by numba, of the extra `fast`; compiled on the first use on a machine, which
            takes 10 to 20 s) or "python"; None for the fastest that is installed.

    Attributes:
        executor: which one it is.

    Raises: TypeError for what is no Value; ValueError for a computed node among the leaves, a leaf given
        twice, no output, and an unknown executor; ImportError where "compiled" is not installed.
    """

    def __init__(
        self,
        output: Value | Sequence[Value],
        parameters: Iterable[Value],
        data: Iterable[Value] = (),
        *,
        executor: Executor | None = None,
    ) -> None:
        self._single = isinstance(output, Value)
        self._outputs = [output] if isinstance(output, Value) else _listed(output, "output")
        self._parameters, self._data = _listed(parameters, "parameters"), _listed(data, "data")
        _check(self._outputs, self._parameters, self._data)
        if executor not in ("python", "compiled", None):
            raise ValueError(f"unknown executor {executor!r}: use 'python', 'compiled', or None for the fastest")
        installed = _installed("numba")
        if executor == "compiled" and not installed:
            raise ImportError("the compiled executor needs numba: pip install 'tinygrad_lite[fast]'")
        self._forced = executor is not None
        self.executor: Executor = executor or ("compiled" if installed else "python")
        order = topological_order(*self._parameters, *self._data, *self._outputs)
        named = variables(sys._getframe(1))
        self._names = {x: name for x in order if (name := x.label or named.get(x))}
        self._frozen = {x: x.data for x in order if x.op is None and type(x) is not Constant}
        self._instructions = self._recorded()

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
        k, p = len(self._outputs), len(self._parameters)
        if self._single:
            return float(means[0]), to_array(means[1:])
        return to_array(means[:k]), to_array([means[k + i * p : k + (i + 1) * p] for i in range(k)])

    def outputs(self, theta: Any, batch: Any = None, *, threads: int = 1) -> Any:
        """The output for each sample, without gradient: of shape (m,), or (m, k) for a list of k outputs.

        Without data it is a number, or of shape (k,). Arguments and errors are those of a call.
        """
        _, outputs = self._run(theta, batch, False, threads)
        if self._single:
            outputs = outputs[:, 0] if hasattr(outputs, "shape") else [output[0] for output in outputs]
        return to_array(outputs) if self._data else to_array(outputs)[0]

    def to_jax(self) -> Callable[..., tuple[Any, Any]]:
        """The program as a JAX function: `jax.jit(program.to_jax())(theta, batch)` gives mean and gradient.

        JAX compiles it for CPUs and GPUs, and for several of them where the batch is sharded. It computes in
        float64 where `jax_enable_x64` is set, else in float32, with JAX's own functions and order of addition:
        not to the last bit, and a number that is not finite is no error there.

        Raises: ImportError without JAX; when called, ValueError for other shapes.
        """
        if not _installed("jax"):
            raise ImportError("to_jax needs JAX: pip install jax")
        from .jax_function import jax_function

        function = jax_function(self._instructions)
        if not self._single:
            return function

        def single(theta: Any, batch: Any = None) -> tuple[Any, Any]:
            means, gradients = function(theta, batch)
            return means[0], gradients[0]

        return single

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
        return {name: x for name, x in vars(self).items() if name not in ("_executor", "_instructions")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._instructions = self._recorded()  # with the rows of this process: values and slopes of the same ones

    def _recorded(self) -> Instructions:
        return record(self._outputs, self._parameters, self._data, self._names, self._frozen)

    def _run(self, theta: Any, batch: Any, gradients: bool, threads: int) -> tuple[Any, Any]:
        """The means of the outputs and, if asked for, of the gradients, as one list; the outputs of each sample."""
        if batch is None and self._data:
            raise TypeError(f"batch is missing: call program(theta, batch), with {len(self._data)} numbers a sample")
        if batch is not None and not self._data:
            raise TypeError("batch is too much: call program(theta)")
        batch = [[]] if batch is None else batch
        return self._executor(theta, batch, gradients, check_count(threads, "threads"), self._recomputation(gradients))

    @cached_property
    def _executor(self) -> Callable[..., tuple[Any, Any]]:
        if self.executor == "compiled" and (self._forced or _installed("numba")):  # it may have been pickled elsewhere
            from .compiling import NotCompilableError
            from .numba_executor import Compiled

            try:
                return Compiled(self._instructions)
            except NotCompilableError as error:
                if self._forced:
                    raise
                warnings.warn(f"{error}. The program runs in Python", RuntimeWarning, stacklevel=5)
        self.executor = "python"
        return StraightLine(self._instructions)

    def _recomputation(self, gradients: bool) -> Callable[[Sequence[float], Sequence[float], int], list[float]]:
        """A function that computes sample i with Values: what its numbers are, or the error that they raise."""
        recordings: list[Recording] = []  # one for each call, for threads may call at the same time

        def exact(theta: Sequence[float], sample: Sequence[float], i: int) -> list[float]:
            if not recordings:
                recordings.append(Recording(self._outputs, self._parameters, self._data, self._frozen))
            try:
                return recordings[0].run(theta, sample, gradients)
            except (ArithmeticError, ValueError) as error:
                raise type(error)(f"{error}, in sample {i}" if self._data else str(error)) from None

        return exact


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # barred from being imported, by None in sys.modules
        return False


def _listed(nodes: Any, name: str) -> list[Any]:
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
