"""The patients of notebooks/data/heart_disease.csv, and what is published of them.

Reference: Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning* (2nd edition, 2009), table 4.2.
"""

import csv

from tests.project import ROOT

PUBLISHED = {  # coefficient, standard error, Z
    "(intercept)": (-4.130, 0.964, -4.285),
    "sbp": (0.006, 0.006, 1.023),
    "tobacco": (0.080, 0.026, 3.034),
    "ldl": (0.185, 0.057, 3.219),
    "famhist": (0.939, 0.225, 4.178),
    "obesity": (-0.035, 0.029, -1.187),
    "alcohol": (0.001, 0.004, 0.136),
    "age": (0.043, 0.010, 4.184),
}
COLUMNS = list(PUBLISHED)[1:]


def patients() -> tuple[list[list[float]], list[int]]:
    """The seven columns in their own units, family history as 1 for Present, and the labels."""
    with (ROOT / "notebooks" / "data" / "heart_disease.csv").open(newline="", encoding="utf-8") as file:
        rows = [{**row, "famhist": row["famhist"] == "Present"} for row in csv.DictReader(file)]
    return [[float(row[name]) for name in COLUMNS] for row in rows], [int(row["chd"]) for row in rows]
