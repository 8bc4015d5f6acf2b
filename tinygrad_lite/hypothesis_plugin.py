"""What Hypothesis calls when it is imported, wherever tinygrad_lite is installed beside it."""

from typing import Any

from .engine.value import Value


def register() -> None:
    """Make `st.from_type(Value)` a leaf with a number of `strategies.values()`.

    In a room of its own: Hypothesis calls this also while `strategies` itself is importing Hypothesis.
    """
    from hypothesis import strategies as st

    def leaves(_type: Any) -> st.SearchStrategy[Value]:
        from .strategies import values

        return values().map(Value)

    st.register_type_strategy(Value, leaves)
