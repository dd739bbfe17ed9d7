import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taskworker_classifyimage.classify.ranking import rank_best, sigmoid, softmax, to_probabilities

LOGITS = st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=50)


@given(LOGITS)
def test_probabilities_sum_to_one_and_keep_the_order(logits: list[float]) -> None:
    """Large scores do not overflow, and a larger score never gives a smaller probability."""
    probabilities = softmax(np.array([logits], dtype=np.float32))[0]
    assert abs(probabilities.sum() - 1) < 1e-9
    order = np.argsort(logits, kind="stable")
    assert (np.diff(probabilities[order]) >= 0).all()


@given(LOGITS, st.integers(1, 60))
def test_the_best_come_first_and_ties_by_class_index(values: list[float], top: int) -> None:
    """The same scores always give the same order."""
    array = np.array(values)
    expected = sorted(range(len(values)), key=lambda index: (-array[index], index))[:top]
    assert rank_best(array, top) == expected


@given(LOGITS, st.floats(0.05, 20))
def test_a_temperature_divides_the_logits_and_changes_no_order(
    logits: list[float], temperature: float
) -> None:
    row = np.array([logits], dtype=np.float32)
    scaled = to_probabilities(row, "logits", temperature)
    assert np.allclose(scaled, softmax(row.astype(np.float64) / temperature))
    assert (np.diff(scaled[0][np.argsort(logits, kind="stable")]) >= 0).all()


def test_probabilities_are_scaled_as_their_logits_would_be() -> None:
    logits = np.array([[1.0, 2.0, 4.0]])
    made = softmax(logits).astype(np.float32)
    assert np.allclose(to_probabilities(made, "probabilities", 0.5), softmax(logits, 0.5))
    assert np.array_equal(to_probabilities(made, "probabilities"), made.astype(np.float64))


@given(LOGITS, st.floats(0.05, 20))
def test_independent_classes_do_not_change_each_other(
    logits: list[float], temperature: float
) -> None:
    """Each is the sigmoid of its own score, whatever the others are, and half at nought."""
    row = np.array([[*logits, 0.0]], dtype=np.float32)
    [found] = to_probabilities(row, "independent-logits", temperature)
    exact = row[0].astype(np.float64) / temperature
    assert np.allclose(found, np.exp(-np.logaddexp(0, -exact)))
    assert found[-1] == 0.5


def test_independent_probabilities_are_scaled_as_their_logits_would_be() -> None:
    logits = np.array([[-3.0, 0.0, 2.0]], dtype=np.float32)
    made = sigmoid(logits).astype(np.float32)
    assert np.allclose(to_probabilities(made, "independent", 0.5), sigmoid(logits, 0.5))
    sure = np.array([[0.0, 1.0]], dtype=np.float32)
    assert to_probabilities(sure, "independent", 2.0).tolist() == [[0.0, 1.0]]


def test_a_probability_of_nought_stays_nought() -> None:
    made = np.array([[0.0, 1.0]], dtype=np.float32)
    assert to_probabilities(made, "probabilities", 2.0).tolist() == [[0.0, 1.0]]
