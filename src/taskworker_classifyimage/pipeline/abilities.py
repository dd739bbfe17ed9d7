"""What this worker can do, as a bridge that routes by requirements compares it.

3.1.0 and the embedded bridge give a task with `requirements` only to a worker whose `abilities`
hold every key with an equal value. One value a key: who speaks two languages offers one at a time.
"""

from collections.abc import Mapping, Sequence

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.labels import labels_of

Abilities = Mapping[str, str]


def offers(classifiers: Sequence[Classifier]) -> list[Abilities]:
    """Every pair of a model and a language, in an order that changes both from one to the next.

    So a task that requires only one of them does not wait until all of the other had their turn.
    """
    by_model = [(each, labels_of(each.model).languages) for each in classifiers]
    turns = max(len(languages) for _, languages in by_model)
    return [
        {
            "model": classifier.model.name,
            "library": classifier.library,
            "device": classifier.device,
            "targetlanguage": languages[(turn + number) % turns],
        }
        for turn in range(turns)
        for number, (classifier, languages) in enumerate(by_model)
        if (turn + number) % turns < len(languages)
    ]
