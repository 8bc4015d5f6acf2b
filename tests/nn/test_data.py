"""What is handed to a model and is no sample, label or number: named by place, content and type, with what to do."""

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from tests.frame import Frame
from tinygrad_lite import Value
from tinygrad_lite.nn import MLP, LogisticRegression, train
from tinygrad_lite.nn.data import check_number, check_samples

X, Y = [[0.0, 1.0], [1.0, -1.0], [0.5, 2.0]], [0, 1, 1]
MODEL = LogisticRegression().fit([[-1, 1], [1, 1], [-1, 1], [1, 1]], [0, 0, 1, 1])
DATE = "a date or a duration: convert it to a number, such as days"

BAD = [
    ("tall", ValueError, "'tall' (str), text: convert it by float(), or code categories as numbers"),
    ("7.5", ValueError, "'7.5' (str), text: convert it by float()"),
    (b"7", ValueError, "b'7' (bytes), text: convert it by float()"),
    (None, ValueError, "None (NoneType), a missing value: fill it in, or leave its row out"),
    (1j, ValueError, "1j (complex): Complex data not supported"),
    (np.complex64(1j), ValueError, "np.complex64(1j) (complex64): Complex data not supported"),
    (Decimal("1.5"), ValueError, "Decimal('1.5') (Decimal): convert it by float()"),
    (Fraction(1, 2), ValueError, "Fraction(1, 2) (Fraction): convert it by float()"),
    (Value(1.0), ValueError, "Value(1.0, grad=0.0) (Value): convert it by float()"),
    ([1.0, 2.0], ValueError, "[1.0, 2.0] (list): one number is needed in its place"),
    (np.ones(1), ValueError, "array([1.]) (ndarray): one number is needed in its place"),
    (datetime.date(2020, 1, 2), ValueError, f"datetime.date(2020, 1, 2) (date), {DATE}"),
    (datetime.timedelta(1), ValueError, f"datetime.timedelta(days=1) (timedelta), {DATE}"),
    (np.datetime64("2020-01-02"), ValueError, f"np.datetime64('2020-01-02') (datetime64), {DATE}"),
    (np.timedelta64(1, "ns"), ValueError, f"np.timedelta64(1,'ns') (timedelta64), {DATE}"),
    ({"a": 1}, TypeError, "{'a': 1} (dict): float's argument must be a string or a real number"),
    (10**400, ValueError, "a whole number beyond the range of floats"),
    (10**5000, ValueError, "a whole number beyond the range of floats"),
    (float("nan"), ValueError, "nan: it must be a finite number, not NaN or inf"),
    (np.float32("inf"), ValueError, "np.float32(inf): it must be a finite number, not NaN or inf"),
]
NAMES = [f"{type(x).__name__}-{i}" for i, (x, *_) in enumerate(BAD)]


def holding(x):
    """X with x in row 1, column 0."""
    return [X[0], [x, X[1][1]], X[2]]


def column_of_objects(x):
    """As a data frame with a column of objects."""
    data = np.array(X, object)
    data[1, 0] = x
    return Frame(data)


@pytest.mark.parametrize("form", [holding, column_of_objects])
@pytest.mark.parametrize(("x", "error", "message"), BAD, ids=NAMES)
def test_what_is_no_number_is_named_by_place_content_and_type(x, error, message, form) -> None:
    message = f"row 1, column 0 of X is {message}"
    for call in (
        lambda: LogisticRegression().fit(form(x), Y),
        lambda: MODEL.predict(form(x)),
        lambda: train(MLP(2, [1]), form(x), Y),
    ):
        with pytest.raises(error) as caught:
            call()
        assert type(caught.value) is error
        assert str(caught.value).startswith(message)


@pytest.mark.parametrize(("x", "error", "message"), BAD, ids=NAMES)
def test_a_target_that_is_no_number_is_named_so_too(x, error, message) -> None:
    place = "target 1" if np.ndim(x) == 0 else "row 1, column 0"
    targets = [0, x, 1] if np.ndim(x) == 0 else [[0], [x], [1]]
    with pytest.raises(error) as caught:
        train(MLP(2, [1]), X, targets)
    assert str(caught.value).startswith(f"{place} of y is {message}")


def test_a_long_content_is_shortened() -> None:
    with pytest.raises(ValueError, match=r"^row 1, column 0 of X is 'x{10,40}\.\.\.x{10,40}' \(str\), text"):
        check_samples(holding("x" * 10**6))


@given(st.integers(-(10**300), 10**300) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_finite_number_of_any_type_is_its_float(x) -> None:
    scalars = [x, np.bool_(x)] if isinstance(x, bool) else [x, np.float64(x), np.longdouble(float(x))]
    assert [check_number(scalar, "x") for scalar in scalars] == [float(x)] * len(scalars)


RESHAPE = "one sample x is [x] or x.reshape(1, -1), as in X[:1]; one column x is x.reshape(-1, 1)"


@pytest.mark.parametrize("x", [[0.5, 2.0], (1, 2), np.array([0.5, 2.0]), np.array(X)[0], Frame([0.5, 2.0])])
def test_one_sample_is_told_its_shape(x) -> None:
    first = np.asarray(x).tolist()[0]
    given = f"row 0 is {first} ({type(first).__name__})"
    for method in (MODEL.predict, MODEL.predict_proba, MODEL.predict_log_proba, MODEL.decision_function):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 — the whole message is compared
            method(x)
        told = f"X must be a two-dimensional list or array, but {given}. Reshape your data: {RESHAPE}"
        assert str(caught.value) == told
    assert MODEL.predict([x] if not isinstance(x, Frame) else [x.numbers]).shape == (1,)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (3.0, r"X must be a two-dimensional list or array, but it is 3\.0 \(float\)\. Reshape your data"),
        ("ab", r"X must be a two-dimensional list or array, but it is 'ab' \(str\)$"),
        (None, r"X must be a two-dimensional list or array, but it is None \(NoneType\)$"),
        ({"a": [1]}, r"X must be a two-dimensional list or array, but it is \{'a': \[1\]\} \(dict\)$"),
        ([{"a": 1}], r"X must be a two-dimensional list or array, but row 0 is \{'a': 1\} \(dict\)$"),
        ([[1.0], range(1)], r"X must be a two-dimensional list or array, but row 1 is range\(0, 1\) \(range\)$"),
        (scipy.sparse.csr_matrix(X), r"X is a sparse csr_matrix: pass X\.toarray\(\)$"),
        ([scipy.sparse.csr_array(X)], r"X is a sparse csr_array: pass X\.toarray\(\)$"),
        (np.zeros((2, 2, 2)), r"row 0, column 0 of X is \[0\.0, 0\.0\] \(list\): one number is needed in its place$"),
        (np.array([["2020-01-01"]], "M8[ns]"), r"X holds dates or durations \(datetime64\[ns\]\): convert them to"),
        ([datetime.date(2020, 1, 2)], r"X holds dates or durations \(date\): convert them to numbers"),
        (Frame(np.array([[5]], "m8[s]")), r"X holds dates or durations \(timedelta64\[s\]\): convert them to numbers"),
        ([], r"X is empty: 0 sample\(s\) while a minimum of 1 is required\.$"),
        (np.empty((3, 0)), r"X is empty: 0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required\.$"),
    ],
)
def test_what_has_no_rows_of_numbers_is_named(data, message) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        check_samples(data)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, None, 1], r"Unknown label type: unknown: label 1 of y is None \(NoneType\), neither text nor a whole"),
        ([0, 1.5, 1], r"Unknown label type: continuous: label 1 of y is 1\.5 \(float\), neither text nor a whole"),
        ([0, 1, 1j], r"Unknown label type: unknown: label 2 of y is 1j \(complex\)"),
        ([b"a", b"b", b"a"], r"Unknown label type: unknown: label 0 of y is b'a' \(bytes\)"),
        ([0, "1", 1], r"label 1 of y is '1' \(str\), but another is 0: all must be text, or all numbers$"),
        (np.array(["2020-01-01"] * 3, "M8[D]"), r"y holds dates or durations \(datetime64\[D\]\)"),
        ([0, datetime.timedelta(1), 1], r"y holds dates or durations \(timedelta\): convert them to numbers"),
        (list("abc"), "Only binary classification is supported.*: label 2 of y is 'c', a third besides 'a' and 'b'$"),
        (np.zeros((3, 2)), r"y should be a 1d array, but label 0 of y is \[0\.0, 0\.0\] \(list\)$"),
        ([[0], [1], [0, 1]], r"y should be a 1d array, but label 0 of y is \[0\] \(list\)$"),
        ("abc", "y should be a 1d array, a list of 3 labels, one for each row of X: 'str' given$"),
    ],
)
def test_what_is_no_label_is_named(y, message) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        LogisticRegression().fit(X, y)
