"""take: the bridge's oldest open tasks that this worker can do."""

from collections import deque
from collections.abc import Mapping, Sequence

from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.classify.base import Loaded
from taskworker_classifyimage.classify.labels import labels_of
from taskworker_classifyimage.tasks import Task

#: What a worker can do, as a bridge that routes by requirements compares it. 3.1.0 and the embedded
#: bridge give a task with `requirements` only to a worker whose abilities have all of these keys,
#: with equal values. One value a key: a worker with two languages offers one of them at a time.
Abilities = Mapping[str, str]


class Taker:
    """Takes tasks, with one of several sets of abilities after the other."""

    def __init__(self, bridge: Bridge, offers: Sequence[Abilities] = ({},)) -> None:
        self._bridge = bridge
        self._offers = deque(offers)

    @property
    def most(self) -> int:
        """How many tasks one take may get."""
        return self._bridge.most_tasks

    async def take(self, wait_s: float = 0.0, most: int = 1) -> list[Task]:
        """Takes the oldest open tasks; tries once.

        Args:
            wait_s: how long it may wait for one of any set of abilities, at a bridge that waits.
            most: how many tasks it may get.

        Raises:
            BridgeUnavailable: the bridge did not answer; it may have given us tasks.
        """
        offer, *others = self._offers
        self._offers.rotate(-1)
        taken = await self._bridge.take(offer, *others, wait_s=wait_s, most=most)
        return [Task(*each) for each in taken]


def offers_of(classifiers: Sequence[Loaded]) -> list[Abilities]:
    """Every pair of a model and a language; both change from one offer to the next.

    So a task that requires only one of them does not wait until all of the other had their turn.
    """
    by_model = [(classifier, labels_of(classifier.model).languages) for classifier in classifiers]
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
