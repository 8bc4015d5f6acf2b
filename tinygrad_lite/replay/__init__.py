"""A graph recorded once, and run with other numbers: in Python, by numba, by JAX."""
