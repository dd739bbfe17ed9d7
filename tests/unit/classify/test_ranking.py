import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taskworker_classifyimage.classify.ranking import rank_best, softmax

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
