"""Data as data frames hold them, without a library of data frames."""

import numpy as np


class Frame:
    """As a data frame: no array, but it can be made one; iterating over it gives names of columns."""

    def __init__(self, numbers):
        self.numbers = numbers

    def __array__(self, dtype=None, copy=None):
        return np.array(self.numbers, dtype)

    def __iter__(self):
        return iter("names")
