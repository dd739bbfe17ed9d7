from pathlib import Path

from taskworker_classifyimage.local.category_outcomes import CategoryOutcomes
from taskworker_classifyimage.local.evaluation import top_k


def test_the_best_category_of_each_level_is_judged() -> None:
    """Whatever the best class is, and whatever else is more probable."""
    outcomes = CategoryOutcomes()
    found = (("alcohol", "overlapping"), ("food", "coarse"), ("dish", "fine"), ("drink", "fine"))
    categories = [
        {"id": each, "level": level, "probability": 0.9 - rank / 10}
        for rank, (each, level) in enumerate(found)
    ]
    outcomes.add(Path("1.jpg"), {"categories": categories}, "n07920052")
    [fine], [coarse] = outcomes.levels["fine"], outcomes.levels["coarse"]
    assert (fine.truth, fine.predicted, round(fine.confidence, 1)) == ("drink", ("dish",), 0.7)
    assert (coarse.truth, coarse.predicted, coarse.confidence) == ("food", ("food",), 0.8)
    assert (top_k([fine], 1), top_k([coarse], 1)) == (0, 1)
